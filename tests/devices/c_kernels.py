"""CuPy's ElementwiseKernel and RawKernel on the stand-in array: what was printed for a GPU, compiled as C for this machine.

Types of arrays must be those declared, as in CuPy; numbers become the declared type; all are broadcast.
"""

import ctypes
import functools
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tests.devices.standin import FakeCupy, Strict, install, unwrap, wrap

from metagrad.kernels.fused import TYPES

COMPILER = shutil.which("gcc")
HEAD = """
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#define __device__ static inline
typedef _Float16 float16;
"""
OPTIONS = "-O1 -shared -fPIC -fwrapv -ffp-contract=off -Wall -Werror -Wno-unused-function -Wno-unused-variable".split()


@functools.cache
def can_compile():
    """Whether there is a compiler that knows halves."""
    try:
        return COMPILER is not None and compiled(HEAD + "float16 f(float16 x) { return x; }") is not None
    except subprocess.CalledProcessError:
        return False


@functools.cache
def compiled(text):
    """The library that a C text makes."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "kernel.c"), Path(folder, "kernel.so")
        source.write_text(text)
        try:
            subprocess.run(
                [COMPILER, *OPTIONS, source, "-o", target, "-lm"], check=True, capture_output=True, text=True
            )
        except subprocess.CalledProcessError as error:
            error.add_note(f"{error.stderr}\n{text}")
            raise
        return ctypes.CDLL(str(target))


class ElementwiseKernel:
    """It has the parameters of CuPy's that are used."""

    made = []  # every kernel, to be counted

    def __init__(self, in_params, out_params, operation, name="kernel", *, preamble=""):
        assert name.isidentifier()
        self.inputs, self.outputs = ([p.split() for p in ps.split(", ") if p] for ps in (in_params, out_params))
        names = [name for _, name in self.inputs + self.outputs]
        assert len({*names, "i", "n", "_ind"}) == len(names) + 3, "CuPy wants other names"
        parameters = [f"const {TYPES[t]} *{n}_" for t, n in self.inputs] + [
            f"{TYPES[t]} *{n}_" for t, n in self.outputs
        ]
        loads = [f"const {TYPES[t]} {n} = {n}_[i];" for t, n in self.inputs] + [
            f"{TYPES[t]} {n};" for t, n in self.outputs
        ]
        stores = [f"{n}_[i] = {n};" for _, n in self.outputs]
        loop = "\n".join([*loads, operation, *stores])
        self.operation = operation
        loop = f"for (ptrdiff_t i = 0; i < n; i++) {{\n{loop}\n}}"
        self.text = f"{HEAD}{preamble}\nvoid run(ptrdiff_t n, {', '.join(parameters)}) {{\n{loop}\n}}"
        self.made.append(self)

    def __call__(self, *arguments):
        assert len(arguments) in (len(self.inputs), len(self.inputs) + len(self.outputs))
        given = [self._taken(a, *declared) for a, declared in zip(arguments, self.inputs)]
        into = arguments[len(self.inputs) :]
        for a, declared in zip(into, self.outputs):
            self._taken(a, *declared)
        shape = np.broadcast_shapes(*[a.shape for a in given])
        arrays = [np.array(np.broadcast_to(a, shape), order="C") for a in given]
        arrays += [np.empty(shape, t) for t, _ in self.outputs]
        size = arrays[0].size
        compiled(self.text).run(ctypes.c_ssize_t(size), *[ctypes.c_void_p(a.ctypes.data) for a in arrays])
        results = tuple(wrap(a) for a in arrays[len(given) :])
        for a, result in zip(into, results):
            a[...] = result
        return results if len(results) > 1 else results[0]

    @staticmethod
    def _taken(value, dtype, name):
        if isinstance(value, (bool, int, float)):
            with np.errstate(over="ignore"):
                return np.asarray(value, dtype)
        assert isinstance(value, Strict), f"CuPy takes its arrays and numbers, not a {type(value)}"
        if value.dtype != dtype:
            raise TypeError(f"Type is mismatched. {name} {value.dtype} {dtype}")
        return unwrap(value)


RAW_HEAD = """
#define EACH(thread) for (int thread = 0; thread < THREADS; thread++) {
#define END }
#define KERNEL void
#define SHARED NUMBER *memory = shared;
#define UNROLL
#define UNROLL_8
#define THREADS threads_
#define BLOCK_X block_x
#define BLOCK_Y block_y
#define BLOCKS_X blocks_x
#define DEVICE static inline
static int threads_, block_x, block_y, blocks_x;
static void *shared;
void place(int x, int y, int blocks, int threads, void *memory) {
  block_x = x, block_y = y, blocks_x = blocks, threads_ = threads, shared = memory;
}
"""


class RawKernel:
    """It runs block after block, and of a block each phase for thread after thread, in shared memory that begins as nan."""

    def __init__(self, text, name):
        self.text, self.name = text, name

    def __call__(self, grid, block, arguments, shared_mem=0):
        library = compiled(HEAD + RAW_HEAD + self.text)
        given = [self._taken(a) for a in arguments]
        memory = np.full(shared_mem // 4, np.nan, np.float32)
        for x in range(grid[0]):
            for y in range(grid[1] if len(grid) > 1 else 1):
                library.place(x, y, grid[0], block[0], ctypes.c_void_p(memory.ctypes.data))
                getattr(library, self.name)(*given)

    @staticmethod
    def _taken(value):
        if isinstance(value, Strict):
            assert value.flags.c_contiguous
            return ctypes.c_void_p(unwrap(value).ctypes.data)
        if isinstance(value, np.generic):
            kinds = {
                "int32": ctypes.c_int,
                "int64": ctypes.c_longlong,
                "float32": ctypes.c_float,
                "float64": ctypes.c_double,
            }
            return kinds[value.dtype.name](value.item())
        assert value.__class__ is int and value == 0, (
            f"CuPy takes its arrays, or a pointer to nothing, not a {type(value)}"
        )
        return ctypes.c_void_p(0)


@contextmanager
def installed(monkeypatch, modules, caches):
    """The stand-in with kernels, for modules that make some and the caches they keep them in: the names of those that run."""
    install(monkeypatch)
    names, run = [], RawKernel.__call__

    def noted(self, *arguments, **settings):
        names.append(self.name)
        run(self, *arguments, **settings)

    monkeypatch.setattr(RawKernel, "__call__", noted)
    monkeypatch.setattr(FakeCupy, "RawKernel", RawKernel, raising=False)
    monkeypatch.setattr(FakeCupy, "ElementwiseKernel", ElementwiseKernel, raising=False)
    for module in modules:
        monkeypatch.setattr(module, "cupy", lambda: FakeCupy)
    for cache in caches:
        cache.cache_clear()
    yield names
    for cache in caches:
        cache.cache_clear()
