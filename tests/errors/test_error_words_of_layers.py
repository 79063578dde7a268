"""What losses, convolutions, pools and their kin say of what they do not take: words that programs look for."""

import importlib
import warnings

import pytest

import metagrad as mg


def cases(lib):
    F, t, ones, nn = lib.nn.functional, lib.tensor, lib.ones, lib.nn
    x, line, image, solid = ones(2, 3), ones(1, 2, 6), ones(1, 2, 4, 4), ones(1, 1, 4, 4, 4)
    whole, half, two = ones(2, 3).long(), ones(3, 2, 3).half(), ones(3, 2, 3)
    return [
        (lambda: F.mse_loss(whole, whole), "\"mse_cpu\" not implemented for 'Long'"),
        (lambda: F.huber_loss(whole, whole), "\"huber_cpu\" not implemented for 'Long'"),
        (lambda: F.mse_loss(x, x, weight=ones(2)), "Weights and input must have the same size."),
        (lambda: F.smooth_l1_loss(x, x, beta=-1), "does not support negative values for beta."),
        (lambda: F.huber_loss(x, x, delta=0), "does not support non-positive values for delta."),
        (lambda: F.nll_loss(x, t([0, 3])), "Target 3 is out of bounds."),
        (lambda: F.nll_loss(x, t(0)), "Expected input batch_size (2) to match target batch_size (0)."),
        (lambda: F.nll_loss(whole, t([0, 1])), "\"nll_loss_out_frame\" not implemented for 'Long'"),
        (lambda: F.cross_entropy(x, x, weight=ones(2)), "weight tensor should be defined either for all 3 classes or no cl"),
        (lambda: F.cross_entropy(ones(2, 3, 4), ones(2, 3, 5)), "Expected target size [2, 4], got [2, 3, 5]"),
        (lambda: F.binary_cross_entropy(x, x, weight=2.0), "'float' object has no attribute 'size'"),
        (lambda: F.binary_cross_entropy_with_logits(whole, x), "\"log_sigmoid_cpu\" not implemented for 'Long'"),
        (lambda: F.cosine_embedding_loss(x, x, t([[1, 1]])), "0D or 1D target tensor expected, multi-target not supported"),
        (lambda: F.cosine_embedding_loss(x, x, t(1)), "0D target tensor expects 1D input tensors, but found inputs with sizes"),
        (lambda: F.multilabel_margin_loss(x, whole * 3), "argument #2 'target' is out of range"),
        (lambda: F.ctc_loss(ones(5), t([[1]]), [5], [1]), "Expected 3-dimensional tensor"),
        (lambda: F.conv1d(line, half), "expected scalar type Float but found Half"),
        (lambda: F.conv1d(line.half(), half, ones(3)), "Input type (c10::Half) and bias type (float) should be the same"),
        (lambda: nn.Conv1d(2, 3, 3)(line.double()), "Input type (double) and bias type (float) should be the same"),
        (lambda: F.conv1d(line, two, stride=(1, 1)), "a list of 1 values to match the convolution dimensions, but got stride="),
        (lambda: F.conv1d(line[0], ones(3, 4, 3)), "expected input[1, 2, 6] to have 4 channels, but got 2 channels instead"),
        (lambda: F.conv1d(ones(1, 2, 0), two), "Calculated padded input size per channel: (0). Kernel size: (3)"),
        (lambda: F.conv2d(image, ones(2, 2, 0, 3)), "kernel size should be greater than zero, but got"),
        (lambda: F.conv_tbc(ones(5, 2), ones(3, 2, 4), ones(4)), "Input must have 3 dims: time, batch, in_channel"),
        (lambda: F.conv_tbc(ones(5, 1, 2), ones(3, 2, 4), ones(3)), "Bias size must equal dim 2 in the weight tensor"),
        (lambda: F.conv_transpose1d(line, ones(2, 3, 3), padding="same"), "must be tuple of ints, not str"),
        (lambda: F.conv_transpose1d(line, ones(2, 3, 3), output_padding=-1), "negative output_padding is not supported"),
        (lambda: F.conv_transpose1d(line, ones(2, 3, 3), padding=9), "Given input size per channel: (1 x 6). Calculated output"),
        (lambda: F.conv_transpose1d(line, ones(2, 3, 3), ones(2)), "Given transposed=1, weight of size [2, 3, 3], expected bias"),
        (lambda: nn.ConvTranspose1d(2, 1, 3)(line, [7]), "requested an output size of [7], but valid sizes range from [8] to"),
        (lambda: nn.ConvTranspose2d(2, 1, 3)(image, [7]), "ConvTranspose2D: for 4D input, output_size must have 2 or 4 elements"),
        (lambda: F.max_pool1d(line, (2, 2)), "max_pool1d() kernel_size must be an int, list of ints or tuple of ints of size 1"),
        (lambda: F.max_pool1d(line, 2, (2, 2)), "stride must be None, an int, list of ints, or tuple of ints of size 1 but got"),
        (lambda: F.max_pool2d(image, 0), "stride should not be zero"),
        (lambda: F.max_pool2d(image, -1), "kernel size should be greater than zero, but got kH: -1 kW: -1"),
        (lambda: F.max_pool2d(image, 2, dilation=0), "dilation should be greater than zero, but got dilationH: 0 dilationW: 0"),
        (lambda: F.max_pool2d(image, 2, dilation=(1, 1, 1)), "max_pool2d: dilation must be either a single int, or a tuple of two"),
        (lambda: F.max_pool2d(image, 2, padding=-1), "pad must be non-negative, but got pad: -1"),
        (lambda: F.max_pool2d(image, 5), "Given input size: (2x4x4). Calculated output size: (2x0x0). Output size is too small"),
        (lambda: F.avg_pool1d(line, 7), "Given input size: (2x1x6). Calculated output size: (2x1x0). Output size is too small"),
        (lambda: F.avg_pool1d(line, (2, 2)), "avg_pool1d() argument 'kernel_size' should contain one int (got 2)"),
        (lambda: F.avg_pool1d(ones(6), 2), "Expected 2 to 3 dimensions, but got 1-dimensional tensor for argument #1 'self'"),
        (lambda: F.avg_pool2d(image > 0, 2), "\"avg_pool2d\" not implemented for 'Bool'"),
        (lambda: F.avg_pool3d(solid, 5), "input image (T: 4 H: 4 W: 4) smaller than kernel size (kT: 5 kH: 5 kW: 5)"),
        (lambda: F.avg_pool3d(solid, (2, 2)), "avg_pool3d: kernel_size must be a single int, or a tuple of three ints"),
        (lambda: F.adaptive_max_pool2d(ones(4, 4), 2), "adaptive_max_pool2d(): Expected 3D or 4D tensor, but got: [4, 4]"),
        (lambda: F.adaptive_avg_pool2d(image, -1), "elements of output_size must be greater than or equal to 0 but received {-1"),
        (lambda: F.adaptive_max_pool2d(image, -1), "Trying to create tensor with negative dimension -1: [1, 2, -1, -1]"),
        (lambda: F.adaptive_avg_pool2d(ones(1, 1, 0, 4), 2), "input has sizes [1, 1, 0, 4] with dimension 2 being empty"),
        (lambda: F.max_unpool2d(image, (image + 99).long(), 2), "Found an invalid max index: 100 (output volumes are of size 8x8)"),
        (lambda: F.unfold(image, (2, 2, 2)), "It is expected kernel_size equals to 2, but got size 3"),
        (lambda: F.unfold(image, 5), "kernel_size=(5, 5), dilation=(1, 1), padding=(0, 0), calculated shape of the array of sli"),
        (lambda: F.fold(ones(1, 4, 9), (4,), 2), "It is expected output_size equals to 2, but got size 1"),
        (lambda: F.fold(ones(1, 5, 9), (4, 4), 2), "kernel_size, but got input.size(1)=5 and kernel_size=(2, 2)."),
        (lambda: F.fold(ones(4, 9).long(), (4, 4), 2), "\"col2im_out_cpu\" not implemented for 'Long'"),
        (lambda: F.pad(x, (1, 1), "reflect", 1.0), "doesn't take in value argument"),
        (lambda: F.pad(image, (1, 1), "reflect"), "is not supported for 4D input tensor.\nSupported combinations for non-const"),
        (lambda: F.pad(image, (4, 1, 1, 1), "reflect"), "Argument #4: Padding size should be less than the corresponding inp"),
        (lambda: F.pad(x, (1,) * 6), "input dimension but got padding length 6 and input of dimension 2"),
        (lambda: F.pad(image > 0, (1, 1, 1, 1), "replicate"), "\"replication_pad2d\" not implemented for 'Bool'"),
    ]  # fmt: skip


def with_hook(lib, answer, before=False):
    layer = lib.nn.Linear(2, 2)
    register = layer.register_full_backward_pre_hook if before else layer.register_full_backward_hook
    register(lambda *_: answer)
    return lambda: layer(lib.ones(1, 2, requires_grad=True)).sum().backward()


def subclass(lib):
    class Standard(lib.distributions.Normal):
        def __init__(self):
            super().__init__(0.0, 1.0)

    return Standard()


def cases_of_modules(lib):
    F, t, ones, nn, of = lib.nn.functional, lib.tensor, lib.ones, lib.nn, lib.distributions
    whole = ones(2, 2).long()
    x, image, lazy, one, rnn = ones(2, 3), ones(1, 2, 4, 4), nn.LazyLinear(2), nn.Parameter(ones(2)), nn.utils.rnn
    table, data, prune = nn.ParameterDict(), lib.utils.data, importlib.import_module(f"{lib.__name__}.nn.utils.prune")
    return [
        (with_hook(lib, (ones(7),)), "has changed the size of value"),
        (with_hook(lib, (ones(7),), before=True), "has changed the size of value"),
        (with_hook(lib, 5), "object of type 'int' has no len()"),
        (lambda: nn.Sequential(nn.ReLU), "nn.modules.activation.ReLU is not a Module subclass"),
        (lambda: nn.ModuleDict().update([5]), "ModuleDict update sequence element #0 should be Iterable; isint"),
        (lambda: table.update([1]), "ParameterDict update sequence element #0 should be Iterable; isint"),
        (lambda: table.update([(1, 2, 3)]), "ParameterDict update sequence element #0 has length 3; 2 is required"),
        (lambda: table[1], "cannot be used as a key as it is not a string (type is 'int')"),
        (lambda: lazy.weight + 1, "Attempted to use an uninitialized parameter in "),
        (lambda: lazy.weight.shape, "Call `forward` to initialize the parameters before accessing their attributes."),
        (lambda: lazy.share_memory(), "Can't share memory on an uninitialized parameter or buffer. Call `forward`"),
        (lambda: nn.Parameter(t([1])), "Only Tensors of floating point and complex dtype can require gradients"),
        (lambda: t([1], requires_grad=True), "Only Tensors of floating point and complex dtype can require gradients"),
        (lambda: lib.optim.SGD([one], 0.1).load_state_dict({}), "'param_groups'"),
        (lambda: rnn.pack_padded_sequence(x, 3), "'lengths' argument should be a 1D CPU int64 tensor, but got 0D cpu Long"),
        (lambda: rnn.pack_padded_sequence(ones(3), [3]), "Dimension out of range (expected to be in range of [-1, 0], but got 1)"),
        (lambda: rnn.pad_sequence([ones(2, 2), ones(3, 3)]), "The size of tensor a (2) must match the size of tensor b (3) at"),
        (lambda: F.batch_norm(x, ones(3), ones(3), eps=-1.0), "batch_norm eps must be non-negative, but got -1.0"),
        (lambda: F.group_norm(ones(2, 4), -1), "Expected num groups to be greater than 0, got -1"),
        (lambda: F.group_norm(ones(2, 4), 0), "modulo by zero"),
        (lambda: F.local_response_norm(image, 0), "kernel size should be greater than zero, but got kT: 0 kH: 1 kW: 1"),
        (lambda: F.layer_norm(x, (3,), ones(3).double()), "mixed dtype (CPU): expect parameter to have scalar type of Float"),
        (lambda: F.embedding_bag(t([0]), x, t([0]), per_sample_weights=ones(1).double(), mode="sum"), "to have the same type as"),
        (lambda: F.embedding(t([0.5]), x), ".FloatTensor instead (while checking arguments for embedding)"),
        (lambda: F.embedding_bag(t([0]), x, t([0]), padding_idx=9), "padding_idx must be within the number of embeddings, -2 thr"),
        (lambda: F.layer_norm(x.long(), (3,)), "\"LayerNormKernelImpl\" not implemented for 'Long'"),
        (lambda: F.group_norm(x.long(), 3), "\"GroupNormKernelImpl\" not implemented for 'Long'"),
        (lambda: F.scaled_dot_product_attention(x, x.double(), x), "query.dtype: float key.dtype: double and value.dtype: float"),
        (lambda: F.scaled_dot_product_attention(x, x, x, whole), "attn_mask.dtype: long int and  query.dtype: float instead."),
        (lambda: F.scaled_dot_product_attention(one, one, one), "to all be  at least 2 dimensional, but got query.dim: 1 key.dim"),
        (lambda: rnn.pack_sequence([ones(1), ones(2)]), "to sidestep this requirement if you do not need ONNX exportability."),
        (lambda: F.affine_grid(x, (1, 1, 2, 2), False), "Expected a batch of 2D affine matrices of shape Nx2x3 for size (1, 1"),
        (lambda: F.interpolate(image, (3, 3.0)), "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int"),
        (lambda: F.grid_sample(image, ones(1, 2, 2, 2).double(), align_corners=True), "expected scalar type Float but found Doub"),
        (lambda: F.grid_sample(image.long(), ones(1, 2, 2, 2), align_corners=True), "not implemented for 'Long'"),
        (lambda: of.Normal("a", 1.0), "Input arguments must all be instances of Number"),
        (lambda: of.MultivariateNormal(t(1.0), lib.eye(2)), "loc must be at least one-dimensional."),
        (lambda: of.MultivariateNormal(ones(2), ones(2)), "covariance_matrix must be at least two-dimensional, with optional l"),
        (lambda: of.LowRankMultivariateNormal(ones(2), ones(3, 1), ones(2)), "must be a batch of matrices with shape 2 x m"),
        (lambda: of.LowRankMultivariateNormal(ones(2), ones(2, 1), ones(1)), "cov_diag must be a batch of vectors with shape"),
        (lambda: of.constraints.independent(of.constraints.real, -1), "reinterpreted_batch_ndims must be >= 0, got -1"),
        (lambda: nn.utils.spectral_norm(nn.Linear(2, 2), "z"), "'z'"),
        (lambda: prune.L1Unstructured(1).prune(one, importance_scores=x), "importance_scores should have the same shape as tens"),
        (lambda: prune.global_unstructured([(lazy, "bias")], prune.L1Unstructured, 5), "importance_scores must be of type dict"),
        (lambda: lib.func.functional_call(lazy, {"": x}, x), "t be empty string"),
        (lambda: lib.func.functional_call(nn.ReLU(), {"a.w": x}, x), "ReLU has no attribute `a`"),
        (lambda: lib.func.functional_call(nn.Linear(3, 2), {"weight": 5}, x), "5 is not an instance of "),
        (lambda: lib.func.functional_call(nn.ReLU(), 5, x), "to be a dict, or a list/tuple of dicts, but got <class 'int'>"),
        (lambda: data.Dataset()[0], "Subclasses of Dataset should implement __getitem__."),
        (lambda: data.random_split([1, 2], [1, 2]), "Sum of input lengths does not equal the length of the input dataset!"),
        (lambda: data.BatchSampler([1], 1, "a"), "drop_last should be a boolean value, but got drop_last=a"),
        (lambda: data.DataLoader([1], prefetch_factor=2), "could only be specified in multiprocessing.let num_workers > 0"),
        (lambda: data.DistributedSampler([1, 2]), "Default process group has not been initialized, please make sure to call"),
        (lambda: lib.save(x, "/nowhere/at/all.pt"), "Parent directory /nowhere/at does not exist."),
        (lambda: lib.save(x, 5), "expected 'f' to be string, path, or a file-like object with a 'write' attribute"),
        (lambda: lib.load(5), "'int' object has no attribute 'seek'. You can only "),
        (lambda: subclass(lib).expand((2,)), "that defines a custom __init__ method must also define a custom .expand() method."),
        (lambda: of.transforms.ReshapeTransform((2,), (3,)), "in_shape, out_shape have different numbers of elements"),
        (lambda: of.transforms.CorrCholeskyTransform().forward_shape((2,)), "Input is not a flattened lower-diagonal number"),
        (lambda: of.constraints.cat([of.constraints.real], lengths=[1, 2]), "lengths (2) must match cseq (1)"),
    ]  # fmt: skip


def said(call):
    with pytest.raises(Exception) as found:
        call()
    return found.value


@pytest.mark.parametrize("place", range(len([*cases(mg), *cases_of_modules(mg)])))
def test_an_error_of_a_layer_holds_the_words_that_programs_look_for(place):
    call, words = [*cases(mg), *cases_of_modules(mg)][place]
    assert words in str(said(call))


@pytest.mark.oracle
@pytest.mark.parametrize("cases", [cases, cases_of_modules])
def test_the_words_and_kinds_are_pytorchs(torch, cases):
    for (call, words), (own, _) in zip(cases(torch), cases(mg), strict=True):
        error = said(call)
        assert words in str(error), f"{words}: {error}"
        assert isinstance(said(own), type(error)), f"{words}: {type(error).__name__}"


def warnings_of(lib):
    F, nn, schedules = lib.nn.functional, lib.nn, lib.optim.lr_scheduler
    one, optimizer = nn.Parameter(lib.ones(2)), lib.optim.SGD([nn.Parameter(lib.ones(2))], 0.1)
    step = schedules.StepLR(optimizer, 1).step
    return [
        (
            lambda: F.kl_div(lib.ones(2, 3), lib.ones(2, 3)),
            "'mean' will be changed to behave the same as 'batchmean' in the next",
        ),
        (
            lambda: F.dropout2d(lib.ones(2, 3)),
            "a channel dimension, and an optional batch dimension (i.e. 3D or 4D inputs).",
        ),
        (lambda: F.dropout2d(lib.ones(2, 3, 4)), "please switch to using dropout1d instead."),
        (lambda: nn.NLLLoss2d(), "Please use `NLLLoss` instead as a drop-in replacement and see "),
        (
            lambda: nn.Linear(1, 1).to(lib.complex64),
            "are a new feature under active development whose design may change, and",
        ),
        (
            lambda: nn.Linear(1, 1).state_dict({}),
            "use kwargs instead. Refer to https://pytorch.org/docs/main/generated/torch",
        ),
        (
            lambda: lib.optim.SGD([one, one], 0.1),
            "in future, this will cause an error; see github.com/pytorch/pytorch/issues",
        ),
        (step, "In PyTorch 1.1.0 and later, you should call them in the opposite order: `optimizer.step()` before"),
        (
            lambda: (optimizer.step(), step(1)),
            "During the deprecation, if epoch is different from None, the closed form is used",
        ),
    ]


def texts(call):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    return " ".join(str(w.message) for w in found)


def test_warnings_have_the_whole_text():
    for call, words in warnings_of(mg):
        assert words in texts(call)


@pytest.mark.oracle
def test_the_texts_are_pytorchs(torch):
    for call, words in warnings_of(torch):
        assert words in texts(call)
