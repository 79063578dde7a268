"""``metagrad tag evaluate``: report on a trained tagger, list its errors, compare it with another."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from metagrad.tagger.commands.fit import check_columns, unknown_tags, warning
from metagrad.tagger.commands.options import CORPUS_HELP, MODEL, Help, add_file_options, load, writable
from metagrad.tagger.commands.parts import divide
from metagrad.tagger.comparison import Comparison, by_tag, compare
from metagrad.tagger.corpora import Corpus, Sentence, default_corpus
from metagrad.tagger.learning import evaluate
from metagrad.tagger.metrics import Scores
from metagrad.tagger.report import shown, summary, write_report
from metagrad.tagger.spans import converted, tags_of
from metagrad.tagger.tagset import for_json
from metagrad.tagger.trained import Model
from metagrad.utils.metrics.spans import spans_of

NAMED = ("treebank", "sample")
AROUND = 5  # words shown on each side of an error


def add_to(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser("evaluate", help="report on a trained tagger; compare two", formatter_class=Help)
    parser.set_defaults(run=run)
    parser.add_argument("--model", type=Path, default=Path(MODEL))
    parser.add_argument("--against", type=Path, help="another model, to compare with on the same sentences")
    parser.add_argument("--corpus", help=f"{CORPUS_HELP}; without it what the model was trained on")
    add_file_options(parser, "by default the one the model was trained on")
    parser.add_argument(
        "--part", choices=("train", "dev", "test", "all"),
        help="which part; by default the test part of the corpus the model was trained on, all of another one",
    )  # fmt: skip
    parser.add_argument("--errors", type=int, default=0, metavar="N", help="list the first N errors in their context")
    parser.add_argument("--report", type=Path, help="the folder to write a report into")
    parser.add_argument("--json", action="store_true", help="print JSON")


def chosen_corpus(model: Model, options: argparse.Namespace) -> Corpus:
    """The corpus named, or the one the model was trained on; read as the model's was where the options do not say."""
    about = model.about
    name = options.corpus or about.get("path")
    if name is None:
        print("The model does not say what it was trained on, perhaps on some of these sentences too.", file=sys.stderr)
        return default_corpus()[0]
    if options.corpus is None:
        for option in ("format", "columns", "separator"):
            if name not in NAMED and getattr(options, option) is None:
                setattr(options, option, about.get(option))
    return load(name, options, model.column)


def chosen_part(corpus: Corpus, model: Model, options: argparse.Namespace) -> tuple[str, list[Sentence]]:
    """The sentences to evaluate on, and which part of the corpus they are."""
    about = model.about
    trained_on_it = about.get("corpus") == corpus.name and about.get("sentences") == len(corpus.sentences)
    part = options.part or ("test" if trained_on_it else "all")
    if part == "all":
        return part, corpus.sentences
    parts = divide(corpus, str(about.get("dev", 0.1)), about.get("test"), options)
    chosen: list[Sentence] = getattr(parts, part)
    return part, chosen


def run(options: argparse.Namespace) -> int:
    """Print, and if asked write, a report on a trained tagger."""
    if options.errors < 0:
        raise ValueError(f"--errors must be at least 0, got {options.errors}")
    if options.report is not None:
        writable("--report", options.report, is_folder=True)
    model = Model.load(options.model)
    other = None if options.against is None else Model.load(options.against)
    corpus = chosen_corpus(model, options)
    check_columns(corpus, model, str(options.model))
    if other is not None:
        check_columns(corpus, other, str(options.against))
    part, sentences = chosen_part(corpus, model, options)
    if not sentences:
        raise ValueError(f"there are no sentences in the part {part!r} of {corpus.name}: choose another --part")
    scheme = model.about.get("scheme")
    sentences = sentences if scheme is None else converted(sentences, scheme)
    for one, path in ((model, options.model), (other, options.against)):
        if one is not None and (warned := warning(corpus, in_its_scheme(sentences, one), one, options, str(path))):
            print(f"Warning: {warned}", file=sys.stderr)
    scores, found = evaluate(model, sentences)
    details: dict[str, Any] = {
        "corpus": corpus.name, "part": part, "model": str(options.model), "settings": model.settings.as_dict(),
        "column": corpus.column, "unknown_tags": dict(unknown_tags(sentences, model)),
    }  # fmt: skip
    comparison = other_scores = None
    if other is not None:
        own_sentences = in_its_scheme(sentences, other)
        other_scores, other_found = evaluate(other, own_sentences)
        if scheme is not None:
            other_found = [tags_of(spans_of(tags), len(tags), scheme) for tags in other_found]
        comparison = compare([[t for _, t in s] for s in sentences], found, other_found)
        details["against"] = {
            "model": str(options.against), "unknown_tags": dict(unknown_tags(own_sentences, other)),
            **other_scores.as_dict(), "comparison": comparison.as_dict(),
        }  # fmt: skip
    errors = [] if not options.errors else list(errors_in_context(sentences, found, model))[: options.errors]
    compared = ""
    if comparison is not None and other_scores is not None:
        compared = f"A is {options.model}, B is {options.against}\n{as_text(scores, other_scores, comparison)}"
    title = f"{options.model} on {corpus.source}, part: {part}"
    if options.report is not None:
        write_report(options.report, scores, title, details, errors=errors, compared=compared)
    if options.json:
        print(json.dumps({**details, "errors": errors, **scores.as_dict()}, ensure_ascii=False))
        return 0
    print(f"{title}; {scores.sentences:,} sentences\n{summary(scores)}")
    if compared:
        print(f"\n{compared}")
    for error in errors:
        print(f"\n{error['place']}: {error['word']!r} is {shown(error['actual'])}, found {shown(error['found'])}"
              f"{'' if error['known'] else ' (unknown word)'}\n    {error['context']}")  # fmt: skip
    return 0


def in_its_scheme(sentences: Sequence[Sentence], model: Model) -> list[Sentence]:
    """The sentences with their spans written as the model writes them."""
    scheme = model.about.get("scheme")
    return list(sentences) if scheme is None else converted(sentences, scheme)


def as_text(a: Scores, b: Scores, comparison: Comparison) -> str:
    """The comparison for reading: the accuracies side by side, the tests, and the tags that differ most."""
    names = {
        "overall": "all tokens",
        "known": "known words",
        "unknown": "unknown words",
        "whole_sentences": "whole sentences",
    }
    lines = [f"  {'accuracy':<18} {'A':>8} {'B':>8} {'A - B':>9}"]
    for attribute, name in names.items():
        x, y = getattr(a, attribute).value, getattr(b, attribute).value
        if x is not None and y is not None:
            lines.append(f"  {name:<18} {x:>8.4f} {y:>8.4f} {x - y:>+9.4f}")
    lines += [str(comparison), f"  {'tag':<10} {'F1 of A':>8} {'F1 of B':>8} {'A - B':>9} {'words':>8}"]
    for x, y in by_tag(a, b):
        if x.right != y.right or x.predicted != y.predicted:
            lines.append(f"  {x.tag:<10} {x.f1:>8.4f} {y.f1:>8.4f} {x.f1 - y.f1:>+9.4f} {x.actual:>8,}")
    return "\n".join(lines)


def errors_in_context(
    sentences: Sequence[Sentence], found: Sequence[Sequence[str]], model: Model
) -> Iterator[dict[str, Any]]:
    """Every word that was tagged wrong, with the words about it; its own tag and the one found stand behind it."""
    for number, (sentence, tags) in enumerate(zip(sentences, found, strict=True), start=1):
        for t, ((word, actual), tag) in enumerate(zip(sentence, tags, strict=True)):
            if tag != actual:
                before = [w for w, _ in sentence[max(0, t - AROUND) : t]]
                after = [w for w, _ in sentence[t + 1 : t + 1 + AROUND]]
                yield {
                    "place": f"sentence {number}, word {t + 1}", "word": word,
                    "actual": for_json(actual, model.columns), "found": for_json(tag, model.columns),
                    "known": model.lexicon.knows(word),
                    "context": " ".join([*before, f"[{word}]", *after]),
                }  # fmt: skip
