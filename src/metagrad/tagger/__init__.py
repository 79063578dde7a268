"""The application: a part-of-speech tagger, from tagged text to a model file and back to tagged text.

==================  =========================================================
``corpora/``        tagged sentences: the treebank, files, the sample
``splits.py``       training, held-out and test part
``tokenize.py``     raw text into sentences and words
``vocabulary.py``   numbers for words and for how they are spelled
``batches.py``      padded arrays
``model.py``        the network
``training.py``     the training loop
``metrics.py``      accuracy, precision, recall, confusion
``report.py``       the report: text, JSON, pictures
``tagging.py``      a trained tagger, its file, and tagging with it
``commands.py``     ``metagrad tag train | evaluate | predict``
==================  =========================================================
"""
