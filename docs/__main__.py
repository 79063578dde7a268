"""Build the site: ``python -m docs``. Every code cell is run, and any error or warning ends the build.

python -m docs --output build/site
"""

import argparse
import hashlib
import os
import shutil
import sys
from pathlib import Path

from metagrad.base.optional import need

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


def fingerprint() -> str:
    """A short text that changes with the library and with what the pages' code cells use beside it."""
    digest = hashlib.sha256(sys.version.encode())
    files = [*(ROOT / "src").rglob("*.py"), *(HERE / "pictures").rglob("*.py")]
    for file in sorted(files):
        digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def own_profile(folder: Path) -> Path:
    """A profile for the processes that run the cells: not the user's own, and without a notice about sockets."""
    profile = folder / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.json").write_text('{"IPKernelApp": {"log_level": 40}}', encoding="utf-8")
    return folder.resolve()


def build(source: Path, output: Path, cache: Path) -> int:
    """Build the pages of a folder; 0 if there was no error and no warning."""
    need("sphinx", extra="docs")
    from sphinx.cmd.build import main as sphinx

    paths = [str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))  # for the processes that run the code cells
    os.environ["MPLBACKEND"] = "agg"
    os.environ["METAGRAD_NUMBA"] = "0"  # the same numbers wherever the site is built, and no notice of compiling
    os.environ["IPYTHONDIR"] = str(own_profile(cache / "ipython"))
    arguments = ["-b", "html", "-W", "--keep-going", "-q", "-c", str(HERE), "-d", str(cache / "doctrees")]
    arguments += ["-D", f"nb_execution_cache_path={cache / fingerprint()}", str(source), str(output)]
    status = sphinx(arguments)
    if status:  # Sphinx says a page's warning only when it reads the page: the next time, it shall read them all
        shutil.rmtree(cache / "doctrees", ignore_errors=True)
    return status


def main() -> int:
    """Read the options, and build."""
    options = argparse.ArgumentParser(prog="python -m docs", description="Build metagrad's site.")
    options.add_argument("--source", type=Path, default=HERE, help="the folder of the pages (default: docs)")
    options.add_argument("--output", type=Path, default=ROOT / "build" / "site", help="default: build/site")
    options.add_argument("--cache", type=Path, default=ROOT / "build" / "site-cache", help="default: build/site-cache")
    given = options.parse_args()
    status = build(given.source, given.output, given.cache)
    if status == 0:
        print(f"open {given.output / 'index.html'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
