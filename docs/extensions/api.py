"""The reference from the docstrings: a page for each namespace, written for autodoc before the pages are read.

``reference.md`` says which names there are. Wherever a page of the site names one of them, as in ``metagrad.nn.Linear``, it becomes
a link to what is said about it.
"""

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

# Names that PyTorch does not have, or not there; reference.md has those it has.
BEYOND = ["metagrad.viz", "metagrad.metrics", "metagrad.onnx", "metagrad.testing", "metagrad.tagger"]
INDEX = """Every name
==========

What each docstring says, by namespace. :doc:`../reference` has PyTorch's names beside metagrad's, and those that are not here.

.. toctree::
   :maxdepth: 1

"""
EMPHASIS = re.compile(r"(?<![\w*\\])\*[\w“][^*]*[\w.”]\*(?![\w*])")


def sections(reference: str) -> Iterator[tuple[str, list[str]]]:
    """The title and the names of each namespace that reference.md lists."""
    for part in re.split(r"^## ", reference, flags=re.MULTILINE)[1:]:
        names = re.findall(r"^\| `(metagrad\.[\w.]+)` \|", part, re.MULTILINE)
        yield part.splitlines()[0], names


def beyond() -> Iterator[tuple[str, list[str]]]:
    """The same for what is metagrad's own."""
    for space in BEYOND:
        module = found(space)
        yield space, [f"{space}.{name}" for name in getattr(module, "__all__", ())]


def found(name: str) -> Any:
    """What a dotted name stands for."""
    value: Any = importlib.import_module("metagrad")
    path = ""
    for part in name.split(".")[1:]:
        path += f".{part}"
        try:
            value = getattr(value, part)
        except AttributeError:
            value = importlib.import_module(f"metagrad{path}")
    return value


def directive(name: str) -> str | None:
    """How autodoc is asked for it; None for what it does not show."""
    value = found(name)
    if isinstance(value, ModuleType):
        return None
    if inspect.isclass(value):
        return "autoclass"
    if not callable(value):
        return "autodata"
    return "automethod" if name.startswith("metagrad.Tensor.") else "autofunction"


def family(name: str) -> str:
    """What the module that something is defined in says of itself; modules about one thing stand together."""
    value = found(name)
    module = inspect.getmodule(getattr(value, "__func__", value))
    text = (module.__doc__ or "").strip() if module else ""
    return re.split(r"(?<=[.:;])\s|\n\n", text)[0].rstrip(".:;").replace("\n", " ").replace("`", "") or "Others"


def page(title: str, names: list[str], seen: set[int]) -> str:
    """The text of one page: its names by the modules they are defined in, if there are many. seen: classes shown already."""
    lines = [title, "=" * len(title), ""]
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(family(name) if len(names) > 60 else "", []).append(name)
    for heading, members in sorted(groups.items()):
        lines += [heading, "-" * len(heading), ""] if heading else []
        for name in members:
            if (kind := directive(name)) is not None:
                lines += [f".. {kind}:: {name}", *again(name, seen), ""]
    return "\n".join(lines)


def again(name: str, seen: set[int]) -> list[str]:
    """What keeps a class that has a second name from being entered twice."""
    value = found(name)
    if not inspect.isclass(value):
        return []
    if id(value) in seen:
        return ["   :no-index:"]
    seen.add(id(value))
    return []


def write(app: Sphinx) -> None:
    """Write the pages, those that have changed, where the site has reference.md."""
    source = Path(app.srcdir) / "reference.md"
    if not source.exists():
        return
    folder = source.with_name("api")
    folder.mkdir(exist_ok=True)
    wanted: dict[str, str] = {}
    seen: set[int] = set()
    for title, names in (*sections(source.read_text(encoding="utf-8")), *beyond()):
        space = names[0].rpartition(".")[0] if names else title
        heading = title if title.startswith("metagrad") else f"{space}: {title[0].lower()}{title[1:]}"
        wanted[f"{space}.rst"] = page(heading, names, seen)
    wanted["index.rst"] = INDEX + "".join(f"   {name.removesuffix('.rst')}\n" for name in wanted)
    for file in folder.glob("*.rst"):
        if file.name not in wanted:
            file.unlink()
    for name, text in wanted.items():
        file = folder / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def plain(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Bars and stars of a docstring are mathematics, not markup: |x| is an absolute value, (*, n) a shape."""
    table = False
    for i, line in enumerate(lines):
        if line.strip().startswith("===="):
            table = i + 1 < len(lines) and bool(lines[i + 1].strip())
        if table:  # its columns must stay where they are
            lines[i] = line.replace("|", "∣").replace("*", "∗")
            continue
        parts = re.split(r"(``.*?``)", line)
        if not line.lstrip().startswith((">>>", "...")):
            lines[i] = "".join(part if part.startswith("``") else escaped(part) for part in parts)


def escaped(text: str) -> str:
    """A text with its bars and its stars escaped, but for words between stars.

    >>> escaped("|x| of (*, n), *not* more")
    '\\\\|x\\\\| of (\\\\*, n), *not* more'
    """
    pieces, last = [], 0
    for match in EMPHASIS.finditer(text):
        pieces += [re.sub(r"([|*])", r"\\\1", text[last : match.start()]), match[0]]
        last = match.end()
    return "".join([*pieces, re.sub(r"([|*])", r"\\\1", text[last:])])


def link(app: Sphinx, tree: nodes.document, page_name: str) -> None:
    """Make a link of each literal that is the name of something in the reference."""
    known = app.env.domains.python_domain.objects
    for literal in list(tree.findall(nodes.literal)):
        name = literal.astext().removesuffix("()")
        if name in known and not isinstance(literal.parent, nodes.reference):
            target = known[name]
            if target.docname != page_name:
                reference = make_refnode(
                    app.builder, page_name, target.docname, target.node_id, literal.deepcopy(), name
                )
                literal.replace_self(reference)


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before they are read, and make the links when everything is known."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("builder-inited", write, priority=100)
    app.connect("autodoc-process-docstring", plain)
    app.connect("doctree-resolved", link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
