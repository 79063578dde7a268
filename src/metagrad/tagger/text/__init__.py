"""Raw text into sentences and words.

=================  ================================================================
``tokenizer.py``   what a model does with raw text; it travels in the model's file
``streams.py``     text as it comes, of any length; text that is split already
``sentences.py``   where sentences end, by rule
``words.py``       where words end, by rule: English, and any other language
``segmenter.py``   where words and sentences end, learned from a treebank
``clues.py``       what that reads about a place in a text
``marks.py``       quotation marks, dashes and apostrophes that the treebank does not have
``division.py``    tokens that stand for several words, learned from a treebank
``forms.py``       words as the training corpus writes them
=================  ================================================================
"""
