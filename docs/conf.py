"""How Sphinx makes the site out of this folder: ``python -m docs``."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from metagrad.base.version import __version__  # noqa: E402

project, author, release = "metagrad", "the authors of metagrad", __version__
extensions = [
    "myst_nb",
    "sphinx_copybutton",
    "docs.extensions.formulas",
    "docs.extensions.library",
    "docs.extensions.exercises",
    "docs.extensions.api",
]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
toc_object_entries = False
exclude_patterns = ["extensions", "pictures"]
myst_enable_extensions = ["dollarmath", "colon_fence", "attrs_inline"]
myst_heading_anchors = 3
math_number_all = False

# Every code cell is run. A page that has not changed, with a library that has not changed, is not run again: `docs/__main__.py`
# names the cache after both.
nb_execution_mode = "cache"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_output_stderr = "error"  # a warning that a cell prints is a mistake on the page
nb_merge_streams = True
suppress_warnings = ["mystnb.unknown_mime_type"]

html_theme = "furo"
html_title = "metagrad"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["site.css", "pictures/pictures.css"]
html_js_files = [("pictures/picture.js", {"defer": "defer"})]
html_math_renderer = "mathml"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": False}  # the arrow keys move the pictures
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
