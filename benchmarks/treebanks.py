"""Treebanks of Universal Dependencies, as published: words and sentences found in raw text, and words tagged.

``segmentation`` learns from one part of a treebank where words and sentences end, and counts them on another part's raw text.
``treebanks`` trains a tagger on the training part of each in a folder, and looks at the official test part, of which it is
given the words, and then the raw text. A word of raw text is right with its token's place in the text and its form.
"""

import itertools
from collections import Counter
from pathlib import Path

from metagrad.tagger.corpora import load_corpus
from metagrad.tagger.tagging import Tagger
from metagrad.tagger.text.tokenizer import Tokenizer


def add_to(kinds):
    """The subcommands and their options."""
    segmentation = kinds.add_parser("segmentation")
    segmentation.add_argument("--train", required=True, help="a CoNLL-U file to learn from")
    segmentation.add_argument("--test", required=True, help="a CoNLL-U file whose raw text is cut")
    segmentation.set_defaults(run=run_segmentation)
    treebanks = kinds.add_parser("treebanks")
    treebanks.add_argument("--folder", type=Path, required=True, help="of files named …-train.conllu and …-test.conllu")
    treebanks.add_argument("--only", nargs="*", help="beginnings of the names of those wanted")
    treebanks.add_argument("--preset", default="fast")
    treebanks.add_argument("--column", default="UPOS")
    treebanks.add_argument("--seed", type=int, default=0)
    treebanks.set_defaults(run=run_treebanks)


def raw(sentences):
    """The raw text of a treebank, and its true spans in characters that are no blanks: of tokens, sentences, and words."""
    text, place, tokens, ends, words = "", 0, Counter(), Counter(), Counter()
    for sentence in sentences:
        if sentence.begins_paragraph and text:
            text = text.rstrip() + "\n\n"
        start = place
        for token in sentence.tokens:
            text += token.form + " " * token.space_after
            end = place + len("".join(token.form.split()))
            tokens[place, end] += 1
            words.update((place, end, word) for word in token.words)
            place = end
        ends[start, place] += 1
    return text, tokens, ends, words


def found_in(text, tokenizer):
    """The spans that a tokenizer finds."""
    solid = [0, *itertools.accumulate(not c.isspace() for c in text)]
    tokens, ends, words = Counter(), Counter(), Counter()
    for sentence in tokenizer.sentences(text):
        tokens.update({(solid[w.start], solid[w.end]) for w in sentence})
        ends[solid[sentence[0].start], solid[sentence[-1].end]] += 1
        words.update((solid[w.start], solid[w.end], w.form) for w in sentence)
    return tokens, ends, words


def run_segmentation(options):
    """F1 of tokens, sentences and words; a word is right with its token's place and its form."""
    tokenizer = Tokenizer.of(load_corpus(options.train).sentences)
    text, *true = raw(load_corpus(options.test).sentences)
    for name, a, b in zip(("tokens", "sentences", "words"), true, found_in(text, tokenizer)):
        print(f"{name}: F1 {f1(a, b):.4f}", end="   ")
    print(f"({tokenizer.kind})")


def f1(a, b):
    """The harmonic mean of the shares of a and of b that are in both."""
    return 2 * (a & b).total() / (a.total() + b.total())


def run_treebanks(options):
    """Print a table in Markdown, a row as soon as it is measured."""
    print(
        f"| treebank | words to learn from | {options.column}, words given | tokens | sentences | words | {options.column} |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for train in sorted(options.folder.glob("*-train.conllu")):
        name = train.name.removesuffix("-train.conllu")
        if options.only and not name.startswith(tuple(options.only)):
            continue
        corpus = load_corpus(train, tag_column=options.column)
        test = load_corpus(train.with_name(f"{name}-test.conllu"), tag_column=options.column).sentences
        tagger = Tagger.train(corpus, options.preset, seed=options.seed)
        figures = [tagger.score(test), *raw_scores(tagger, test)]
        words = sum(map(len, corpus.sentences))
        print(f"| {name} | {words:,} | " + " | ".join(f"{100 * figure:.2f}" for figure in figures) + " |", flush=True)


def raw_scores(tagger, test):
    """F1 of the tokens, sentences and words found in the raw text of a treebank, and of the words with their tags."""
    text, *true = raw(test)
    found = found_in(text, tagger.model.tokenizer)
    solid = [0, *itertools.accumulate(not c.isspace() for c in text)]
    tagged = Counter((solid[w.start], solid[w.end], w.word, w.tag) for s in tagger.annotate(text) for w in s)
    return [*map(f1, true, found), f1(tags_of(test), tagged)]


def tags_of(sentences):
    """The true words with their places, as ``raw`` counts them, and their tags."""
    found, place = Counter(), 0
    for sentence in sentences:
        tags = iter(sentence)
        for token in sentence.tokens:
            end = place + len("".join(token.form.split()))
            found.update((place, end, word, next(tags)[1]) for word in token.words)
            place = end
    return found
