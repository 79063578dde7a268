"""``metagrad tag predict``: tag text as it comes."""

from __future__ import annotations

import argparse
import json
import queue
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, TypeVar

from metagrad.tagger.commands.options import MODEL, Help
from metagrad.tagger.corpora.conllu import Cell, read_documents, sentence_text, writable_column
from metagrad.tagger.corpora.sources import unpacking
from metagrad.tagger.tagset import TAB
from metagrad.tagger.text.streams import LONGEST_LINE, lines_of, read_chunks, tokenize_split, without_mark
from metagrad.tagger.text.tokenizer import Word
from metagrad.tagger.trained import AT_ONCE, Model, Tagged

Item = TypeVar("Item")


def add_to(commands: Any) -> None:
    """Add the command to a parser."""
    tag = commands.add_parser("predict", help="tag text", formatter_class=Help)
    tag.set_defaults(run=run)
    tag.add_argument("text", nargs="*", help="text to tag; without it a file, or standard input")
    tag.add_argument("--model", type=Path, default=Path(MODEL))
    tag.add_argument("--file", type=Path, help="a text file, UTF-8, also .gz, .bz2 or .xz; - is standard input")
    form = tag.add_mutually_exclusive_group()
    form.add_argument(
        "--split", action="store_true", help="the text has one sentence a line and spaces between its tokens"
    )
    form.add_argument(
        "--lines", action="store_true",
        help="each line of the text stands by itself, and is answered as soon as it has come, in JSON with its number; "
        "so it is for one who types",
    )  # fmt: skip
    form.add_argument(
        "--conllu", action="store_true",
        help="the text is CoNLL-U, and so is the answer: all of it as it was, but for the column of the tags",
    )  # fmt: skip
    tag.add_argument(
        "--tag-column", metavar="NAME", type=str.upper,
        help="of CoNLL-U, for the tags; by default the one the model was trained on",
    )  # fmt: skip
    form.add_argument(
        "--to-conllu",
        action="store_true",
        help="the text is raw, and the answer CoNLL-U, of words, multiword tokens and tags",
    )
    tag.add_argument("--json", action="store_true", help="one JSON object a sentence, with probabilities")


@contextmanager
def given(options: argparse.Namespace) -> Iterator[Iterable[str]]:
    """The text to tag, in pieces."""
    if options.text:
        if options.file is not None:
            raise ValueError("give either text or --file, not both")
        if options.conllu:
            raise ValueError("--conllu reads a file or standard input: put the text there, not on the command line")
        yield [text + "\n\n" for text in options.text]
    elif options.file is None or str(options.file) == "-":
        if sys.stdin is None:
            raise ValueError("standard input is closed: give a text or --file")
        yield read_chunks(unpacking(sys.stdin.buffer, "standard input"), "standard input")
    else:
        if not options.file.exists():
            raise FileNotFoundError(
                f"there is no file {options.file} to tag: --file is the path of a text, and - is standard input"
            )
        with open(options.file, "rb") as file:
            yield read_chunks(unpacking(file, str(options.file)), str(options.file))


def run(options: argparse.Namespace) -> int:
    """Tag text as it comes, and print it."""
    if (options.conllu or options.to_conllu) and options.json:
        raise ValueError("--conllu and --to-conllu answer in CoNLL-U: leave out --json")
    conllu = options.conllu or options.to_conllu
    if options.tag_column is not None and not conllu:
        raise ValueError("--tag-column is of CoNLL-U: add --conllu or --to-conllu, or leave it out")
    writable_column(options.tag_column)
    if sys.stdout is None:
        raise ValueError("standard output is closed: there is nowhere to write to")
    model = Model.load(options.model)
    if conllu:
        model.check_column(options.tag_column)
    with given(options) as text:
        if options.conllu:
            return run_conllu(text, model, options)
        if options.to_conllu:
            return run_to_conllu(text, model, options)
        count = 0
        for line, tagged in answers(text, model, options):
            count += 1
            print_tagged(tagged, options.json, sys.stdout, line)
    if not count:
        nothing(options)
    return 0


def nothing(options: argparse.Namespace) -> None:
    """Say that there were no words: an error of a text on the command line; a file or a pipe may be empty."""
    if options.text:
        raise ValueError("there is nothing to tag: the text has no words")
    print(
        f"Note: there are no words in {options.file or 'standard input'}, so there is nothing to tag.", file=sys.stderr
    )


def answers(
    text: Iterable[str], model: Model, options: argparse.Namespace
) -> Iterator[tuple[int | None, list[Tagged]]]:
    """The tagged sentences as they come; with --lines, or where one types, each with the number of its line."""
    if options.split:
        for split in at_hand(tokenize_split(without_mark(text))):
            yield from ((None, tagged) for tagged in flushed(model.tag_all(split)))
    elif options.lines or not options.text and options.file is None and sys.stdin.isatty():
        for some in at_hand(by_line(text, model)):
            tagged = flushed(model.tag_text(words for _, words in some))
            yield from zip((number for number, _ in some), tagged, strict=True)
    else:
        for raw in at_hand(model.sentences(text)):
            yield from ((None, tagged) for tagged in flushed(model.tag_text(raw)))


def by_line(text: Iterable[str], model: Model) -> Iterator[tuple[int, list[Word]]]:
    """The sentences of each line by itself, with the line's number; places are counted within the line."""
    for number, line in enumerate(lines_of(without_mark(text)), start=1):
        for words in model.tokenizer.sentences(line, longest=LONGEST_LINE):
            yield number, words


def flushed(items: Iterable[Item]) -> Iterator[Item]:
    """The same items; when they are over, what was printed is written."""
    yield from items
    sys.stdout.flush()


def run_conllu(text: Iterable[str], model: Model, options: argparse.Namespace) -> int:
    """Fill in a column of CoNLL-U, and leave every other byte as it is."""
    out, count = sys.stdout.buffer, 0
    for some in at_hand(read_documents(text, str(options.file or "standard input"))):
        count += sum(bool(sentence.places) for sentence in some)
        for filled in model.tag_conllu(some, options.tag_column):
            out.write(filled.encode())
        out.flush()
    if not count:
        nothing(options)
    return 0


def run_to_conllu(text: Iterable[str], model: Model, options: argparse.Namespace) -> int:
    """Raw text to CoNLL-U. All of it is held, for the spaces between its words to be known."""
    whole = "".join(without_mark(text))
    column = options.tag_column or model.conllu_column
    out = sys.stdout.buffer
    tagged = list(model.tag_text(model.sentences(whole)))
    if not tagged:
        nothing(options)
    begin = [sentence[0].start for sentence in tagged] + [None]
    for sentence, following in zip(tagged, begin[1:], strict=True):
        cells = [Cell(t.word, t.start or 0, t.end or 0, t.tag) for t in sentence]
        own = whole[cells[0].start : cells[-1].end]
        out.write(sentence_text(cells, own, column, following).encode())
    out.flush()
    return 0


def at_hand(items: Iterable[Item], most: int = AT_ONCE) -> Iterator[Sequence[Item]]:
    """Items as they come, all that have come since the last time together: one by one to someone who types, and many from a
    pipe, which are tagged much faster together. A thread reads ahead, no further than twice ``most``."""
    waiting: queue.Queue[tuple[bool, Any]] = queue.Queue(2 * most)
    stopped = threading.Event()

    def put(is_item: bool, value: Any) -> bool:
        while not stopped.is_set():
            try:
                waiting.put((is_item, value), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def read() -> None:
        try:
            for item in items:
                if not put(True, item):
                    return
        except BaseException as error:  # raised where the items are used
            put(False, error)
        else:
            put(False, None)

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            some, (is_item, value) = [], waiting.get()
            while is_item:
                some.append(value)
                if len(some) == most or waiting.empty():
                    break
                is_item, value = waiting.get()
            if some:
                yield some
            if not is_item:
                if value is not None:
                    raise value
                return
    finally:
        stopped.set()


def print_tagged(tagged: list[Tagged], as_json: bool, out: TextIO, line: int | None = None) -> None:
    """One line for a sentence."""
    if as_json:
        which = {} if line is None else {"line": line}
        print(json.dumps({**which, "tokens": [t.as_dict() for t in tagged]}, ensure_ascii=False), file=out)
    else:
        print(" ".join(f"{t.word}/{'/'.join(t.tag.split(TAB))}" for t in tagged), file=out)
