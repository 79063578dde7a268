"""Files are written whole or not at all."""

import os
import subprocess
import sys

import pytest

from metagrad.base import files
from metagrad.base.files import replacing, write_atomically


def test_pieces_are_joined_and_permissions_kept(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, [b"one ", memoryview(b"two")])
    assert path.read_bytes() == b"one two"
    path.chmod(0o640)
    write_atomically(path, [b"three"])
    assert path.read_bytes() == b"three" and path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_failure_on_the_way_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def failing():
        yield b"new"
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        write_atomically(path, failing())
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_atomically(tmp_path / "link", [b"new"])
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"new"


def test_what_cannot_be_written_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        write_atomically(tmp_path / "no" / "file", [b""])
    with pytest.raises(OSError, match="folder"):
        write_atomically(tmp_path, [b""])
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="regular"):
            write_atomically(tmp_path / "pipe", [b""])


KILLED = """
import os, pathlib, sys
from metagrad.base.files import replacing
with replacing(pathlib.Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("written", flush=True)
    sys.stdin.readline()
    os._exit(9)
"""


def half_written(path):
    """A process that is in the middle of writing the file."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "written\n"
    return process


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"old")
    for name in (path, tmp_path / "other.pt"):
        half_written(name).communicate("\n")
    (tmp_path / ".metagrad-notes").write_bytes(b"not ours")
    assert path.read_bytes() == b"old" and len(os.listdir(tmp_path)) == 4
    write_atomically(path, [b"new"])
    left = sorted(os.listdir(tmp_path))
    assert path.read_bytes() == b"new" and len(left) == 3 and left[1:] == [".metagrad-notes", "model.pt"]
    write_atomically(tmp_path / "other.pt", [b"new"])
    assert sorted(os.listdir(tmp_path)) == [".metagrad-notes", "model.pt", "other.pt"]


def test_a_file_that_is_still_being_written_is_not_swept(tmp_path):
    pytest.importorskip("fcntl")
    path = tmp_path / "model.pt"
    process = half_written(path)
    write_atomically(path, [b"new"])
    assert len(os.listdir(tmp_path)) == 2
    process.communicate("\n")
    write_atomically(path, [b"newer"])
    assert os.listdir(tmp_path) == ["model.pt"]


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "file"
    with replacing(path) as outer:
        outer.write(b"outer")
        with replacing(path) as inner:
            inner.write(b"inner")
        assert path.read_bytes() == b"inner"
    assert path.read_bytes() == b"outer" and os.listdir(tmp_path) == ["file"]


def test_a_temporary_that_is_swept_before_it_is_locked_is_made_anew(tmp_path, monkeypatch):
    pytest.importorskip("fcntl")
    lock, calls = files._lock, []

    def late(handle):
        calls.append(handle)
        if len(calls) == 1:
            for name in os.listdir(tmp_path):
                os.unlink(tmp_path / name)
        return lock(handle)

    monkeypatch.setattr(files, "_lock", late)
    write_atomically(tmp_path / "file", [b"whole"])
    assert len(calls) == 2 and (tmp_path / "file").read_bytes() == b"whole" and os.listdir(tmp_path) == ["file"]


def test_a_name_as_long_as_the_system_allows(tmp_path):
    path = tmp_path / ("x" * 255)
    write_atomically(path, [b"whole"])
    assert path.read_bytes() == b"whole" and len(os.listdir(tmp_path)) == 1
