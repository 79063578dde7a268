"""``metagrad tag train | evaluate | predict``: what the options mean, and what is printed."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from metagrad import random
from metagrad.extras import need
from metagrad.tagger.batches import encode
from metagrad.tagger.corpora import CONLLU_COLUMNS, FORMATS, Corpus, Sentence, default_corpus, load_corpus
from metagrad.tagger.metrics import Scores, score
from metagrad.tagger.model import CELLS, Settings
from metagrad.tagger.report import summary, write_report
from metagrad.tagger.splits import Split, split
from metagrad.tagger.tagging import Tagged, Tagger
from metagrad.tagger.tokenize import read_chunks, tokenize_raw, tokenize_split
from metagrad.tagger.training import OPTIMIZERS, Epoch, Recipe, Trainer, predict
from metagrad.tagger.vocabulary import DESCRIPTIONS, Lexicon

MODEL = "tagger-model.safetensors"
REPORT = "tagger-report"
CORPUS_HELP = (
    "treebank (NLTK's sample), sample (comes with metagrad), or a file: CoNLL-U, word_TAG lines, or two columns"
)


def add_to(commands: Any) -> None:
    """Add the three commands to a parser."""
    net, how = Settings(), Recipe()
    train = commands.add_parser("train", help="train a tagger and report on it", formatter_class=_Help)
    train.set_defaults(run=run_train)
    train.add_argument("--corpus", help=f"{CORPUS_HELP}; without it the treebank if it can be had, else the sample")
    _add_file_options(train)
    train.add_argument("--cell", choices=CELLS, default=net.cell, help="the recurrent layer")
    train.add_argument("--layers", type=int, default=net.layers, help="recurrent layers")
    train.add_argument("--hidden", type=int, default=net.hidden, help="features of each layer and direction")
    train.add_argument("--embedding", type=int, default=net.embedding, help="features of a word")
    train.add_argument(
        "--bidirectional", action=argparse.BooleanOptionalAction, default=net.bidirectional, help="read both ways"
    )
    train.add_argument(
        "--spelling", action=argparse.BooleanOptionalAction, default=net.spelling,
        help="describe words by their letters too, which helps with unknown ones",
    )  # fmt: skip
    train.add_argument("--dropout", type=float, default=net.dropout, help="share of features dropped while training")
    train.add_argument("--word-dropout", type=float, default=how.word_dropout, help="share of words made unknown")
    train.add_argument("--optimizer", choices=OPTIMIZERS, default=how.optimizer)
    train.add_argument("--lr", type=float, help="learning rate; without it the optimizer's usual one")
    train.add_argument("--batch-size", type=int, default=how.batch_size, help="sentences a step")
    train.add_argument("--epochs", type=int, default=how.epochs, help="at the most")
    train.add_argument("--patience", type=int, default=how.patience, help="epochs without improvement before it stops")
    train.add_argument("--seed", type=int, default=how.seed, help="the same seed gives the same model, to the bit")
    train.add_argument("--output", type=Path, default=Path(MODEL), help="where to write the model")
    train.add_argument("--report", type=Path, default=Path(REPORT), help="the folder to write the report into")

    evaluate = commands.add_parser("evaluate", help="report on a trained tagger", formatter_class=_Help)
    evaluate.set_defaults(run=run_evaluate)
    evaluate.add_argument("--model", type=Path, default=Path(MODEL))
    evaluate.add_argument("--corpus", help=f"{CORPUS_HELP}; without it what the model was trained on")
    _add_file_options(evaluate)
    evaluate.add_argument(
        "--part", choices=("train", "dev", "test", "all"),
        help="which part; by default the test part of the corpus the model was trained on, all of another one",
    )  # fmt: skip
    evaluate.add_argument("--report", type=Path, help="the folder to write a report into")
    evaluate.add_argument("--json", action="store_true", help="print JSON")

    tag = commands.add_parser("predict", help="tag text", formatter_class=_Help)
    tag.set_defaults(run=run_predict)
    tag.add_argument("text", nargs="*", help="text to tag; without it a file, or standard input")
    tag.add_argument("--model", type=Path, default=Path(MODEL))
    tag.add_argument("--file", type=Path, help="a text file, UTF-8; - is standard input")
    tag.add_argument(
        "--split", action="store_true", help="the text has one sentence a line and spaces between its tokens"
    )
    tag.add_argument("--json", action="store_true", help="one JSON object a sentence, with probabilities")


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, except where there is none."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False) or action.default is argparse.SUPPRESS:
            return action.help
        return super()._get_help_string(action)


def _add_file_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=FORMATS, help="of a corpus file, where its first lines do not tell")
    parser.add_argument("--separator", help="between word and tag in word_TAG text: _ or / if not given")
    parser.add_argument(
        "--tag-column", choices=CONLLU_COLUMNS, type=str.upper,
        help="of a CoNLL-U file; by default XPOS, or UPOS where that is empty",
    )  # fmt: skip


def _load(name: str, options: argparse.Namespace) -> Corpus:
    columns = None if options.tag_column is None else ("FORM", options.tag_column)
    return load_corpus(name, format=options.format, separator=options.separator, columns=columns)


def _progress(steps: Iterable[Any], count: int, title: str) -> Iterator[Any]:
    """A tqdm bar on standard error that goes away when it is full."""
    return iter(
        need("tqdm", "tagger").tqdm(steps, total=count, desc=title, leave=False, unit="batch", dynamic_ncols=True)
    )


# ------------------------------------------------ train


def run_train(options: argparse.Namespace) -> int:
    """Train, write the model and the report, and say what to do next."""
    settings = Settings(
        options.cell, options.layers, options.hidden, options.embedding, options.bidirectional, options.dropout,
        options.spelling,
    )  # fmt: skip
    recipe = Recipe(
        options.optimizer, options.lr, options.batch_size, options.epochs, options.patience, options.word_dropout,
        seed=options.seed,
    )  # fmt: skip
    need("tqdm", "tagger"), need("matplotlib", "tagger")  # now, and not after the training
    if not options.output.parent.is_dir():
        raise ValueError(f"--output {options.output}: the folder {options.output.parent} does not exist")
    if options.corpus is None:
        corpus, notice = default_corpus()
    else:
        corpus = _load(options.corpus, options)
        notice = f"Using {corpus.source} ({len(corpus.sentences)} sentences)."
    print(notice)
    parts = split(corpus)
    print(f"{len(parts.train):,} sentences to train, {len(parts.dev):,} held out to choose the best epoch, "
          f"{len(parts.test):,} to test.")  # fmt: skip

    about = {
        "corpus": corpus.name,
        "path": options.corpus or corpus.name,
        "sentences": len(corpus.sentences),
        **recipe.as_dict(),
    }
    tagger = new_tagger(parts, settings, recipe, about)
    parameters = sum(p.numel() for p in tagger.network.parameters())
    print(f"{parameters:,} parameters; {len(tagger.tags)} tags; training ...")
    trainer = Trainer(tagger.network, recipe)
    train, dev = (encode(part, tagger.lexicon, tagger.tags) for part in (parts.train, parts.dev))
    trainer.fit(train, dev, _progress, _print_epoch)
    if trainer.best is None:
        print("Stopped before the first epoch was over: nothing to keep.", file=sys.stderr)
        return 130
    if trainer.interrupted:
        print("Stopped; keeping the best epoch.")
    about["best_epoch"] = trainer.best.number
    tagger.save(options.output)

    scores = evaluate_tagger(tagger, parts.test)
    print(f"\nBest epoch: {trainer.best.number}. Accuracy on the {len(parts.test):,} test sentences:")
    print(summary(scores))
    title = f"Part-of-speech tagger, trained on {corpus.source}"
    details = {"corpus": corpus.name, "settings": settings.as_dict(), "training": about}
    write_report(options.report, scores, title, details, trainer.history)
    model_option = "" if str(options.output) == MODEL else f" --model {shlex.quote(str(options.output))}"
    print(f"\nModel: {options.output}\nReport: {options.report / 'report.txt'}, with pictures and JSON beside it")
    print(f'\nTry it:\n  metagrad tag predict{model_option} "Time flies like an arrow."')
    return 0


def new_tagger(parts: Split, settings: Settings, recipe: Recipe, about: dict[str, Any]) -> Tagger:
    """An untrained tagger whose vocabularies and tags come from the training part alone."""
    random.manual_seed(recipe.seed)
    words = [word for sentence in parts.train for word, _ in sentence]
    tags = sorted({tag for sentence in parts.train for _, tag in sentence})
    lexicon = Lexicon.of(words, DESCRIPTIONS if settings.spelling else ["word"])
    return Tagger.new(settings, lexicon, tags, about)


def _print_epoch(epoch: Epoch, is_best: bool) -> None:
    print(
        f"epoch {epoch.number:>3}   loss {epoch.train_loss:.4f}   held out: loss {epoch.dev_loss:.4f}, accuracy "
        f"{epoch.dev_accuracy:.4f}{' *' if is_best else '  '}   {epoch.seconds:.1f} s",
        flush=True,
    )


# ------------------------------------------------ evaluate


def evaluate_tagger(tagger: Tagger, sentences: list[Sentence]) -> Scores:
    """Tag sentences whose tags are known, and count. Here, unlike in predict, a trace may be predicted."""
    found, _ = predict(tagger.network, encode(sentences, tagger.lexicon, tagger.tags))
    return score(sentences, ([tagger.tags[k] for k in row] for row in found), tagger.lexicon.knows)


def _part(corpus: Corpus, name: str | None, tagger: Tagger) -> tuple[str, list[Sentence]]:
    trained_on_it = tagger.about.get("corpus") == corpus.name and tagger.about.get("sentences") == len(corpus.sentences)
    chosen = name or ("test" if trained_on_it else "all")
    return chosen, corpus.sentences if chosen == "all" else getattr(split(corpus), chosen)


def run_evaluate(options: argparse.Namespace) -> int:
    """Print, and if asked write, a report on a trained tagger."""
    tagger = Tagger.load(options.model)
    corpus = _load(options.corpus or tagger.about["path"], options)
    part, sentences = _part(corpus, options.part, tagger)
    scores = evaluate_tagger(tagger, sentences)
    details = {"corpus": corpus.name, "part": part, "model": str(options.model), "settings": tagger.settings.as_dict()}
    title = f"{options.model} on {corpus.source}, part: {part}"
    if options.report is not None:
        need("matplotlib", "tagger")
        write_report(options.report, scores, title, details)
    if options.json:
        print(json.dumps({**details, **scores.as_dict()}, ensure_ascii=False))
    else:
        print(f"{title}; {scores.sentences:,} sentences\n{summary(scores)}")
    return 0


# ------------------------------------------------ predict


@contextmanager
def _lines(options: argparse.Namespace) -> Iterator[Iterable[str]]:
    """The text to tag, in pieces."""
    if options.text:
        if options.file is not None:
            raise ValueError("give either text or --file, not both")
        yield [text + "\n\n" for text in options.text]
    elif options.file is None or str(options.file) == "-":
        yield read_chunks(sys.stdin)
    else:
        with open(options.file, encoding="utf-8-sig") as file:
            yield read_chunks(file)


def _tokenized(text: Iterable[str], tagger: Tagger) -> Iterator[list[str]]:
    """Raw text as words, with brackets and quotation marks as the training corpus writes them."""
    knows = tagger.lexicon.knows
    plain_quotes = knows('"') and not knows("``")
    for words in tokenize_raw(text, convert_parentheses=knows("-LRB-")):
        yield ['"' if plain_quotes and word in ("``", "''") else word for word in words]


def run_predict(options: argparse.Namespace) -> int:
    """Tag text as it comes, and print it."""
    tagger = Tagger.load(options.model)
    at_once = 1 if options.file is None and not options.text else 256  # answer at once to someone who types
    with _lines(options) as lines:
        sentences = tokenize_split(lines) if options.split else _tokenized(lines, tagger)
        for tagged in tagger.tag_all(sentences, at_once):
            _print_tagged(tagged, options.json, sys.stdout)
    return 0


def _print_tagged(tagged: list[Tagged], as_json: bool, out: TextIO) -> None:
    if as_json:
        tokens = [{"word": t.word, "tag": t.tag, "probability": round(t.probability, 6)} for t in tagged]
        print(json.dumps({"tokens": tokens}, ensure_ascii=False), file=out, flush=True)
    else:
        print(" ".join(f"{t.word}/{t.tag}" for t in tagged), file=out, flush=True)
