"""The chapters as they are written: their parts, the width of their code, and that what they show is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "book").glob("*.md"))
SHOWN = [
    pytest.param(*match.split(), id=f"{page.stem} {match}")
    for page in PAGES
    for match in re.findall(r"^```\{library\} (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
]


def names_in(tree: ast.Module | ast.ClassDef, before: str = "") -> set[str]:
    """The functions and classes of a module, and the methods of the classes."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(before + node.name)
            if isinstance(node, ast.ClassDef):
                found |= names_in(node, f"{before}{node.name}.")
    return found


@pytest.mark.parametrize("shown", [p.values for p in SHOWN], ids=[p.id for p in SHOWN])
def test_what_a_page_shows_of_the_library_is_there(shown):
    file, *names = shown
    tree = ast.parse((ROOT / "src" / "metagrad" / file).read_text(encoding="utf-8"))
    assert set(names) <= names_in(tree)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_fits_the_page(page):
    cells = re.findall(r"```\{code-cell\}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert cells
    wide = [line for cell in cells if "hide-input" not in cell for line in cell.splitlines() if len(line) > 84]
    assert wide == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_chapter_has_its_parts(page):
    text = page.read_text(encoding="utf-8")
    number = int(page.stem[:2])
    assert re.search(rf"^# {number} · .*\?$", text, re.MULTILINE)
    assert "```{library} " in text and f"```{{exercises}} {number}\n" in text and "assert " in text
    assert "from docs.pictures" in text or "viz." in text
