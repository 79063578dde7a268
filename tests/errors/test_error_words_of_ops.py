"""What errors of single ops say where an argument is out of range: words that tests of PyTorch programs match."""

import re

import pytest

import metagrad as mg


def cases(lib):
    F, t, ones, w = lib.nn.functional, lib.tensor, lib.ones, lib.signal.windows
    x, image = ones(3, 4), ones(1, 1, 4, 4)
    return {
        "a window's length": (lambda: w.hann(-1), r"requires non-negative window length, got M=-1"),
        "a window's dtype": (lambda: w.gaussian(3, std=1.0, dtype=lib.int64), "expects float32 or float64 dtypes, got: "),
        "a window's layout": (lambda: w.cosine(3, layout=lib.sparse_coo), "is implemented for strided tensors only, got: "),
        "a window's decay": (lambda: w.exponential(3, tau=-1), "Tau must be positive, got: -1 instead."),
        "a window's centre": (lambda: w.exponential(3, center=1), "Center must be None for symmetric windows"),
        "a window's width": (lambda: w.gaussian(3, std=-1), "Standard deviation must be positive, got: -1 instead."),
        "a window's beta": (lambda: w.kaiser(3, beta=-1), "beta must be non-negative, got: -1 instead."),
        "no cosines": (lambda: w.general_cosine(3, a=[]), "Coefficients cannot be empty"),
        "a transform of a number": (lambda: lib.fft.fft(t(1.0)), "Dimension specified as -1 but tensor has no dimensions"),
        "transforms of a number": (lambda: lib.fft.irfftn(t(1.0), dim=(0,)), "Dimension specified as 0 but tensor has no dim"),
        "dot": (lambda: lib.dot(x, ones(4)), "1D tensors expected"),
        "complex parts": (lambda: lib.complex(ones(2), t([1, 2])), "Expected both inputs to be Half, Float or Double tensors but"),
        "unlike complex parts": (
            lambda: lib.complex(ones(2), ones(2).double()),
            "Expected object of scalar type Float but got scalar type Double for second argument",
        ),
        "weights of observations": (lambda: lib.cov(ones(5), fweights=ones(5)), "expected fweights to have integral dtype"),
        "too few weights": (lambda: lib.cov(ones(5), aweights=ones(1)), "expected aweights to have the same numel"),
        "differences": (lambda: lib.diff(x, -1), "order must be non-negative but got -1"),
        "a diagonal": (lambda: lib.diag(ones(1, 1, 1)), "1D or 2D"),
        "fliplr": (lambda: lib.fliplr(ones(1)), "Input must be >= 2-d."),
        "flipud": (lambda: lib.flipud(t(1.0)), "Input must be >= 1-d."),
        "a turn": (lambda: lib.rot90(x, dims=[0]), "expected total rotation dims"),
        "a turn of a vector": (lambda: lib.rot90(ones(5)), "expected total dims >= 2"),
        "roll": (lambda: lib.roll(t(1.0), 0, 0), "Dimension specified as 0"),
        "steps of a gradient": (lambda: lib.gradient(x, spacing=[0.1], dim=[1, 0]), "torch.gradient expected spacing to be unspec"),
        "order of a gradient": (lambda: lib.gradient(x, edge_order=3), "torch.gradient only supports edge_order=1 and edge_order="),
        "a short gradient": (lambda: lib.gradient(ones(3, 1)), "torch.gradient expected each dimension size to be at least"),
        "kthvalue": (lambda: lib.kthvalue(x, 5), "selected number k out of range for dimension"),
        "linspace": (lambda: lib.linspace(ones(2), ones(2), 3), "only supports 0-dimensional start and end tensors"),
        "steps": (lambda: lib.logspace(0, 3, 1.0), r"received an invalid combination of arguments - got \(int, int, float"),
        "a value of several": (lambda: x.masked_fill(x > 0, ones(1)), "only supports a 0-dimensional value tensor, but got tensor"),
        "a complex value": (lambda: x.masked_fill(x > 0, 1j), "value cannot be converted to type .* without overflow"),
        "a mask of numbers": (lambda: x.masked_scatter(x, x), "masked_scatter_ only supports boolean masks"),
        "both extremes of nothing": (lambda: lib.aminmax(ones(0, 2)), "cannot compute aminmax over an empty dimension as the oper"),
        "memory": (lambda: x.as_strided((2, 2), (200, 200)), "requiring a storage size of 1604 are out of bounds for storage of s"),
        "one output size": (lambda: F.adaptive_avg_pool1d(x, []), "'output_size' should contain one int"),
        "a negative output size": (lambda: F.adaptive_max_pool2d(image, (-1, 0)), "Trying to create tensor with negative dimensio"),
        "padding of a pool": (lambda: F.max_pool2d(image, 2, padding=-1), "pad must be non-negative"),
        "padding before shapes": (lambda: F.avg_pool3d(ones(0, 1, 4, 4), 2, padding=4), "pad should be at most half of effective "),
        "a pool's stride": (lambda: F.max_pool1d(x, 1, stride=0), "stride must be greater than zero, but got 0"),
        "a pool that is too wide": (lambda: F.max_pool1d(ones(2, 2), 5, 1), "Invalid computed output size: -2"),
        "a pool of no rows": (lambda: F.max_pool2d(ones(1, 0, 4), 1), r"Expected 3D or 4D \(batch mode\) tensor with optional 0 d"),
        "a pool of no planes": (lambda: F.max_pool3d(ones(2, 1, 0, 1, 2), 1), "Expected input's non-batch dimensions to have posi"),
        "dilation": (lambda: F.conv2d(image, image, dilation=-1), "dilation should be greater than zero"),
        "padding before channels": (lambda: F.conv2d(image, ones(1, 2, 2, 2), padding=-1), "negative padding is not supported"),
        "a filter of two dimensions": (lambda: F.conv1d(ones(1, 1, 4), ones(1, 2)), "weight should have at least three dimensions"),
        "classes of nothing": (lambda: F.multi_margin_loss(ones(5, 0), t([0])), "Expected non-empty vector or matrix with optiona"),
        "classes that are fractions": (lambda: F.multi_margin_loss(x, ones(3)), "expected scalar type Long but found Float"),
        "weights of classes": (lambda: F.multi_margin_loss(x, t([0, 1, 2]), weight=ones(5)), r"inconsistent weight size, expected"),
        "prelu of a number": (lambda: F.prelu(t(1.0), ones(2)), "Not allow zero-dim input tensor."),
        "prelu": (lambda: F.prelu(ones(2, 8, 3), ones(2, 4)), "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndi"),
        "rrelu": (lambda: F.rrelu(x, 0.3, 0.1), "Lower bound should be less than or equal to the upper bound"),
        "softshrink": (lambda: F.softshrink(x, -0.5), r"lambda must be in range \[0,.*input dtype.*found -0\.5"),
        "narrow": (lambda: x.narrow(0, 0, -1), r"narrow\(\): length must be non-negative\."),
        "narrow from several": (lambda: x.narrow(0, t([1, 2]), 1), r"start must be an 0-dim integral Tensor\."),
        "minus a mask": (lambda: -(x > 0), "Negation, the `-` operator, on a bool tensor is not supported."),
        "a matrix": (lambda: lib.linalg.inv(ones(2)), "must have at least 2 dimensions"),
        "hsplit": (lambda: lib.hsplit(t(1.0), 0), "torch.hsplit requires a tensor with at least 1 dimension, but got a tensor"),
        "vsplit": (lambda: lib.vsplit(x, 2), "torch.vsplit attempted to split along dimension 0, but the size of the dimension 3"),
        "an extent that may be any": (lambda: ones(0, 5).reshape(0, -1), r"into shape \[0, -1\] because the unspecified dimension"),
        "gather's index": (lambda: lib.gather(ones(1, 1), 1, t([[5, 5], [5, 5]])), "Size does not match at dimension 0"),
        "an index to add at": (lambda: x.index_add(0, t([0, 1]), ones(2)), r"excluding the specified dimension. Got self.shape = "),
        "scatter's index": (lambda: ones(3, 5, 3).scatter(0, t([[0]]), 1.0), "the same number of dimensions as self tensor"),
        "scatter's source": (lambda: x.scatter(0, t([[9]]), ones(2, 5, 2)), "the same number of dimensions as src tensor"),
        "rows of eye": (lambda: lib.eye(-1), "n must be greater or equal to 0, got -1"),
        "columns of eye": (lambda: lib.eye(0, -3), "m must be greater or equal to 0, got -3"),
        "a layout": (lambda: lib.empty_permuted((2,), (0, 1)), "Number of dimensions in size does not match the length of the phy"),
        "a layout twice": (lambda: lib.empty_permuted((2, 3), (0, 0)), "Duplicate dim not allowed"),
        "drawing of integers": (lambda: lib.multinomial(t([1, 2]), 1), "multinomial only supports floating-point dtypes for input"),
        "drawing nothing": (lambda: lib.multinomial(ones(2), 0), "cannot sample n_sample <= 0 samples"),
        "drawing by nan": (lambda: lib.multinomial(t([float("nan"), 1.0]), 1, True), "probability tensor contains either"),
        "buckets": (lambda: lib.bucketize(x, x), "boundaries tensor must be 1 dimension"),
        "nothing to join": (lambda: lib.cat([]), "non-empty list of Tensors"),
        "shapes to join": (lambda: lib.cat([x, ones(4, 5)], 1), "Sizes of tensors must match except in dimension"),
        "one tensor to join": (lambda: lib.cat(x), "must be tuple of Tensors"),
        "movedim": (lambda: lib.movedim(x, [1, 0], [0]), r"Invalid source or destination dims: source \(\[1, 0\] dims\) should co"),
        "movedim twice": (lambda: lib.movedim(x, [0, -2], [1, 0]), r"movedim: repeated dim in `source` \(\[0, -2\]\)"),
        "a mean": (lambda: lib.mean(t([1, 2])), r"Input dtype must be either a floating point or complex dtype. Got: Long"),
        "a mean in integers": (lambda: lib.mean(x, dtype=lib.int64), "Optional dtype must be either a floating point or complex d"),
        "a cross product": (lambda: lib.linalg.cross(ones(5, 2), ones(5, 2)), "must have length 3"),
        "unlike cross product": (lambda: lib.linalg.cross(ones(5, 5, 3), ones(5, 3)), "inputs must have the same number of dimens"),
        "weights of features": (
            lambda: F.linear_cross_entropy(ones(2, 3), ones(2, 4), ones(2, 2)),
            r"expected equal input and linear_weight last dimensions \(in_features\), got 3 and 4, respectively",
        ),
        "standard deviation": (lambda: ones(3).normal_(0, -1), "normal expects std >= 0.0, but found std -1"),
        "an interval": (lambda: ones(3).uniform_(3, -1), r"expects to return a \[from, to\) range, but found from=3 > to=-1"),
        "out of another dtype": (lambda: lib.abs(x, out=ones(3, 4).double()), "dtype"),
    }  # fmt: skip


def said(call):
    with pytest.raises(Exception) as found:
        call()
    return found.value


@pytest.mark.parametrize("name", cases(mg))
def test_an_error_of_an_op_holds_the_words_that_programs_look_for(name):
    call, words = cases(mg)[name]
    assert re.search(words, str(said(call)))


def compare(cases, torch):
    """PyTorch's errors have the words, too, and ours are of its kinds."""
    for name, (call, words) in cases(torch).items():
        error = said(call)
        assert re.search(words, str(error)), f"{name}: {error}"
        assert isinstance(said(cases(mg)[name][0]), type(error)), f"{name}: {type(error).__name__}"


@pytest.mark.oracle
def test_the_words_and_kinds_are_pytorchs(torch):
    compare(cases, torch)
