"""The exercises of the book: a file to work in, and checks that say which line of a derivation is still missing.

``metagrad learn`` lists the chapters, ``metagrad learn start 3`` writes the file, ``metagrad learn check 3`` checks it.

===============  ==============================================================
``exercise.py``  ``Exercise``: what is asked, what is right, and known mistakes
``answers.py``   comparing what came out with what should
``grading.py``   checking a learner's file, in a process of its own
``commands.py``  ``metagrad learn | start | check``
``chapters/``    the exercises, a file for each chapter
===============  ==============================================================
"""
