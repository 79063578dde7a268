"""Bad input raises what PyTorch raises, or a kind of it: a program that catches an error goes on catching it.

Each line is run on both sides. What NumPy or Python would raise of themselves, AssertionError, KeyError, ZeroDivisionError,
comes from nowhere.
"""

import functools

import numpy as np
import pytest

import metagrad as mg


def cases(lib):
    """By name, calls that PyTorch refuses."""
    F, t, ones, nn = lib.nn.functional, lib.tensor, lib.ones, lib.nn
    x, ints, mask, z = ones(3, 4), t([[1, 2], [3, 4]]), t([[True, False]]), ones(2, dtype=lib.complex64)
    array = np.ones((3, 4), np.float32)
    return {
        # what is no tensor
        "a number for a matrix": lambda: lib.mm(x, 2.0),
        "None for a matrix": lambda: lib.addbmm(None, ones(2, 3, 4), ones(2, 4, 5)),
        "an array in a linear layer": lambda: nn.Linear(4, 2)(array),
        "a list in a linear layer": lambda: nn.Linear(4, 2)(array.tolist()),
        "an array in a convolution": lambda: nn.Conv1d(3, 2, 1)(array),
        "None in a batch norm": lambda: nn.BatchNorm1d(4)(None),
        "a list in a softmax": lambda: nn.Softmax(-1)([1.0]),
        "a string in a recurrent layer": lambda: nn.LSTM(4, 2)("a"),
        "a number in an attention": lambda: nn.MultiheadAttention(4, 2)(x, 1.0, x),
        "a string for a tensor": lambda: lib.exp("a"),
        "tensors and a number to join": lambda: lib.cat([x, 1.0]),
        "a list to flatten": lambda: lib.flatten([1.0]),
        "None to reshape": lambda: lib.reshape(None, (2,)),
        "a string to transpose": lambda: lib.transpose("a", 0, 1),
        "a number to make zeros like": lambda: lib.zeros_like(1.0),
        "a list in an embedding": lambda: F.embedding([1], x),
        "None for a kernel": lambda: F.conv1d(ones(1, 3, 4), None),
        "None for a mask": lambda: x.masked_fill(None, 0),
        "nothing for an einsum": lambda: lib.einsum(),
        "no operand for an einsum": lambda: lib.einsum("ij"),
        "a tensor alone for an einsum": lambda: lib.einsum(x),
        "no sizes to split into": lambda: lib.split(x),
        "fractions to split into": lambda: x.split((1, 2.0)),
        "an infinity norm of nothing": lambda: nn.utils.get_total_norm([ones(0), x], float("inf")),
        "bernoulli numbers of complex ones": lambda: z.bernoulli_(),
        "bernoulli numbers by integers": lambda: x.bernoulli_(ints),
        "random complex numbers": lambda: z.random_(),
        "a trace of truth values": lambda: lib.trace(mask),
        "a list in an attention": lambda: F.scaled_dot_product_attention([1.0], x, x),
        "None for a matrix, as a method": lambda: x.mm(None),
        "a list for a vector, as a method": lambda: x[0].dot([1.0]),
        "a string for a source": lambda: x.put(t([0]), "a"),
        "a list in a scatter": lambda: x.diagonal_scatter([1.0]),
        "a list in relu": lambda: F.relu([1.0]),
        "a string in leaky relu": lambda: F.leaky_relu("a"),
        "a number for its sine": lambda: lib.sin(1.0),
        "a number for a logarithm of gamma": lambda: lib.special.gammaln(1),
        "a number for a softmax": lambda: lib.softmax(1.0, 0),
        "a list to expand as": lambda: x.expand_as([1]),
        "None to view as": lambda: x.view_as(None),
        "a string for out, of zeros": lambda: lib.zeros(2, out="a"),
        "a size beside a tensor of means": lambda: lib.normal(x, 1.0, (2,)),
        "a word for the formats of an order": lambda: x.dim_order(ambiguity_check="any"),
        # factors and indices of the wrong kind
        "a complex factor of a product": lambda: lib.addmm(x, lib.eye(3), x, alpha=1j),
        "a complex factor of what is added to": lambda: lib.baddbmm(
            ones(1, 2, 2), ones(1, 2, 2), ones(1, 2, 2), beta=1j
        ),
        "a complex factor of a quotient": lambda: lib.addcdiv(x, x, x, value=1j),
        "a complex weight": lambda: lib.lerp(x, x, 1j),
        # dtypes that an op has no numbers of
        "bools to multiply": lambda: lib.matmul(mask.expand(2, 2), mask.expand(2, 2)),
        "bools in an inner product": lambda: lib.dot(mask[0], mask[0]),
        "a sum over products of two dtypes": lambda: lib.einsum("ij,kj->ik", x, x.double()),
        "one number for the sizes of full": lambda: lib.full(2, 1),
        "one number for the sizes of new_full": lambda: x.new_full(2, 1),
        "nan for a probability": lambda: lib.bernoulli(t([float("nan")])),
        "a number for requires_grad, set": lambda: setattr(ones(2), "requires_grad", 1),
        "a complex gradient of real numbers": lambda: (ones(2, requires_grad=True) * 2).backward(z),
        "a string for a gradient": lambda: ones(1, requires_grad=True).sum().backward("a"),
        "True for a condition": lambda: lib.where(True, x, x),
        "a number for values": lambda: x.index_put_((t([0]),), 1.0),
        "a fraction for an index": lambda: x.select(0, 1.5),
        "a fraction for a number of classes": lambda: F.one_hot(t([1]), 2.5),
        "a fraction for a power": lambda: lib.linalg.matrix_power(lib.eye(2), 1.5),
        "weights of another shape": lambda: F.mse_loss(x, x, weight=ones(4)),
        "a number for a transform": lambda: lib.distributions.TransformedDistribution(
            lib.distributions.Normal(0.0, 1.0), [1]
        ),
        "the absolute value of a bool": lambda: mask.abs(),
        "a bool, rounded": lambda: mask.round(),
        "the floor of a bool": lambda: mask.floor(),
        "integers, rounded to decimals": lambda: ints.round(decimals=1),
        "the fraction of integers": lambda: ints.frac(),
        "the median of bools": lambda: mask.median(),
        "the error function of complex numbers": lambda: lib.erf(z),
        "the logit of complex numbers": lambda: lib.logit(z),
        "a Bessel function of complex numbers": lambda: lib.special.bessel_j0(z),
        "glu of integers": lambda: F.glu(ints),
        "hardshrink of integers": lambda: F.hardshrink(ints),
        "a threshold of bools": lambda: F.threshold(mask, 1, 0),
        "patches of integers": lambda: F.unfold(ints[None, None], 1),
        "groups of integers": lambda: F.group_norm(ints, 1),
        "channels of integers": lambda: nn.BatchNorm1d(2)(ints),
        "a squared error of integers": lambda: F.mse_loss(ints, ints),
        "a smooth error of integers": lambda: F.smooth_l1_loss(ints, ints),
        "a divergence of integers": lambda: F.kl_div(x, x.long(), reduction="sum"),
        "integers for probabilities": lambda: F.binary_cross_entropy(x / 2, x.long()),
        "integers for classes of scores": lambda: F.binary_cross_entropy_with_logits(x, x.long()),
        "a probability above one": lambda: F.binary_cross_entropy(x / 2, x * 2),
        "complex steps": lambda: lib.arange(5, dtype=lib.complex64),
        "steps of bools": lambda: lib.linspace(0, 1, 3, dtype=lib.bool),
        "doubles stored at gathered rows": lambda: x.clone().__setitem__(t([0, 2]), x[:2].double()),
        "integers stored where a mask says": lambda: x.clone().__setitem__(x > 0, t([1] * 12)),
        "fractions for tokens": lambda: F.embedding(t([0.5, 1.0]), x),
        "a string for an index": lambda: x["a"],
        "a window of True": lambda: F.max_pool1d(ones(1, 1, 8), True),
        "strides of True": lambda: F.conv1d(ones(1, 3, 8), ones(2, 3, 2), stride=True),
        "one size of two": lambda: F.adaptive_avg_pool2d(ones(1, 1, 4, 4), (2,)),
        "a number for a generator": lambda: lib.rand(2, generator=1),
        "a negative index of a device": lambda: lib.device("cpu", -1),
        "a device with two indices": lambda: lib.device("cpu:1", 2),
        "a colon without an index": lambda: lib.device("cuda:"),
        "a tensor for an end": lambda: lib.arange(ones(4)),
        "a number for requires_grad_": lambda: ones(2).requires_grad_(1),
        "a number for a switch": lambda: lib.set_grad_enabled(1),
        "the dtype of a number": lambda: lib.is_floating_point(1),
        "the elements of a list": lambda: lib.numel([1]),
        "a mask of another shape in an attention": lambda: nn.MultiheadAttention(4, 2)(
            x, x, x, attn_mask=ones(4, 3) > 0
        ),
        "fractions for indices": lambda: x.index_reduce(0, t([0.5]), x[:1], "amax"),
        "bools for indices": lambda: x.index_reduce(0, t([True]), x[:1], "prod"),
        "a padding token beyond the bags": lambda: F.embedding_bag(t([[0]]), x, padding_idx=-100),
        **indices_of_other_dtypes(lib),
        **dtypes_that_are_no_floats(lib),
        # what is neither true nor false
        "a number for requires_grad": lambda: lib.ones(2, requires_grad=1),
        "a dictionary for dimensions": lambda: x.sum({}),
        "a number for keepdim": lambda: x.sum(0, keepdim=1),
        "a string for keepdim": lambda: lib.amax(x, 0, keepdim="no"),
        "a string for an order": lambda: x.sort(descending="no"),
        "a number for include_self": lambda: x.scatter_reduce(0, t([[0]]), x, "sum", include_self=2),
        "a tensor for keepdim": lambda: lib.std(x, 0, keepdim=t([True, False])),
        # dtypes, devices and orders in memory
        "a tensor for a dtype": lambda: x.sum(dtype=t([1, 2])),
        "a list for a device": lambda: lib.zeros(2, device=[1]),
        "a fraction for a device": lambda: lib.zeros(2, device=1.5),
        "True for a device": lambda: lib.zeros(2, device=True),
        "an unknown device": lambda: lib.zeros(2, device="abacus"),
        "a string for an order in memory": lambda: x.contiguous(memory_format="a"),
        "a number for an order in memory": lambda: x.half(memory_format=1),
        # numbers that are none
        "two numbers for a padding": lambda: F.max_pool1d(ones(1, 1, 8), 2, padding=t([1, 0])),
        "a string for a dimension": lambda: x.sum("a"),
        "half a dimension": lambda: x.sum(1.5),
        "True for a dimension": lambda: x.softmax(True),
        "a string for a size": lambda: x.split("a"),
        "a string for a value": lambda: lib.full((2,), "a"),
        "a string for a start": lambda: x.narrow(0, "a", 1),
        # arguments of another type, which only show deep inside
        "a row for a factor": lambda: lib.add(x, x, alpha=t([1, 2])),
        "a row for a number of bins": lambda: lib.histc(x, t([1, 2])),
        "numbers for a number of points": lambda: lib.fft.fft(x, t([1, 2])),
        "a number for a way to round": lambda: lib.div(x, x, rounding_mode=1),
        "a string for sizes of a transform": lambda: lib.fft.fft2(x, "a"),
        "a string for a normalized shape": lambda: F.layer_norm(x, "a"),
        # dimensions and sizes
        "rms of integers": lambda: F.rms_norm(ints, (2,)),
        "a dimension too many": lambda: x.sum(2),
        "a dimension below": lambda: x.argmax(-3),
        "a dimension twice": lambda: x.sum((0, 0)),
        "a negative size": lambda: lib.zeros(-1),
        "a negative size, normal": lambda: lib.normal(0.0, 1.0, (-2,)),
        "sizes that do not fit": lambda: x.reshape(5, 5),
        "shapes that do not broadcast": lambda: x + ones(3, 3),
        "matrices that do not fit": lambda: x @ x,
        "an index out of range": lambda: x[5],
        "too many indices": lambda: x[0, 0, 0],
        "a float as index": lambda: x[1.5],
        "indices out of range": lambda: x.index_select(0, t([7])),
        "a gather out of range": lambda: x.gather(0, t([[9]])),
        "no elements to choose from": lambda: ones(0).argmax(),
        "the size of a dimension that is not there": lambda: t(1.0).size(0),
        "a slice that ends beyond": lambda: x.narrow(0, 2, 5),
        "an unfold that is too long": lambda: x.unfold(0, 9, 1),
        "no square matrix": lambda: lib.linalg.inv(x),
        "a singular matrix": lambda: lib.linalg.inv(lib.zeros(2, 2)),
        "no positive definite matrix": lambda: lib.linalg.cholesky(-lib.eye(2)),
        "an fft of no points": lambda: lib.fft.fft(x, n=-1),
        # number types
        "a mean of integers": lambda: ints.mean(),
        "a maximum of complex numbers": lambda: lib.maximum(z, z),
        "a clamp of complex numbers": lambda: z.clamp(0),
        "a sign of complex numbers": lambda: z.sign(),
        "a larger one of complex numbers": lambda: z > z,
        "atan2 of complex numbers": lambda: lib.atan2(z, z),
        "a remainder of complex numbers": lambda: lib.remainder(z, z),
        "a difference of bools": lambda: mask - mask,
        "minus a bool": lambda: -mask,
        "and of floats": lambda: x & x,
        "gcd of floats": lambda: lib.gcd(x, x),
        "a shift of floats": lambda: x << 1,
        "cholesky of integers": lambda: lib.linalg.cholesky(ints),
        "softmax as integers": lambda: x.softmax(-1, dtype=lib.int64),
        "dropout of nothing known": lambda: F.dropout(x, p=1.5),
        "a bool factor": lambda: lib.add(x, x, alpha=True),
        "a complex factor": lambda: lib.add(x, x, alpha=1j),
        "bernoulli of integers": lambda: lib.bernoulli(ints),
        "a gradient of integers": lambda: t([1, 2], requires_grad=True),
        "matrices of two types": lambda: lib.mm(x, ones(4, 2, dtype=lib.float64)),
        "an out= of integers": lambda: lib.exp(x, out=lib.zeros(3, 4, dtype=lib.int64)),
        # gradients
        "a backward pass from no number": lambda: (ones(2, requires_grad=True) * 2).backward(),
        "a backward pass from nothing": lambda: ones(()).backward(),
        "a gradient of what was not used": lambda: lib.autograd.grad(
            ones((), requires_grad=True), ones(2, requires_grad=True)
        ),
        "an in-place write to a leaf": lambda: ones(2, requires_grad=True).add_(1),
        "numpy of what needs a gradient": lambda: ones(2, requires_grad=True).numpy(),
        "the truth of several": lambda: bool(ones(2)),
        "a float of several": lambda: float(ones(2)),
        "an item of several": lambda: ones(2).item(),
        "an index of a float": lambda: [1, 2][ones(())],
        # neural functions
        "too few targets": lambda: F.cross_entropy(ones(3, 5), t([0, 1])),
        "a target for each score": lambda: F.cross_entropy(ones(3, 5), t([[0], [1], [2]])),
        "no target": lambda: F.cross_entropy(ones(3, 5), t(0)),
        "a class too many": lambda: F.cross_entropy(ones(2, 3), t([0, 5])),
        "an unknown reduction": lambda: F.mse_loss(x, x, reduction="a"),
        "targets of another shape": lambda: F.binary_cross_entropy(x, ones(3)),
        "sizes for other dimensions": lambda: F.interpolate(ones(1, 1, 4), size=(2, 2)),
        "an unknown mode": lambda: F.interpolate(ones(1, 1, 4), size=2, mode="a"),
        "a wrong number of channels": lambda: nn.Conv2d(3, 2, 1)(ones(1, 4, 5, 5)),
        "a kernel larger than the image": lambda: nn.Conv2d(3, 2, 9)(ones(1, 3, 5, 5)),
        "channels that groups do not divide": lambda: nn.Conv2d(3, 2, 1, groups=2),
        "a width that is not the layer's": lambda: nn.Linear(4, 2)(ones(3, 5)),
        "a batch norm of one value": lambda: nn.BatchNorm1d(3)(ones(1, 3)),
        "a batch norm of too few dimensions": lambda: nn.BatchNorm2d(3)(ones(2, 3)),
        "heads that do not divide the width": lambda: nn.MultiheadAttention(5, 2),
        "a token beyond the table": lambda: nn.Embedding(3, 2)(t([7])),
        "tokens that are no integers": lambda: nn.Embedding(3, 2)(ones(2) / 2),
        "a padding token beyond the table": lambda: nn.Embedding(3, 2, padding_idx=5),
        "a hidden state of another size": lambda: nn.GRU(4, 2)(ones(5, 1, 4), ones(1, 1, 3)),
        "an input of another size": lambda: nn.LSTM(4, 2)(ones(5, 1, 3)),
        "an unknown nonlinearity": lambda: nn.RNN(4, 2, nonlinearity="a"),
        "padding that is too wide": lambda: F.pad(ones(1, 1, 3), (5, 5), mode="reflect"),
        "an unknown way to pad": lambda: F.pad(x, (1, 1), mode="a"),
        "a pooling window of nothing": lambda: F.max_pool1d(ones(1, 1, 2), 5),
        "shuffled channels that do not divide": lambda: F.pixel_shuffle(ones(1, 3, 2, 2), 2),
        "a norm over other sizes": lambda: F.layer_norm(x, (5,)),
        "groups that do not divide": lambda: F.group_norm(ones(2, 3), 2),
        "an attention of other widths": lambda: F.scaled_dot_product_attention(
            ones(1, 2, 4), ones(1, 2, 3), ones(1, 2, 3)
        ),
        # modules and optimizers
        "a state with other keys": lambda: nn.Linear(2, 2).load_state_dict({"a": x}),
        "a state that is none": lambda: nn.Linear(2, 2).load_state_dict([x]),
        "a parameter that is none": lambda: setattr(nn.Linear(2, 2), "weight", x),
        "a module by no name": lambda: nn.Sequential().get_submodule("a"),
        "a list of layers, beyond its end": lambda: nn.ModuleList()[0],
        "nothing to learn": lambda: lib.optim.SGD([], lr=0.1),
        "a negative rate": lambda: lib.optim.Adam([x], lr=-1.0),
        "a state of other groups": lambda: lib.optim.SGD([x], lr=0.1).load_state_dict(
            {"state": {}, "param_groups": []}
        ),
    }


def indices_of_other_dtypes(lib):
    """By function and dtype, indices and numbers of classes that PyTorch does not take."""
    F, x, scores = lib.nn.functional, lib.ones(3), lib.ones(2, 3)
    takers = {
        "gather": lambda i: lib.gather(x, 0, i),
        "scatter": lambda i: x.scatter(0, i, 1.0),
        "scatter_add": lambda i: x.scatter_add(0, i, x),
        "scatter_reduce": lambda i: x.scatter_reduce(0, i, x, "sum"),
        "index_select": lambda i: x.index_select(0, i),
        "index_add": lambda i: x.index_add(0, i, x[:2]),
        "index_copy": lambda i: x.index_copy(0, i, x[:2]),
        "index_fill": lambda i: x.index_fill(0, i, 1.0),
        "index_reduce": lambda i: x.index_reduce(0, i, x[:2], "prod"),
        "index": lambda i: x[i],
        "setitem": lambda i: x.clone().__setitem__(i, 1.0),
        "index_put": lambda i: x.index_put((i,), x[:2]),
        "take": lambda i: x.take(i),
        "put": lambda i: x.put(i, x[:2]),
        "take_along_dim": lambda i: lib.take_along_dim(x, i, 0),
        "embedding": lambda i: F.embedding(i, lib.ones(3, 2)),
        "embedding_bag": lambda i: F.embedding_bag(i[None], lib.ones(3, 2)),
        "repeat_interleave": lambda i: lib.repeat_interleave(x[:2], i),
        "cross_entropy": lambda i: F.cross_entropy(scores, i),
        "nll_loss": lambda i: F.nll_loss(scores, i),
        "multi_margin_loss": lambda i: F.multi_margin_loss(scores, i),
        "multilabel_margin_loss": lambda i: F.multilabel_margin_loss(x[:2], i),
    }
    int32 = ["cross_entropy", "nll_loss", "multi_margin_loss", "multilabel_margin_loss", "take", "put", "index_fill"]
    rows = (
        [(name, "int16") for name in takers] + [(name, "int32") for name in int32] + [(name, "int8") for name in takers]
    )
    return {
        f"{dtype} for {name}": functools.partial(takers[name], lib.tensor([0, 1], dtype=getattr(lib, dtype)))
        for name, dtype in rows
    } | {
        "fractions to count": lambda: lib.bincount(x),
        "frequencies of maxima": lambda: F.embedding_bag(
            lib.tensor([[1]]), lib.ones(3, 2), mode="max", scale_grad_by_freq=True
        ),
    }


def dtypes_that_are_no_floats(lib):
    """By function and dtype, calls of what is defined for floating-point numbers alone."""
    F = lib.nn.functional
    names = (
        "softmax log_softmax softmin logsigmoid silu softplus gelu mish elu selu celu hardsigmoid hardswish softshrink"
    )
    calls = {name: getattr(F, name) for name in [*names.split(), "leaky_relu", "dropout"]}
    along = {"softmax": 0, "log_softmax": 0, "softmin": 0}
    return {
        f"{dtype} for {name}": functools.partial(
            call, lib.ones(2, dtype=getattr(lib, dtype)), **({"dim": along[name]} if name in along else {})
        )
        for name, call in calls.items()
        for dtype in ("int64", "uint8")
    }


def kind_of(call):
    try:
        call()
    except Exception as error:
        return type(error)
    return None


@pytest.mark.parametrize(
    "call, words",
    [
        (
            lambda: mg.histc(mg.ones(2), mg.tensor([1, 2])),
            r"histc\(\): argument 'bins' \(position 2\) must be int, not Tensor",
        ),
        (lambda: mg.dot([1.0], mg.ones(1)), r"dot\(\): argument 'input' \(position 1\) must be Tensor, not list"),
        (lambda: mg.nn.functional.layer_norm(mg.ones(2), "a"), r"layer_norm\(\): argument 'normalized_shape'"),
        (
            lambda: mg.ones(2).argmax("a"),
            r"argmax\(\): argument 'dim' \(position 1\) must be int, not str: argmax\(\) received an inv",
        ),
    ],
)
def test_the_argument_that_is_of_another_type_is_named(call, words):
    with pytest.raises(TypeError, match=words):
        call()


@pytest.mark.parametrize("name", indices_of_other_dtypes(mg))
def test_indices_of_other_dtypes_are_refused(name):
    with pytest.raises(
        (RuntimeError, IndexError, ValueError), match=r"dtype|scalar type|not implemented|long|max mode|int64"
    ):
        indices_of_other_dtypes(mg)[name]()


@pytest.mark.parametrize("name", dtypes_that_are_no_floats(mg))
def test_integers_are_not_converted_behind_the_programs_back(name):
    with pytest.raises(NotImplementedError, match="not implemented for '(Long|Byte)'"):
        dtypes_that_are_no_floats(mg)[name]()


def test_an_index_without_dimensions_is_a_number_of_any_integer_dtype():
    assert mg.tensor([1.0, 2.0])[mg.tensor(1, dtype=mg.int16)].item() == 2


@pytest.mark.oracle
@pytest.mark.parametrize("name", cases(mg))
def test_the_kind_of_error_is_pytorchs(torch, name):
    expected, found = kind_of(cases(torch)[name]), kind_of(cases(mg)[name])
    assert expected is not None and found is not None
    theirs = getattr(mg.linalg, expected.__name__.lstrip("_"), expected)  # LinAlgError
    assert issubclass(found, theirs), f"{found.__name__} where PyTorch raises {expected.__name__}"
