"""The site: built without a warning, nothing in it that is fetched from elsewhere, and broken pages that end the build."""

import re
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest
from tests.book.conftest import ROOT, built

PAGES = sorted((ROOT / "docs" / "book").glob("*.md"))
REMOTE = re.compile(r"""(?:url\(\s*["']?|(?:@import|import\(?|from|fetch\(|src\s*=|href\s*=)\s*["'`])(?:https?:)?//""")


class Addresses(HTMLParser):
    """Every address that a page names in an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if value and not name.startswith("xmlns")]


def test_every_page_is_built(site):
    for page in PAGES:
        assert (site / "book" / f"{page.stem}.html").exists()
    names = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert names <= {path.stem for path in site.glob("*.html")}


def test_every_name_is_in_the_reference(site):
    from docs.extensions.api import found, sections

    names = {n for _, some in sections((ROOT / "docs" / "reference.md").read_text(encoding="utf-8")) for n in some}
    pages = "".join(page.read_text(encoding="utf-8") for page in (site / "api").glob("*.html"))
    shown = set(re.findall(r'<dt class="sig[^>]* id="(metagrad\.[\w.]+)"', pages))
    assert len(names & shown) > 1500
    for name in names - shown:  # a module, or a class that is shown where it stands a second time
        assert isinstance(found(name), ModuleType) or f"metagrad.{name.rpartition('.')[2]}" in shown, name


def test_names_on_a_page_are_links(site):
    page = (site / "reference.html").read_text(encoding="utf-8")
    assert 'href="api/metagrad.nn.html#metagrad.nn.LSTM"' in page


def test_no_page_names_a_remote_address(site):
    remote = []
    for page in sorted(site.rglob("*.html")):
        addresses = Addresses()
        addresses.feed(page.read_text(encoding="utf-8"))
        remote += [f"{page.name}: {a}" for a in addresses.found if re.match(r"(https?:)?//", a.strip())]
    assert remote == []


def test_no_script_and_no_style_fetches_anything_remote(site):
    files = [*site.rglob("*.css"), *site.rglob("*.js")]
    assert files
    assert [f.name for f in files if REMOTE.search(f.read_text(encoding="utf-8", errors="replace"))] == []


@pytest.mark.parametrize(
    "text", ["url(https://a/b)", '@import "//a"', 'from "https://a"', 'fetch("https://a")', "src='http://a'"]
)
def test_remote_addresses_are_recognised(text):
    assert REMOTE.search(text)


# ------------------------------------------------ broken pages

HEAD = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n\n# A page\n\n"
BROKEN = {
    "sound": ("```{code-cell}\n1 + 1\n```\n\n```{library} autograd/engine.py propagate\n```\n\n$x^2$\n", None),
    "a cell that raises": ("```{code-cell}\nassert 1 + 1 == 3\n```\n", "AssertionError"),
    "a cell that warns": ("```{code-cell}\nimport warnings\nwarnings.warn('old')\n```\n", "stderr"),
    "a function that is gone": ("```{library} autograd/engine.py no_such_function\n```\n", "no_such_function"),
    "a file that is gone": ("```{library} autograd/no_such_file.py\n```\n", "no_such_file"),
    "a formula": ("$\\nosuchcommand{x}$\n", "nosuchcommand"),
    "exercises of no chapter": ("```{exercises} 99\n```\n", "no chapter 99"),
    "a name that is gone": ("```{eval-rst}\n.. autofunction:: metagrad.no_such_name\n```\n", "no_such_name"),
    "a link to nowhere": ("[there](nowhere.md)\n", "nowhere.md"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_ends_the_build(name, tmp_path):
    text, said = BROKEN[name]
    source = tmp_path / "pages"
    source.mkdir()
    (source / "index.md").write_text(HEAD + text, encoding="utf-8")
    (source / "_static").mkdir()
    done = built("--source", source, "--output", tmp_path / "site", "--cache", tmp_path / "cache")
    assert (done.returncode == 0) == (said is None), done.stdout + done.stderr
    if said is None:
        page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
        assert "propagate" in page and "<math" in page
    else:
        assert said in done.stdout + done.stderr


def test_a_warning_is_not_forgotten(tmp_path):
    (tmp_path / "pages" / "_static").mkdir(parents=True)
    (tmp_path / "pages" / "index.md").write_text(HEAD + "[there](nowhere.md)\n", encoding="utf-8")
    options = "--source", tmp_path / "pages", "--output", tmp_path / "site", "--cache", tmp_path / "cache"
    assert built(*options).returncode != 0
    assert built(*options).returncode != 0


def test_an_unchanged_page_is_not_run_again(tmp_path):
    source, noted = tmp_path / "pages", tmp_path / "noted"
    (source / "_static").mkdir(parents=True)
    text = HEAD + f"```{{code-cell}}\nopen({str(noted)!r}, 'a').write('x')\n```\n"
    for page in (text, text + "\nMore.\n", text.replace("'x'", "'y'")):
        Path(source / "index.md").write_text(page, encoding="utf-8")
        done = built("--source", source, "--output", tmp_path / "site", "--cache", tmp_path / "cache")
        assert done.returncode == 0, done.stdout + done.stderr
    assert noted.read_text() == "xy"
