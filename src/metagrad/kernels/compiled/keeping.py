"""Where machine code is kept on disk, for the processes to come, and how it is found again.

In the folder that NUMBA_CACHE_DIR names, or the user's own for such files, or beside the sources. What is kept is told apart by
a digest of all sources here and of ``tuning.py``, as a function's code contains that of the functions it calls and the constants
it was compiled with, and by Numba's by the processor it was made for. With no folder that can be written to, each process
compiles for itself; and so it does where what was kept is not whole, as after a disk was full, and where it cannot be kept.
"""

from __future__ import annotations

import functools
import os
import pickle
import sys
from typing import TYPE_CHECKING, Any

from metagrad.kernels import tuning

if TYPE_CHECKING:
    from pathlib import Path


@functools.cache
def cache_folder() -> str | None:
    """Where machine code is kept, or None if nothing can be written."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    from pathlib import Path  # here and below when first needed: such imports take long

    for folder in [Path(given)] if given else [_user_folder(), Path(__file__).parent / "__pycache__"]:
        try:
            own = folder.expanduser() / f"metagrad-{_digest()}"
            own.mkdir(parents=True, exist_ok=True)
            probe = own / f"probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except (OSError, RuntimeError):  # a RuntimeError: nobody knows the user's folder
            continue
        return str(own)
    return None


def _user_folder() -> Path:
    """The user's folder for what can be made again."""
    from pathlib import Path

    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "~/AppData/Local")) / "metagrad"
    if sys.platform == "darwin":
        return Path("~/Library/Caches/metagrad")
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "metagrad"


def _digest() -> str:
    """A short name for the state of all sources in this folder, and of the constants that are compiled into them."""
    import hashlib
    from pathlib import Path

    sources = [*sorted(Path(__file__).parent.glob("*.py")), Path(tuning.__file__)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


@functools.cache
def keep_as_we_do() -> None:
    """Have Numba load what is kept here as it is, if it is whole, and go on where it cannot keep what it made.

    Numba would first set up its compiler, 200 modules and 40 MB, which is needed only where something is to be compiled, and is
    set up then. Of its set-up, machine code needs where the functions of Numba's runtime are. A Numba that is made otherwise
    does as it is used to.
    """
    try:
        from llvmlite.binding import add_symbol  # type: ignore[import-untyped]
        from numba.core import caching
        from numba.core.runtime._nrt_python import c_helpers

        Cache, CacheFile = (getattr(caching, name) for name in ("Cache", "IndexDataCacheFile"))
        load, save = Cache.load_overload, Cache.save_overload
        Cache._load_overload, Cache._guard_against_spurious_io_errors  # noqa: B018
        CacheFile._load_data, CacheFile._dump, CacheFile._data_name, CacheFile._data_path  # noqa: B018
        addresses = {name if name.startswith("_") else f"NRT_{name}": address for name, address in c_helpers.items()}
    except (ImportError, AttributeError):
        return

    class Files(CacheFile):  # type: ignore[valid-type,misc]
        """Files with a sum at the end, and a name for each: of two processes none writes into the other's."""

        def _data_name(self, number: int) -> str:
            return f"{os.urandom(8).hex()}.{super()._data_name(number)}"

        def _dump(self, made: Any) -> bytes:
            text: bytes = super()._dump(made)
            return text + _sum_of(text)

        def _load_data(self, name: str) -> Any:
            with open(self._data_path(name), "rb") as file:
                text = file.read()
            if text[-4:] != _sum_of(text[:-4]):
                raise ValueError(f"{name} is not whole")
            return pickle.loads(text)

    def is_ours(cache: Any) -> bool:  # and not a program's own
        return bool(cache.cache_path.startswith(cache_folder() or "\0"))

    def load_overload(cache: Any, signature: Any, context: Any) -> Any:
        if not is_ours(cache):
            return load(cache, signature, context)
        cache._cache_file.__class__ = Files
        try:
            with cache._guard_against_spurious_io_errors():
                return cache._load_overload(signature, context)
        except Exception:  # whatever pickle or LLVM make of what is there
            try:
                cache.flush()
            except OSError:
                cache.disable()

    def save_overload(cache: Any, signature: Any, made: Any) -> None:
        try:
            save(cache, signature, made)
        except OSError:
            if not is_ours(cache):
                raise

    for name, address in addresses.items():
        add_symbol(name, address)
    Cache.load_overload, Cache.save_overload = load_overload, save_overload


def _sum_of(text: bytes) -> bytes:
    import zlib

    return zlib.crc32(text).to_bytes(4, "little")
