"""A corpus by its name or by its path, and the corpus used when none is named."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from metagrad.tagger.corpora import brackets, columns, conllu, jsonl, pairs, tables, treebank
from metagrad.tagger.corpora.corpus import Corpus, Sentence
from metagrad.tagger.corpora.detection import ENDINGS, FORMATS, detect_format
from metagrad.tagger.corpora.lines import Line, read_lines
from metagrad.tagger.corpora.sources import ending, files_of, unpacked

SAMPLE = "sample"
CONLLU_NAMES = ["word" if name == "FORM" else name for name in conllu.COLUMNS]
UNKNOWN_TERMS = "not known: the terms of the file's owner apply"


class Wanted(NamedTuple):
    """How files are to be read, where that is said and not to be told by their looks."""

    format: str | None = None
    separator: str | None = None
    columns: Sequence[str] | None = None
    tag_column: str | None = None
    prefer: Sequence[str] = ()


class Read(NamedTuple):
    """What was read: sentences, the column of their tags if columns have names, a remark on that choice, and the other columns."""

    sentences: list[Sentence]
    column: str | None = None
    remark: str = ""
    others: tuple[str, ...] = ()


def load_corpus(
    name_or_path: str | PathLike[str],
    *,
    format: str | None = None,
    separator: str | None = None,
    columns: str | Sequence[str] | None = None,
    tag_column: str | None = None,
    prefer: str | Sequence[str] = (),
) -> Corpus:
    """The corpus called ``"treebank"`` or ``"sample"``, or the tagged sentences of a file, a folder, or a pattern's files.

    A file is in one of the formats of `metagrad.tagger.corpora.detection`, packed (.gz, .bz2, .xz) or not. Its name
    (``.conllu``) or its first lines tell which, unless ``format`` does. ``separator`` is what stands between word and tag in
    ``"word_TAG"`` (by default ``_`` or ``/``, whichever the file has). ``columns``, such as ``"word,_,tag"``, say what the
    columns of a file are, one word a line. ``tag_column`` is the column of the tags, in formats whose columns have names: in
    CoNLL-U by default XPOS if every word has one, else UPOS. ``prefer``: columns, of which the first that is there is used then.

    Raises ValueError for a malformed file, naming the line; FileNotFoundError; and for the treebank, CorpusUnavailable
    if it is neither here nor to be fetched, and ImportError if NLTK is not installed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "dogs.txt")
    ...     _ = path.write_text("A/DT dog/NN barks/VBZ ./.")
    ...     corpus = load_corpus(path)
    >>> corpus.name, corpus.sentences
    ('dogs.txt', [[('A', 'DT'), ('dog', 'NN'), ('barks', 'VBZ'), ('.', '.')]])
    """
    if name_or_path in (treebank.NAME, SAMPLE):
        given = {"format": format, "separator": separator, "columns": columns, "tag_column": tag_column}
        refuse({key: value for key, value in given.items() if value is not None}, f"the corpus {name_or_path!r}")
        return treebank.treebank() if name_or_path == treebank.NAME else sample()
    path = Path(name_or_path)
    found = files_of(path) if str(name_or_path) else []
    if not found:
        what = "a folder without any" if path.is_dir() else "nothing there"
        raise FileNotFoundError(
            f"expected {treebank.NAME!r}, {SAMPLE!r} or the path of a file, a folder or a pattern of files of tagged sentences, "
            f"got {str(name_or_path)!r}, and found {what}"
        )
    if isinstance(columns, str):
        columns = columns.split(",")
    prefer = [prefer] if isinstance(prefer, str) else prefer
    wanted = Wanted(format, separator, columns, tag_column, prefer)
    contents = [(file, read_lines(unpacked(file.read_bytes(), str(file)), str(file))) for file in found]
    kind, read = read_files(contents, wanted)
    what = "the file" if path.is_file() else f"the {len(found)} file{'s' * (len(found) != 1)} of"
    return Corpus(path.name, read.sentences, f"{what} {path}", UNKNOWN_TERMS, None, kind, *read[1:])


def default_corpus() -> tuple[Corpus, str]:
    """The treebank if it is here or can be fetched, otherwise the sample; and a sentence saying which, and why."""
    try:
        corpus = treebank.treebank()
    except (treebank.CorpusUnavailable, ImportError) as error:
        corpus = sample()
        return corpus, (
            f"Using the small sample that comes with metagrad ({len(corpus.sentences)} sentences), "
            f"because the larger Penn Treebank sample cannot be used. {error}"
        )
    return corpus, corpus.notice


def sample() -> Corpus:
    """The corpus that comes with metagrad: short, and tagged by hand with the tags of the Penn Treebank."""
    resource = files("metagrad.tagger").joinpath("data", "sample.pos")
    lines = read_lines(resource.read_bytes(), str(resource))
    sentences = list(pairs.word_tag(lines, str(resource), "_"))
    return Corpus(SAMPLE, sentences, "the sample that comes with metagrad", "CC0")


def read_files(contents: Sequence[tuple[Path, list[Line]]], wanted: Wanted) -> tuple[str, Read]:
    """The sentences of all files, which must be of one format, and the format."""
    if wanted.columns is None and wanted.format in (None, "columns"):
        names = columns.declared(contents[0][1])
        wanted = wanted._replace(columns=names if names != CONLLU_NAMES else None)
    kinds = {file: format_of(file, lines, wanted) for file, lines in contents}
    kind, *others = sorted(set(kinds.values()))
    if others:
        some = ", ".join(f"{file} ({kinds[file]})" for file in list(kinds)[:4])
        raise ValueError(f"expected files of one format, got {some}: name one with format")
    check(wanted, kind, str(contents[0][0]))
    if not any(pairs.content(lines) for _, lines in contents):
        raise ValueError(f"{contents[0][0]}: expected tagged sentences, got a file without any")
    if kind == "conllu":
        read = read_conllu(contents, wanted)
    else:
        parts = [read_columns(lines, str(file), kind, wanted) for file, lines in contents]
        read = Read([s for part in parts for s in part.sentences], *parts[0][1:])
    if not read.sentences:
        raise ValueError(f"{contents[0][0]}: expected tagged sentences, got a file without any")
    return kind, read


def format_of(file: Path, lines: Sequence[Line], wanted: Wanted) -> str:
    """The format given, or told by the name's ending, or by the first lines."""
    if wanted.format is not None:
        return wanted.format
    if wanted.columns is not None and not conllu_names(wanted.columns):
        return "columns"
    usual = None if wanted.separator is None else "word_TAG"
    return ENDINGS.get(ending(file)) or usual or detect_format(lines, str(file))


def conllu_names(names: Sequence[str]) -> bool:
    """Whether these are two columns of CoNLL-U, for the word and the tag."""
    return len(names) == 2 and names[0].upper() in conllu.COLUMNS


def check(wanted: Wanted, kind: str, name: str) -> None:
    """ValueError for settings that cannot be, or have no meaning for this format."""
    if kind not in FORMATS:
        raise ValueError(f"expected a format, one of {', '.join(FORMATS)}, got {kind!r}")
    what = f"{name}, which is read as {kind!r}"
    if wanted.separator is not None and kind != "word_TAG":
        refuse({"separator": wanted.separator}, what)
    if wanted.columns is not None and kind not in ("conllu", "columns"):
        refuse({"columns": wanted.columns}, what)
    if wanted.tag_column is not None and kind in ("word_TAG", "trees", "penn-pos"):
        refuse({"tag_column": wanted.tag_column}, what)
    if wanted.separator == "":
        raise ValueError("expected a separator such as '_' or '/', got an empty one")
    if kind == "columns" and wanted.columns is None:
        raise ValueError("expected columns such as word,_,tag for the format 'columns', got none")


def read_conllu(contents: Sequence[tuple[Path, list[Line]]], wanted: Wanted) -> Read:
    """CoNLL-U files, the column of the tags decided once for all of them."""
    if wanted.columns and not conllu_names(wanted.columns):
        refuse({"columns": wanted.columns}, "CoNLL-U, whose columns are fixed; tag_column chooses one")
    if wanted.columns and wanted.tag_column:
        refuse(
            {"tag_column": wanted.tag_column}, f"the columns {','.join(wanted.columns)}, which say where the tags are"
        )
    asked = wanted.columns[1] if wanted.columns else wanted.tag_column
    conllu.known_column(asked)
    sentences = [
        sentence for file, lines in contents
        for sentence in conllu.read_documents((line.text + "\n" for line in lines), str(file))
    ]  # fmt: skip
    name = str(contents[0][0])
    asked = asked or first_of(wanted.prefer, conllu.COLUMNS)
    column, remark = conllu.choose_column(sentences, asked, name)
    word = wanted.columns[0].upper() if wanted.columns else "FORM"
    others = tuple(one for one in conllu.TAGS_OF_WORDS if one != column)
    return Read(conllu.tagged_sentences(sentences, column, word), column, remark, others)


def read_columns(lines: Sequence[Line], name: str, kind: str, wanted: Wanted) -> Read:
    """The sentences of one file that is not CoNLL-U, with the tags of one column, or of several with tabs between."""
    asked = wanted.tag_column or next(iter(wanted.prefer), "")
    if "," not in asked:
        return read_one(lines, name, kind, wanted)
    columns = asked.split(",")
    if len({*map(str.lower, columns)}) < len(columns):
        raise ValueError(f"{name}: expected several different columns of tags, got {asked!r}")
    try:
        parts = [read_one(lines, name, kind, wanted._replace(tag_column=one, prefer=())) for one in columns]
    except ValueError:
        if wanted.tag_column:
            raise
        return read_one(lines, name, kind, wanted)
    rows = zip(*(part.sentences for part in parts), strict=True)
    sentences = [
        [(pairs[0][0], "\t".join(tag for _, tag in pairs)) for pairs in zip(*row, strict=True)] for row in rows
    ]
    used = [str(part.column) for part in parts]
    return Read(sentences, ",".join(used), "", tuple(one for one in parts[0].others if one not in used))


def read_one(lines: Sequence[Line], name: str, kind: str, wanted: Wanted) -> Read:
    """The sentences of one file that is not CoNLL-U."""
    if kind == "word_TAG":
        return Read(list(pairs.word_tag(lines, name, wanted.separator or pairs.detect_separator(lines))))
    if kind == "trees":
        return Read(list(brackets.trees(lines, name)))
    if kind == "penn-pos":
        return Read(list(brackets.tagged_chunks(lines, name)))
    if kind == "jsonl":
        return Read(
            list(jsonl.json_lines(lines, name, wanted.tag_column)), *jsonl.json_columns(lines, name, wanted.tag_column)
        )
    if kind == "table":
        return read_table(lines, name, wanted)
    layout = columns.own_layout(wanted.columns or ()) if kind == "columns" else columns.LAYOUTS[kind]
    asked = wanted.tag_column or first_of(wanted.prefer, layout.names)
    column = layout.column(asked, name)
    cut = columns.cutting(lines, len(layout.names)) if kind == "columns" else columns.cells_of
    sentences = list(columns.table(lines, name, layout, column, kind == "conll2009", cut))
    others = tuple(one for one in layout.names if one not in (column, layout.word, "_"))
    return Read(sentences) if kind == "two-column" else Read(sentences, column, "", others)


def read_table(lines: Sequence[Line], name: str, wanted: Wanted) -> Read:
    """The sentences of a CSV or TSV file with a header."""
    if not lines:
        return Read([])
    delimiter, names = tables.header_of(lines[0], name, wanted.tag_column)
    preferred = first_of([column.lower() for column in wanted.prefer], names)
    column, others = tables.columns_of_tags(names, wanted.tag_column or preferred, name)
    return Read(list(tables.rows(lines, name, column)), column, "", others)


def first_of(wanted: Sequence[str], known: Sequence[str]) -> str | None:
    """The first of the columns wanted that is there."""
    return next((column for column in wanted if set(column.split(",")) <= set(known)), None)


def refuse(given: dict[str, object], what: str) -> None:
    """Raise ValueError if there are settings that have no meaning for this corpus."""
    for key, value in given.items():
        raise ValueError(f"{key} has no meaning for {what}: got {value!r}, expected None")
