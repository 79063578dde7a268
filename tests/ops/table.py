"""The op table: every public op of ``metagrad.ops`` with calls that show what it does, from the files of ``tables/``.

From each row come the tests of ``test_table.py``. To add an op, add a row to the file of its family, or add a file: it has
``ROWS``, and may have ``WRITES`` (ops that exist only in place) and ``EXEMPT`` (names that are tested elsewhere, and why).
"""

import importlib
from pathlib import Path

PATHS = sorted(Path(__file__).parent.glob("tables/[a-z]*.py"))
FILES = [importlib.import_module(f"tests.ops.tables.{path.stem}") for path in PATHS]
ROWS = [row for file in FILES for row in file.ROWS]
WRITES = [row for file in FILES for row in getattr(file, "WRITES", [])]
EXEMPT = {name for file in FILES for name in getattr(file, "EXEMPT", ())}
