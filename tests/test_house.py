"""The plan of the house: imports point down, nothing goes in circles, and tables of contents name what is there."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "metagrad"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
FILES = {
    ".".join(("metagrad", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


# ------------------------------------------------ imports


def imported(name: str, path: Path) -> Iterator[tuple[str, int]]:
    """The modules of metagrad that a file imports at run time, at the top, inside a function or later, with the line."""

    def visit(node: ast.AST) -> Iterator[tuple[str, int]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                runs = child.body if isinstance(child.test, ast.UnaryOp) else child.orelse
                yield from visit(ast.Module(runs, []))
                continue
            if isinstance(child, ast.Import):
                yield from ((a.name, child.lineno) for a in child.names if a.name.split(".")[0] == "metagrad")
            elif (
                isinstance(child, ast.ImportFrom)
                and not child.level
                and (child.module or "").split(".")[0] == "metagrad"
            ):
                for a in child.names:
                    inner = f"{child.module}.{a.name}"
                    yield (inner if inner in FILES else str(child.module)), child.lineno
            elif isinstance(child, ast.Call) and getattr(child.func, "id", "") in ("LaterModule", "later_modules"):
                package, *names = [str(getattr(a, "value", "")) for a in child.args]
                modules = [f"{package}.{n}" for n in " ".join(names).split()] or [package]
                yield from ((m, child.lineno) for m in modules if m in FILES)
            yield from visit(child)

    yield from visit(ast.parse(path.read_text()))


IMPORTS = {name: list(imported(name, path)) for name, path in FILES.items()}


def layers() -> list[list[str]]:
    """The layers of imports, the highest first, as ``docs/architecture.md`` lists them."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    table = text[text.index("## Layers of imports") :].split("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return [[name.strip("/").removesuffix(".py") for name in re.findall(r"`([^`]+)`", row)] for row in rows]


def room(module: str) -> str:
    """The entry of the package a module belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def test_every_room_has_its_layer():
    listed = [name for layer in layers() for name in layer]
    assert sorted(listed) == sorted(set(listed))
    assert {room(name) for name in FILES} == set(listed)


def test_imports_point_down():
    height = {name: -i for i, layer in enumerate(layers()) for name in layer}
    upward = [
        f"{importer}:{line} imports {target}"
        for importer, targets in IMPORTS.items()
        for target, line in targets
        if height[room(target)] > height[room(importer)]
    ]
    assert upward == []


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of nodes that reach each other (Tarjan 1972)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(v: str) -> None:
        number[v] = low[v] = len(number)
        stack.append(v)
        for w in sorted(graph[v]):
            if w not in number:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], number[w])
        if low[v] == number[v]:
            group = [stack.pop()]
            while group[-1] != v:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for v in graph:
        if v not in number:
            visit(v)
    return found


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]


def test_no_imports_go_in_a_circle():
    graph = {name: {target for target, _ in targets if target in FILES} - {name} for name, targets in IMPORTS.items()}
    assert circles(graph) == []


# ------------------------------------------------ tables of contents


FOLDERS = sorted({path.parent for path in FILES.values()} - {PACKAGE})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(PACKAGE)))
def test_a_folders_table_of_contents_names_what_is_there(folder):
    contents = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    named = set(re.findall(r"^``(\w+(?:\.\w+|/))``  ", contents, re.MULTILINE))
    files = {path.name for path in folder.glob("*.*") if path.name != "__init__.py" and path.suffix != ".pyc"}
    folders = {f"{path.name}/" for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert named == files | folders


def test_the_package_has_few_entries():
    assert len([path for path in PACKAGE.iterdir() if not path.name.startswith("__")]) <= 26


ENTRANCE = """.ci .github .gitignore .pre-commit-config.yaml CHANGELOG.md CONTRIBUTING.md LICENSE README.md
benchmarks conftest.py docs examples pyproject.toml src tests"""


def test_nothing_lies_at_the_entrance_that_does_not_belong_there():
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a checkout of git")
    kept = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True)
    assert {name.split("/")[0] for name in kept.splitlines()} == set(ENTRANCE.split())


# ------------------------------------------------ the core


def core(page: str) -> list[str]:
    """The files that a page names as the core, in reading order."""
    part = (ROOT / page).read_text().split("<!-- core -->")[1].split("<!-- /core -->")[0]
    return re.findall(r"^\d+\. `([\w/]+\.py)`", part, re.MULTILINE)


def test_the_core_is_read_in_an_afternoon():
    files = core("docs/architecture.md")
    assert core("README.md") == files
    lines = [len((PACKAGE / name).read_text().splitlines()) for name in files]
    assert len(files) <= 18 and sum(lines) <= 2800


TRACED = """
import os, sys, metagrad
x = metagrad.ones(3, requires_grad=True)
def run():
    metagrad.tanh(x).sum().backward()
run()  # what is made on first use has been made
x.grad, seen, home = None, set(), os.path.dirname(metagrad.__file__)
def called(frame, event, argument):
    if event == "call" and frame.f_code.co_filename.startswith(home):
        seen.add((frame.f_code.co_filename, frame.f_code.co_name, frame.f_code.co_firstlineno))
sys.setprofile(called)
run()
sys.setprofile(None)
print(len(seen), len({file for file, *_ in seen}))
"""


def test_a_gradient_passes_through_few_hands():
    printed = subprocess.run(
        [sys.executable, "-c", TRACED], check=True, capture_output=True, text=True, env=ENVIRONMENT
    )
    functions, files = map(int, printed.stdout.split())
    assert functions <= 40 and files <= 8
