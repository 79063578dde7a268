"""``library``: a part of metagrad's own source, shown from the source itself.

```{library} autograd/engine.py propagate
```

shows that function as it is now; with no name, the whole file. If it is renamed or removed, the build fails.
"""

import os
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.directives.code import LiteralInclude

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "metagrad"


class Library(LiteralInclude):
    """A part of a file of ``src/metagrad``, by the name of a class, a function or a method."""

    required_arguments = 1
    optional_arguments = 1
    final_argument_whitespace = False

    def run(self) -> list[nodes.Node]:
        """The part, with the file's name above it."""
        file, *names = self.arguments
        if names:
            self.options["pyobject"] = names[0]
        self.options.setdefault("language", "python")
        self.options["caption"] = f"src/metagrad/{file}"
        folder = Path(self.env.doc2path(self.env.docname)).parent
        self.arguments = [Path(os.path.relpath(PACKAGE / file, folder)).as_posix()]
        return super().run()


def setup(app: Sphinx) -> dict[str, Any]:
    """Make it known."""
    app.add_directive("library", Library)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
