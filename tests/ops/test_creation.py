"""Arguments of the functions that make tensors: out, device, layout; old constructors; other people's memory."""

import array
import collections
import copy
import enum
import pickle

import numpy as np
import pytest

import metagrad

FACTORIES = {
    "zeros": (2, 3), "ones": ((2, 3),), "empty": (2, 3), "full": ((2, 3), 2), "rand": (2, 3), "randn": (2, 3), "eye": (2, 3),
    "arange": (6,), "range": (1, 6), "linspace": (0, 1, 6), "logspace": (0, 1, 6), "randint": (5, (2, 3)), "randperm": (6,),
}  # fmt: skip


@pytest.mark.parametrize("name", FACTORIES)
def test_out_and_its_dtype(name):
    for kind in (metagrad.float64, metagrad.float32):
        out = metagrad.empty(1, dtype=kind)
        found = getattr(metagrad, name)(*FACTORIES[name], out=out)
        assert found is out and out.dtype is kind and out.numel() == 6
    with pytest.raises(RuntimeError, match="dtype"):
        getattr(metagrad, name)(*FACTORIES[name], out=out, dtype=metagrad.float64)


@pytest.mark.parametrize("name", FACTORIES)
def test_every_documented_argument(name):
    function = getattr(metagrad, name)
    x = function(
        *FACTORIES[name],
        dtype=metagrad.float64,
        layout=metagrad.strided,
        device="cpu",
        pin_memory=False,
        requires_grad=True,
    )
    assert x.requires_grad and x.is_leaf and x.dtype is metagrad.float64
    with pytest.raises(TypeError, match="argument"):
        function(*FACTORIES[name], colour="red")
    with pytest.raises(NotImplementedError, match="strided"):
        function(*FACTORIES[name], layout=metagrad.layout("sparse_coo"))


def test_out_of_ops():
    x, out = metagrad.tensor([[1.0, 2.0]]), metagrad.empty(0)
    assert metagrad.cat([x, x], out=out) is out and out.tolist() == [[1, 2], [1, 2]]
    assert metagrad.take(x, metagrad.tensor([1]), out=out).tolist() == [2]
    with pytest.raises(TypeError, match="can't be cast"):
        metagrad.stack([x, x], out=metagrad.empty(0, dtype=metagrad.int64))
    with pytest.raises(RuntimeError, match="out="):
        metagrad.diag(metagrad.ones(2, requires_grad=True), out=out)
    with metagrad.no_grad():
        assert metagrad.diag(metagrad.ones(2, requires_grad=True), out=out).tolist() == [[1, 0], [0, 1]]


def test_out_counts_as_a_write():
    x = metagrad.ones(2, requires_grad=True)
    y = metagrad.ones(2)
    z = x * y
    metagrad.arange(2, out=y)
    with pytest.raises(RuntimeError, match="in-?place"):
        z.sum().backward()


def test_default_device():
    assert metagrad.get_default_device() == metagrad.device("cpu")
    with metagrad.device("cpu") as place:
        assert metagrad.zeros(1).device == place
    with metagrad.device("cuda"):
        assert metagrad.get_default_device().type == "cuda"
        assert metagrad.zeros(1, device="cpu").is_cpu and metagrad.from_numpy(np.zeros(1)).is_cpu
        assert metagrad.zeros_like(metagrad.from_numpy(np.zeros(1))).is_cpu
        for make in (metagrad.zeros, metagrad.rand, metagrad.arange):
            with pytest.raises(RuntimeError, match="cuda"):
                make(1)
    metagrad.set_default_device("cuda")
    try:
        with pytest.raises(RuntimeError, match="cuda"):
            metagrad.tensor(1)
    finally:
        metagrad.set_default_device(None)
    assert metagrad.tensor(1).is_cpu


def test_frombuffer():
    memory = bytearray(range(8))
    x = metagrad.frombuffer(memory, dtype=metagrad.uint8)
    x[0] = 9
    assert memory[0] == 9 and x.numel() == 8
    assert metagrad.frombuffer(memory, dtype=metagrad.int16, count=1, offset=2).tolist() == [0x0302]
    for bad in ({"offset": 1}, {"count": 9}, {"offset": 8}, {"count": 0}):
        with pytest.raises(ValueError, match="buffer"):
            metagrad.frombuffer(memory, dtype=metagrad.int16, **bad)


def test_old_constructors():
    assert metagrad.FloatTensor(2, 3).shape == (2, 3) and metagrad.FloatTensor().shape == (0,)
    assert metagrad.LongTensor([1, 2]).dtype is metagrad.int64 and metagrad.LongTensor(5).shape == (5,)
    assert metagrad.IntTensor(np.arange(3.0)).tolist() == [0, 1, 2]
    assert metagrad.ByteTensor(metagrad.Size([2])).shape == (2,)
    x = metagrad.DoubleTensor([1.5])
    assert isinstance(x, metagrad.DoubleTensor) and not isinstance(x, metagrad.FloatTensor)
    assert not isinstance(3, metagrad.LongTensor) and type(x) is metagrad.Tensor
    assert metagrad.DoubleTensor(x).tolist() == [1.5]
    with pytest.raises(TypeError, match="float64"):
        metagrad.FloatTensor(x)
    assert x.type() == "metagrad.DoubleTensor"
    assert x.type(metagrad.HalfTensor).dtype is x.type("metagrad.HalfTensor").dtype is metagrad.float16
    assert x.new(2, 3).shape == (2, 3) and x.new([1, 2]).dtype is metagrad.float64
    assert metagrad.Tensor(2, 3).shape == (2, 3)
    assert metagrad.typename(x) == "metagrad.DoubleTensor" and metagrad.typename(3) == "int"


def test_ints_of_numpys_are_extents_to_old_constructors():
    n = np.int64(3)  # as an environment says how many actions it has
    for constructor in (metagrad.Tensor, metagrad.FloatTensor, metagrad.LongTensor, metagrad.zeros(1).new):
        assert constructor(n).shape == constructor(np.array(3)).shape == constructor(np.uint8(3)).shape == (3,)
        assert constructor(n, 2).shape == (3, 2) and constructor(2, n).shape == (2, 3)
        assert constructor([n, 2]).tolist() == [3, 2] and constructor(np.array([3])).tolist() == [3]
    assert metagrad.FloatTensor(metagrad.tensor(3), 2).shape == (3, 2)
    for number in (np.float32(3), np.bool_(True), True, 3.0, None):
        for constructor in (metagrad.Tensor, metagrad.FloatTensor):
            with pytest.raises(TypeError, match=r"new\(\): data must be a sequence"):
                constructor(number)


def test_set_default_tensor_type():
    try:
        for kind in (metagrad.DoubleTensor, "metagrad.DoubleTensor"):
            metagrad.set_default_tensor_type(kind)
            assert metagrad.zeros(1).dtype is metagrad.float64
            metagrad.set_default_tensor_type(metagrad.FloatTensor)
            assert metagrad.zeros(1).dtype is metagrad.float32
        with pytest.raises(TypeError, match="floating"):
            metagrad.set_default_tensor_type(metagrad.LongTensor)
    finally:
        metagrad.set_default_dtype(metagrad.float32)


def test_names_of_dtypes():
    assert (
        metagrad.float is metagrad.float32 and metagrad.double is metagrad.float64 and metagrad.half is metagrad.float16
    )
    assert metagrad.long is metagrad.int64 and metagrad.int is metagrad.int32 and metagrad.short is metagrad.int16
    assert metagrad.cfloat is metagrad.complex64 and metagrad.cdouble is metagrad.complex128
    assert metagrad.float32.abbr == "f32" and metagrad.bool.abbr == "b8"


def test_bfloat16_can_be_named():
    names = {metagrad.float16: "half", metagrad.bfloat16: "brain"}
    assert names[metagrad.bfloat16] == "brain" and metagrad.float32 != metagrad.bfloat16
    assert metagrad.bfloat16.is_floating_point and metagrad.bfloat16.itemsize == 2
    assert copy.deepcopy(metagrad.bfloat16) is pickle.loads(pickle.dumps(metagrad.bfloat16)) is metagrad.bfloat16


def test_constants_survive_pickling():
    for constant in (metagrad.strided, metagrad.channels_last, metagrad.preserve_format):
        assert pickle.loads(pickle.dumps(constant)) is copy.deepcopy(constant) is constant
    with pytest.raises(RuntimeError, match="rank 4"):
        metagrad.zeros(2, 3).contiguous(memory_format=metagrad.channels_last)


def test_apply_and_map():
    x = metagrad.tensor([1.0, 2.0])
    assert x.apply_(lambda v: v + 1) is x and x.tolist() == [2, 3]
    assert x.map_(metagrad.tensor([10.0]), lambda a, b: a * b).tolist() == [20, 30]
    with pytest.raises(RuntimeError, match="detach"):
        metagrad.ones(2, requires_grad=True).apply_(abs)


def test_unsupported_items():
    with pytest.raises(TypeError, match="delet"):
        del metagrad.zeros(3)[0]
    assert list(map(int, reversed(metagrad.arange(3)))) == [2, 1, 0]


def test_adjoint_of_complex_matrices():
    z = metagrad.tensor([[1 + 2j, 3j], [4 + 0j, 5 - 1j]], requires_grad=True)
    expected = np.conj(z.detach().numpy()).T
    for found in (z.H, z.mH, metagrad.adjoint(z)):
        assert (found.detach().resolve_conj().numpy() == expected).all()
    assert metagrad.autograd.gradcheck(lambda z: metagrad.real(z.H @ z), (z.detach().cdouble().requires_grad_(),))
    for bad in (lambda: metagrad.zeros(3).mT, lambda: metagrad.zeros(2, 2, 2).H, lambda: metagrad.zeros(3).mH):
        with pytest.raises(RuntimeError, match="matrices"):
            bad()


def test_switches_are_kept():
    metagrad.use_deterministic_algorithms(True, warn_only=True)
    assert metagrad.are_deterministic_algorithms_enabled() and metagrad.get_deterministic_debug_mode() == 1
    metagrad.set_deterministic_debug_mode("default")
    assert not metagrad.are_deterministic_algorithms_enabled()
    metagrad.set_float32_matmul_precision("high")
    assert metagrad.get_float32_matmul_precision() == "high"
    metagrad.set_float32_matmul_precision("highest")
    metagrad.backends.cudnn.deterministic = True
    assert not metagrad.backends.cudnn.is_available() and not metagrad.backends.mps.is_available()
    with pytest.warns(UserWarning, match="no effect"):
        metagrad.set_float32_matmul_precision("low")
    assert metagrad.get_float32_matmul_precision() == "highest"


def test_sizes_stay_sizes():
    size = metagrad.zeros(2, 3, 4).shape
    for part in (size[1:], size + (5,), (5,) + size, size * 2, 2 * size):
        assert isinstance(part, metagrad.Size) and part.numel() == int(np.prod(part))
    assert size[1] == 3 and size[1:] == (3, 4) and repr(size[:1]) == "metagrad.Size([2])"


def test_other_names_of_arguments():
    x = metagrad.arange(6)
    assert (
        [len(p) for p in x.split(split_size=4)]
        == [4, 2]
        == [len(p) for p in metagrad.split(x, split_size_or_sections=4)]
    )
    assert x.view(size=(2, 3)).repeat(repeats=(1, 2)).shape == (2, 6) and x.expand(size=(2, 6)).shape == (2, 6)
    assert x.where(x > 3, metagrad.tensor(0)).tolist() == [0, 0, 0, 0, 4, 5]


def test_numbers_of_a_class_of_their_own_are_numbers():
    class Level(enum.IntEnum):
        LOW, HIGH = 1, 2

    class Metres(float):
        pass

    found = metagrad.tensor([[Level.LOW, 3], [Level.HIGH, 4]])
    assert found.dtype is metagrad.int64 and found.tolist() == [[1, 3], [2, 4]]
    assert metagrad.tensor(Level.HIGH).item() == 2
    assert metagrad.tensor([Metres(1.5)]).dtype is metagrad.float32
    assert metagrad.utils.data.default_collate([Level.LOW]).tolist() == [1]


@pytest.mark.parametrize("data", [[2**63, 1], [1, 2**63], [[2**63, -1]], [-1, 2**64 - 1], 2**63])
def test_an_integer_beyond_int64_is_refused_beside_others_too(data):
    with pytest.raises(ValueError, match="does not fit"):
        metagrad.tensor(data)
    assert metagrad.tensor(data, dtype=metagrad.float64).dtype is metagrad.float64


@pytest.mark.parametrize("name", ["rand_like", "randn_like"])
def test_random_numbers_lie_as_those_of_the_tensor_they_are_like(name):
    make = getattr(metagrad, name)
    images = metagrad.zeros(2, 3, 4, 5).to(memory_format=metagrad.channels_last)
    assert make(images).stride() == (60, 1, 15, 3)
    assert make(images, memory_format=metagrad.contiguous_format).stride() == (60, 20, 5, 1)
    assert make(metagrad.zeros(2, 3, 4, 5), memory_format=metagrad.channels_last).stride() == (60, 1, 15, 3)
    assert make(metagrad.zeros(4, 3).t(), dtype=metagrad.float64).stride() == (1, 3)
    assert metagrad.randint_like(metagrad.zeros(4, 3).t(), 3).stride() == (1, 3)
    seeds = [metagrad.Generator().manual_seed(1) for _ in range(2)]
    fill = {"rand_like": metagrad.Tensor.uniform_, "randn_like": metagrad.Tensor.normal_}[name]
    assert make(images, generator=seeds[0]).equal(fill(metagrad.empty_like(images), generator=seeds[1]))


@pytest.mark.oracle
def test_random_layouts_are_pytorchs(torch):
    for m in (metagrad, torch):
        x = m.zeros(1, 3).expand(4, 3)
        assert m.rand_like(x).stride() == (3, 1) and m.rand_like(m.zeros(6, 8)[::2, ::2]).stride() == (4, 1)
        assert m.randn_like(m.zeros(4, 2, 5).permute(1, 2, 0)).stride() == (5, 1, 10)


class Few:
    """A sequence by Python's oldest protocol: a length, and items by number."""

    def __init__(self, *items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def test_a_sequence_of_any_kind_is_a_list():
    for made in (
        collections.deque,
        collections.UserList,
        lambda items: Few(*items),
        lambda items: array.array("d", items),
    ):
        assert metagrad.tensor(made([1.0, 2.0])).tolist() == [1.0, 2.0]
    assert metagrad.tensor(Few(Few(1, 2), [3, 4])).tolist() == [[1, 2], [3, 4]]
    assert metagrad.tensor(collections.deque([metagrad.tensor(1.5), 2])).tolist() == [1.5, 2.0]
    assert metagrad.tensor(collections.deque()).dtype is metagrad.float32
    assert metagrad.tensor(array.array("i", [1, 2])).dtype is metagrad.int64
    assert metagrad.arange(5)[collections.deque([1, 3])].tolist() == [1, 3] == metagrad.arange(5)[Few(1, 3)].tolist()
    for no in ({1, 2}, {1: 2}, {1: 2}.values(), iter([1])):
        with pytest.raises(RuntimeError, match="Could not infer dtype"):
            metagrad.tensor(no)


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_one_half_of_evenly_spaced_numbers_is_counted_from_the_end(lib):
    L = pytest.importorskip(lib)
    few = L.linspace(-10, 10, 10)
    assert few.tolist()[2:5] == [-5.55555534362793, -3.3333330154418945, -1.1111106872558594]
    assert (few == -few.flip(0)).all() and L.linspace(0, 1, 37, dtype=L.float64)[-4] == 0.9166666666666666
    assert L.linspace(0, 1, 7, dtype=L.float16)[4] == 0.6669921875
    assert L.logspace(0, 1, 4).tolist() == [1.0, 2.1544346809387207, 4.6415886878967285, 10.0]
    assert str(L.linspace(1e38, -3e38, 5).tolist()) == "[nan, -inf, inf, inf, nan]"
    many = L.linspace(-3, 5, 300_001)
    assert many[0] == -3 and many[-1] == 5 and many[150_000] == 1 and (many[1:] > many[:-1]).all()
