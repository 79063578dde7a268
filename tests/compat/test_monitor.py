"""Events, and numbers added up over spans of time."""

import datetime

import pytest

from metagrad import monitor

HOUR = datetime.timedelta(hours=1)


def test_events_are_heard_while_somebody_listens():
    heard = []
    handle = monitor.register_event_handler(heard.append)
    event = monitor.Event("epoch", datetime.datetime(2020, 1, 1), {"loss": 0.5, "name": "a", "best": True})
    monitor.log_event(event)
    monitor.unregister_event_handler(handle)
    monitor.log_event(event)
    assert heard == [event]
    with pytest.raises(TypeError):
        monitor.log_event("epoch")


def test_a_stat_makes_its_numbers_when_a_span_is_over():
    kinds, heard = [kind for kind in monitor.Aggregation if kind.value], []
    handle = monitor.register_event_handler(heard.append)
    stat = monitor.Stat("loss", kinds, HOUR, 3)
    assert set(stat.get().values()) == {0.0}
    for value in (1, 5, 3):
        stat.add(value)
    monitor.unregister_event_handler(handle)
    assert {kind.name: value for kind, value in stat.get().items()} == {
        "VALUE": 3.0, "MEAN": 3.0, "COUNT": 3.0, "SUM": 9.0, "MAX": 5.0, "MIN": 1.0,
    }  # fmt: skip
    assert stat.count == 0 and heard[0].data["loss.sum"] == 9.0


def test_what_a_stat_reports_is_written_as_scalars():
    written = []

    class Writer:
        def add_scalar(self, name, value, walltime):
            written.append((name, value))

    handle = monitor.register_event_handler(monitor.TensorboardEventHandler(Writer()))
    monitor.log_event(monitor.Event("other", datetime.datetime(2020, 1, 1), {"x": 1}))
    monitor.Stat("loss", [monitor.Aggregation.SUM], HOUR, 1).add(2)
    monitor.unregister_event_handler(handle)
    assert written == [("loss.sum", 2.0)]


@pytest.mark.oracle
def test_the_same_names_and_numbers_as_pytorch(torch):
    import torch.monitor as theirs

    assert [kind.name for kind in theirs.Aggregation.__members__.values()] == [
        k.name for k in monitor.Aggregation if k.name in theirs.Aggregation.__members__
    ]
    found = []
    for library in (monitor, theirs):
        kinds = [library.Aggregation.SUM, library.Aggregation.MEAN, library.Aggregation.COUNT]
        stat = library.Stat("n", kinds, HOUR, 2)
        before = sorted((kind.name, value) for kind, value in stat.get().items())
        stat.add(2)
        stat.add(4)
        found.append((before, stat.count, stat.name, sorted((kind.name, value) for kind, value in stat.get().items())))
    assert found[0] == found[1]
