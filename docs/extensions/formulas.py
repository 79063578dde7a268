"""Mathematics as MathML: written into the page when it is built, and shown by the browser without a script or a font."""

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.writers.html5 import HTML5Translator


class FormulaError(SphinxError):
    """A formula that cannot be read."""

    category = "Formula"


def mathml(formula: str, display: str) -> str:
    """A formula of LaTeX's as MathML. Raises FormulaError for what the converter does not know."""
    try:
        text = convert(formula, display=display)
    except Exception as error:
        raise FormulaError(f"{formula!r} cannot be read: {error!r}") from error
    if "\\" in text:
        raise FormulaError(f"{formula!r} has a command that is not known: {text}")
    return text


def inline(self: HTML5Translator, node: nodes.math) -> None:
    """A formula in a line."""
    self.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def block(self: HTML5Translator, node: nodes.math_block) -> None:
    """A formula by itself."""
    self.body.append(f'<div class="formula">{mathml(node.astext(), "block")}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Make it the renderer ``mathml``."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
