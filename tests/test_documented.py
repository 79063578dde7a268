"""Short programs of the kind that PyTorch's documentation shows: the same in both libraries, and here by value."""

import math

import pytest

import metagrad


def hooked_update(lib):
    v = lib.zeros(3, requires_grad=True)
    v.register_post_accumulate_grad_hook(lambda p: p.add_(p.grad, alpha=-0.5))
    v.backward(lib.tensor([1.0, 2.0, 3.0]))
    return v.tolist()


def recording_in_hooks(lib):
    seen = []
    v = lib.ones(2, requires_grad=True)
    v.register_hook(lambda g: seen.append(lib.is_grad_enabled()))
    v.register_post_accumulate_grad_hook(lambda p: seen.append(lib.is_grad_enabled()))
    (v * v).sum().backward()
    return seen, lib.is_grad_enabled()


def rows_of_a_jacobian(lib):
    x = lib.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x**2
    rows = lib.func.vmap(lambda v: lib.autograd.grad(y, x, v)[0])(lib.eye(3))
    with pytest.raises(RuntimeError):
        lib.autograd.grad(y, x, lib.ones(3))  # what was saved is freed after the last row
    return rows.tolist()


def remainders(lib):
    x = lib.tensor([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0, -0.0, math.inf, -2.0])
    y = lib.tensor([2.0, 2.0, 2.0, 2.0, 2.0, -1.5, 2.0, 2.0, math.inf])
    z = x % y
    return [str(v) for v in z.tolist()], [str(v) for v in (5 % lib.tensor([-3.0, 2.5])).tolist()]


def empty_operands(lib):
    none = lib.zeros(0)
    return [
        tuple(x.shape)
        for x in (
            lib.cat([none, none], 1),
            lib.cat([none, lib.ones(2, 2)], 1),
            none.roll(1, 1),
            lib.ones(2, 0).roll(1, 7),
        )
    ]


def bools_with_alpha(lib):
    x = lib.add(lib.tensor([False, True]), True, alpha=0)
    return str(x.dtype).split(".")[-1], x.tolist()


def one_of_several_views(lib):
    x = lib.ones(1, 3)
    piece = x.split(1, -1)[0]
    with pytest.raises(RuntimeError):
        piece.div_(lib.tensor(-0.25, requires_grad=True))
    return x.tolist(), x._version


def transposed_sizes(lib):
    return [
        tuple(layer(lib.ones(*shape), output_size=size).shape)
        for layer, shape, size in (
            (lib.nn.ConvTranspose1d(2, 1, 3, stride=2, padding=1), (1, 2, 6), lib.Size([1, 2, 12])),
            (lib.nn.ConvTranspose1d(1, 1, 3, stride=2, padding=1), (1, 2), (1, 4)),
            (lib.nn.ConvTranspose3d(1, 1, 3, stride=2, padding=1), (1, 1, 2, 2, 2), (1, 1, 4, 4, 4)),
            (lib.nn.ConvTranspose3d(1, 1, 3, stride=2, padding=1), (1, 2, 2, 2), (4, 3, 4)),
        )
    ]


PROGRAMS = {
    hooked_update: [-0.5, -1.0, -1.5],
    recording_in_hooks: ([False, False], True),
    rows_of_a_jacobian: [[2.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 6.0]],
    remainders: (["1.0", "-0.0", "1.0", "1.0", "0.0", "0.0", "-0.0", "nan", "inf"], ["-1.0", "0.0"]),
    empty_operands: [(0,), (2, 2), (0,), (2, 0)],
    bools_with_alpha: ("bool", [False, True]),
    one_of_several_views: ([[1.0, 1.0, 1.0]], 0),
    transposed_sizes: [(1, 1, 12), (1, 4), (1, 1, 4, 4, 4), (1, 4, 3, 4)],
}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_by_value(program):
    assert program(metagrad) == PROGRAMS[program]


@pytest.mark.oracle
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_as_in_pytorch(torch, program):
    assert program(torch) == PROGRAMS[program]


def test_a_custom_op_computes_below_its_gradient():
    from metagrad.compat import library

    @library.custom_op("documented::scaled_sine", mutates_args=())
    def scaled_sine(x: metagrad.Tensor, *, by: float) -> metagrad.Tensor:
        return metagrad.from_numpy(by * metagrad.sin(x).numpy())  # as it stands: nothing here requires grad

    def keep(ctx, inputs, keyword_only_inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.by = keyword_only_inputs["by"]

    scaled_sine.register_autograd(lambda ctx, grad: grad * ctx.by * ctx.saved_tensors[0].cos(), setup_context=keep)
    x = metagrad.tensor([0.0, 1.0], requires_grad=True)
    scaled_sine(x, by=3.0).sum().backward()
    assert x.grad.tolist() == pytest.approx([3.0, 3 * math.cos(1.0)])
