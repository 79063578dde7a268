"""The package ``torch`` as ``importlib.metadata`` knows it, under the alias."""

from __future__ import annotations

import sys
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import Any

from metagrad.compat import torch_version

__all__ = ["TorchDistribution"]


class TorchDistribution(metadata.Distribution):
    """What ``importlib.metadata`` says of the package ``torch``: its name and version."""

    @property
    def metadata(self) -> Any:
        """The name and the version."""
        message = Message()
        message["Metadata-Version"], message["Name"] = "2.1", "torch"
        message["Version"] = str(torch_version.__version__)
        return message

    def read_text(self, filename: str) -> str | None:
        """None: there are no files."""
        return None

    def locate_file(self, path: Any) -> Any:
        """Where a file of the package would be."""
        return Path(sys.modules["metagrad"].__path__[0]) / path
