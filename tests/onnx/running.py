"""Exporting something, running the file in onnxruntime, and comparing with what metagrad gives."""

import numpy as np

import metagrad
from metagrad import nn
from metagrad.autograd.variable import wrap
from metagrad.nn.utils.rnn import PackedSequence, pad_packed_sequence


def arrays_of(value):
    """The arrays of a result or of arguments, in order; a packed sequence is a padded batch and its lengths."""
    if isinstance(value, PackedSequence):
        return [t.numpy(force=True) for t in pad_packed_sequence(value)]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [a for part in value for a in arrays_of(part)]
    return [value.numpy(force=True)] if isinstance(value, metagrad.Tensor) else []


def session_of(proto):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def answers(proto, *args):
    """What onnxruntime gives for these arguments."""
    session = session_of(proto)
    names = [i.name for i in proto.graph.input]
    wanted = {i.name for i in session.get_inputs()}
    return session.run(None, {n: a for n, a in zip(names, arrays_of(args), strict=True) if n in wanted})


def assert_same(proto, model, *args, tolerance=1e-5):
    """onnxruntime's answers are metagrad's, to 1e-5 of the largest number."""
    if isinstance(model, nn.Module):
        model.eval()
    with metagrad.no_grad():
        ours = arrays_of(model(*args))
    theirs = answers(proto, *args)
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine.dtype, mine.shape) == (other.dtype, other.shape)
        if mine.dtype.kind in "fc":
            finite = np.abs(mine[np.isfinite(mine)])
            scale = max(1.0, float(finite.max(initial=0.0)))
            np.testing.assert_allclose(other, mine, rtol=tolerance, atol=tolerance * scale)
        else:
            np.testing.assert_array_equal(other, mine)


def exported(model, *args, others=(), **settings):
    """Export, check the file, and compare at the traced arguments and at each of the others."""
    import onnx

    proto = metagrad.onnx.export(model, args, **settings)
    onnx.checker.check_model(proto, full_check=True)
    for given in (args, *others):
        assert_same(proto, model, *given)
    return proto


def tensor(array):
    return wrap(np.asarray(array))


def kinds(proto):
    """The operators of a file, each once."""
    return {node.op_type for node in proto.graph.node}
