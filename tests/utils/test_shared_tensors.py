"""Tensors in memory that forked processes have in common."""

import os
import sys

import numpy as np
import pytest

import metagrad as mg


def _in_a_fork(work):
    """Runs in a child process, and waits for it."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not forked there")
def test_a_forked_process_writes_where_its_parent_reads():
    layer, plain = mg.nn.Linear(2, 1).share_memory(), mg.zeros(2)

    def work():
        with mg.no_grad():
            layer.weight.fill_(5.0)
        plain.fill_(5.0)

    _in_a_fork(work)
    assert layer.weight.tolist() == [[5.0, 5.0]]
    assert plain.tolist() == [0.0, 0.0]


def test_what_is_shared_keeps_its_numbers_and_strides():
    for x in (
        mg.arange(6.0).reshape(2, 3).t(),
        mg.zeros(0, 3),
        mg.tensor(2.0),
        mg.ones(3, dtype=mg.bfloat16),
        mg.tensor([True]),
    ):
        before, stride = x.tolist(), x.stride()
        assert not x.is_shared()
        assert x.share_memory_() is x
        assert (x.tolist(), x.stride(), x.is_shared()) == (before, stride, True)
    assert not x.clone().is_shared()


def test_a_view_takes_along_what_it_is_a_view_of():
    whole = mg.zeros(4)
    part = whole[1:3].share_memory_()
    part[0] = 7.0
    assert whole.tolist() == [0.0, 7.0, 0.0, 0.0] and whole.is_shared() and whole[2:].is_shared()


def test_a_shared_parameter_learns():
    p = mg.nn.Parameter(mg.ones(2)).share_memory_()
    memory = p.array
    (p * p).sum().backward()
    mg.optim.SGD([p], lr=0.25).step()
    assert p.tolist() == [0.5, 0.5] and np.shares_memory(p.array, memory) and p.is_shared() and p.is_leaf
