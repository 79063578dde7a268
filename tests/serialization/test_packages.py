"""Devices of a program's own: named when they are saved, asked when they are loaded."""

import io

import pytest

import metagrad as mg
from metagrad import serialization


@pytest.fixture
def registered():
    """Registers for one test; gives what was asked, in order."""
    asked = []

    def tag(storage):
        asked.append(("saved", storage.size()))
        return "elsewhere" if storage.size() == 8 else None

    def restore(storage, place):
        asked.append(("loaded", place))
        return storage if place == "elsewhere" else None

    serialization.register_package(5, tag, restore)
    yield asked
    serialization._package_registry.clear()


def test_a_package_names_places_and_restores_them(registered):
    file = io.BytesIO()
    mg.save([mg.tensor([1, 2], dtype=mg.int32), mg.tensor([1], dtype=mg.int32)], file)
    assert b"elsewhere" in file.getvalue()
    file.seek(0)
    assert [t.tolist() for t in mg.load(file)] == [[1, 2], [1]]
    assert [what for what, _ in registered] == ["saved", "saved", "loaded", "loaded"]
    assert [place for what, place in registered if what == "loaded"] == ["elsewhere", "cpu"]


def test_places_without_a_package():
    storage = mg.ones(2).untyped_storage()
    assert serialization.location_tag(storage) == "cpu"
    assert serialization.default_restore_location(storage, "cpu") is storage
    with pytest.raises(RuntimeError, match="don't know how to restore data location"):
        serialization.default_restore_location(storage, "elsewhere")
    with pytest.raises(RuntimeError):
        serialization.default_restore_location(storage, "cuda:0")


def test_versions_are_compared_number_by_number():
    module = type(mg)("other")
    module.__version__ = "1.10.2"
    assert serialization.check_module_version_greater_or_equal(module, (1, 9))
    assert not serialization.check_module_version_greater_or_equal(module, (1, 11))
    module.__version__ = "new"
    with pytest.raises(RuntimeError, match="malformed"):
        serialization.check_module_version_greater_or_equal(module, (1, 9))


@pytest.mark.oracle
def test_pytorch_asks_as_often(torch, registered):
    asked = []
    before = list(torch.serialization._package_registry)
    torch.serialization.register_package(5, lambda s: asked.append("saved"), lambda s, place: asked.append(place))
    try:
        file = io.BytesIO()
        torch.save(torch.ones(2), file)
        file.seek(0)
        torch.load(file)
    finally:
        torch.serialization._package_registry[:] = before
    file = io.BytesIO()
    mg.save(mg.ones(2, dtype=mg.uint8), file)
    file.seek(0)
    mg.load(file)
    assert ["saved", "cpu"] == asked == [what if what == "saved" else place for what, place in registered]
