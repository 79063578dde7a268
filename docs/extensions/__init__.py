"""What the site adds to Sphinx.

================  ===================================================================
``formulas.py``   mathematics as MathML, which a browser shows without a script
``library.py``    ``library``: a part of metagrad's own source, by the name it has
``api.py``        the reference, from the docstrings
``exercises.py``  ``exercises``: a chapter's exercises, as ``metagrad learn`` has them
================  ===================================================================
"""
