"""``torch.hub``: models from a directory of one's own. Nothing is downloaded, for what a hub downloads is code.

``load(path, "model", source="local")`` runs the function ``model`` of ``path/hubconf.py``, as PyTorch does.
"""

from __future__ import annotations

import builtins
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlparse

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")  # the hash in a file's name
_directory: builtins.list[str] = []  # those that set_dir was given


class _Counter:
    """As much of tqdm as a program without it needs: what is gone through is counted on the error stream."""

    def __init__(self, iterable: Any = (), total: float | None = None, disable: bool | None = False, **_: Any) -> None:
        self.iterable, self.total, self.disable, self.n = iterable, total, disable, 0

    def __iter__(self) -> Iterator[Any]:
        for item in self.iterable:
            yield item
            self.update()
        self.close()

    def update(self, n: int = 1) -> None:
        """Go n further."""
        self.n += n
        if not self.disable:
            sys.stderr.write(f"\r{self.n}" + ("" if self.total is None else f"/{self.total}"))

    def close(self) -> None:
        """End the line."""
        if not self.disable:
            sys.stderr.write("\n")

    def __enter__(self) -> _Counter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def __getattr__(name: str) -> Any:
    """``tqdm``, which libraries import from here: the real one if it is installed."""
    if name != "tqdm":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("tqdm").tqdm if importlib.util.find_spec("tqdm") else _Counter


def get_dir() -> str:
    """Where files that were downloaded are looked for: ``$TORCH_HOME/hub``, or what ``set_dir`` was given."""
    if _directory:
        return _directory[-1]
    home = os.environ.get("TORCH_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "torch")
    return os.path.join(os.path.expanduser(home), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Look for files there."""
    _directory.append(os.path.expanduser(d))


def _hubconf(repo_or_dir: str | os.PathLike[str], source: str) -> ModuleType:
    """The module ``hubconf.py`` of a directory, run."""
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source != "local":
        raise RuntimeError(
            f"metagrad downloads no code: get {repo_or_dir} yourself, and load it with source='local' and its directory"
        )
    file = Path(repo_or_dir) / "hubconf.py"
    if not file.is_file():
        raise FileNotFoundError(f"{file} is not there: a directory of the hub has a hubconf.py")
    spec = importlib.util.spec_from_file_location("hubconf", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    earlier = sys.dont_write_bytecode
    sys.path.insert(0, str(file.parent))  # hubconf.py may import its neighbours
    sys.dont_write_bytecode = True  # a file that changes within its clock's tick is read again
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(file.parent))
        sys.dont_write_bytecode = earlier
    missing = [name for name in getattr(module, "dependencies", ()) if importlib.util.find_spec(name) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    return module


def _entry(module: ModuleType, model: str) -> Any:
    if not isinstance(model, str):
        raise ValueError("Invalid input: model should be a string of function name")
    found = getattr(module, model, None)
    if not callable(found):
        raise RuntimeError(f"Cannot find callable {model} in hubconf: its functions are {_functions(module)}")
    return found


def load(repo_or_dir: str | os.PathLike[str], model: str, *args: Any, source: str = "github", **kwargs: Any) -> Any:
    """What the function ``model`` of a directory's ``hubconf.py`` returns. Raises RuntimeError for another source than "local"."""
    for setting in ("trust_repo", "force_reload", "verbose", "skip_validation"):
        kwargs.pop(setting, None)
    return _entry(_hubconf(repo_or_dir, source), model)(*args, **kwargs)


def list(github: str | os.PathLike[str], *_: Any, source: str = "github", **__: Any) -> Any:
    """The names of the functions of a directory's ``hubconf.py``."""
    return _functions(_hubconf(github, source))


def _functions(module: ModuleType) -> Any:
    return [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]


def help(github: str | os.PathLike[str], model: str, *_: Any, source: str = "github", **__: Any) -> str | None:
    """What a function of a directory's ``hubconf.py`` says of itself."""
    text: str | None = _entry(_hubconf(github, source), model).__doc__
    return text


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Raises RuntimeError: metagrad downloads nothing."""
    raise RuntimeError(f"metagrad downloads nothing: get {url} yourself, and put it at {dst}")


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> Any:
    """The file of that address as ``metagrad.load`` reads it, if it is in ``model_dir`` (``get_dir()/checkpoints``) already."""
    from metagrad.serialization.checkpoint import load as read

    directory = model_dir or os.path.join(get_dir(), "checkpoints")
    file = os.path.join(directory, file_name or os.path.basename(urlparse(url).path))
    if not os.path.exists(file):
        download_url_to_file(url, file)
    return read(file, map_location=map_location, weights_only=weights_only)


load_url = load_state_dict_from_url
