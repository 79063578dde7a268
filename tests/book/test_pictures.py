"""Each moving picture, opened in a browser: it moves, it is not empty, and nothing goes wrong."""

import io
import re

import numpy as np
import pytest
from tests.book.browser import executable, started
from tests.book.conftest import ROOT

SCRIPTS = ROOT / "docs" / "_static" / "pictures"
KINDS = sorted(path.stem for path in SCRIPTS.glob("*.js") if path.stem != "picture")
WIDTHS = (1280, 390)
DRAWN = "document.querySelector('figure.picture[data-kind=\"{kind}\"] .live')"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page of a browser."""
    pytest.importorskip("websockets", reason="needs the extra test (websockets)")
    program = executable()
    if program is None:
        pytest.skip("needs a browser: Chromium")
    with started(program, tmp_path_factory.mktemp("browser")) as page:
        yield page


def shown_on(site, kind):
    """The built page that has the picture."""
    pages = [p for p in sorted(site.rglob("*.html")) if f'data-kind="{kind}"' in p.read_text(encoding="utf-8")]
    assert pages, f"no page shows the picture {kind}"
    return pages[0]


def pixels(png):
    from matplotlib import image

    return image.imread(io.BytesIO(png), format="png")[..., :3]


def state(page, kind):
    """What the picture looks like: its elements, and the points of its canvases."""
    live = DRAWN.format(kind=kind)
    return page.run(
        f"{live}.innerHTML + [...{live}.querySelectorAll('canvas')].map(c => c.toDataURL()).join() "
        f"+ [...{live}.querySelectorAll('input, select')].map(c => c.value).join()"
    )


def look(page, kind):
    """The picture as it is on the page."""
    box = page.run(
        f"(() => {{ const r = {DRAWN.format(kind=kind)}.getBoundingClientRect(); "
        "return {x: r.x + scrollX, y: r.y + scrollY, width: r.width, height: r.height}; })()"
    )
    assert box["width"] > 100 and box["height"] > 100
    return pixels(page.screenshot(box))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_there_and_nothing_goes_wrong(kind, width, dark, page, site):
    page.open(shown_on(site, kind), width, dark=dark)
    assert page.errors == []
    assert [address for address in page.requests if not address.startswith(("file:", "data:"))] == []
    assert page.run("document.documentElement.scrollWidth") <= width
    picture = look(page, kind)
    paper = np.median(picture.reshape(-1, 3), axis=0)
    assert (paper < 0.5).all() if dark else (paper > 0.5).all()
    drawn = (np.abs(picture - paper).max(axis=2) > 0.1).mean()
    assert drawn > 0.005


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_reacts_to_the_keyboard(kind, width, page, site):
    page.open(shown_on(site, kind), width)
    controls = f"{DRAWN.format(kind=kind)}.querySelectorAll('input, select, button')"
    names = page.run(f"[...{controls}].map(c => c.localName + (c.type === 'range' ? ' range' : ''))")
    assert names
    reacted = []
    for i, name in enumerate(names):
        page.run(f"{controls}[{i}].focus()")
        assert page.run(f"document.activeElement === {controls}[{i}]"), f"{name} cannot be reached by keyboard"
        before = state(page, kind)
        for key in {"button": ["Enter"], "input range": ["ArrowRight", "Home"], "select": ["ArrowDown", "ArrowUp"]}.get(
            name, [" "]
        ):
            page.press(key)
            if state(page, kind) != before:
                break
        reacted.append(state(page, kind) != before or name == "button")
    assert all(reacted), dict(zip(names, reacted, strict=False))
    assert page.errors == []


@pytest.mark.parametrize("kind", KINDS)
def test_moving_a_picture_changes_what_is_seen(kind, page, site):
    page.open(shown_on(site, kind), 1280)
    before = look(page, kind)
    control = f"{DRAWN.format(kind=kind)}.querySelector('input[type=range], select')"
    page.run(f"{control}.focus()")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.press(key)
    after = look(page, kind)
    assert before.shape != after.shape or (np.abs(before - after).max(axis=2) > 0.1).sum() > 20


@pytest.mark.parametrize("kind", KINDS)
def test_the_still_picture_is_there_in_print_and_without_scripts(kind, page, site):
    file = shown_on(site, kind)
    figure = re.search(
        rf'<figure class="picture" data-kind="{kind}".*?</figure>', file.read_text(encoding="utf-8"), re.DOTALL
    )
    assert figure and "<svg" in figure[0] and "<figcaption>" in figure[0]
    page.open(file, 1280)
    still = f"getComputedStyle(document.querySelector('figure.picture[data-kind=\"{kind}\"] .still')).display"
    assert page.run(still) == "none"
    page.call("Emulation.setEmulatedMedia", media="print")
    assert page.run(still) == "block"
    assert page.run(f"getComputedStyle({DRAWN.format(kind=kind)}).display") == "none"
    page.call("Emulation.setEmulatedMedia", media="")
