"""Parts of PyTorch's layers, optimizers and schedules that programs import: each is there under its path, and answers as there."""

import importlib
import subprocess
import sys

import pytest

from metagrad.compat.imported_names import IMPORTED

PROGRAM = """
import torch
from torch.autograd.profiler_util import _format_memory, _format_time, _format_time_share
from torch.nn.functional import _get_softmax_dim, _in_projection, _in_projection_packed, _mha_shape_check, _verify_batch_size
from torch.nn.modules.activation import _arg_requires_grad, _check_arg_device
from torch.nn.modules.transformer import _detect_is_causal_mask, _generate_square_subsequent_mask, _get_seq_len
from torch.nn.utils.clip_grad import _clip_grads_with_norm_, _get_total_norm
from torch.optim.lbfgs import _cubic_interpolate, _strong_wolfe
from torch.optim.lr_scheduler import _enable_get_lr_call, _initial_mode, _param_groups_val_list, _update_param_group_val
from torch.optim.optimizer import _get_scalar_dtype, _get_value, _to_scalar, _view_as_real

x, w, b = torch.arange(6.0).reshape(2, 3), torch.arange(27.0).reshape(9, 3), torch.arange(9.0)
y = x + 1
print([t.int().tolist() for t in _in_projection_packed(x, x, x, w, b)])
print([t.int().tolist() for t in _in_projection_packed(x, y, y, w)])
print([t.int().tolist() for t in _in_projection(x, x, y, w[:3], w[3:6], w[6:], b[:3])])
print(_mha_shape_check(x, x, x, None, None, 1), _mha_shape_check(x[None], x[None], x[None], None, None, 1))
try:
    _verify_batch_size([1, 3, 1])
except ValueError as error:
    print(_verify_batch_size([2, 3, 1]), error)
print([_get_softmax_dim("softmax", n, 3) for n in range(6)])
mask = _generate_square_subsequent_mask(3)
print(mask.tolist(), _detect_is_causal_mask(mask), _detect_is_causal_mask(mask.t()), _detect_is_causal_mask(mask, size=4))
print(_detect_is_causal_mask(None, True), _get_seq_len(x[None], True), _get_seq_len(x, True), _get_seq_len(x[None], False))
print(_arg_requires_grad(x), _arg_requires_grad(None), _check_arg_device(x))
t = torch.tensor
print(*[float(_cubic_interpolate(0.0, 1.0, t(g), 4.0, 9.0, t(6.0), (0.5, 3.0))) for g in (-2.0, 2.0)])

def at(start, step, direction):
    point = (start + step * direction).requires_grad_()
    loss = ((point - 3) ** 4).sum()
    loss.backward()
    return float(loss), point.grad

origin = torch.zeros(2)
loss, slope = at(origin, 0.0, origin)
loss, grad, step, evaluations = _strong_wolfe(at, origin, 1e-5, -slope, loss, slope, -slope.dot(slope))
print(f"{loss:.4f} {grad[0]:.4f} {step:.6f} {evaluations}")
print(_get_value(t(2.0)), _to_scalar(t([2.0])), _to_scalar(3), _get_scalar_dtype(), _get_scalar_dtype(True))
params, grads = [torch.zeros(1, dtype=torch.complex64), torch.zeros(1)], [torch.ones(1, dtype=torch.complex64), torch.ones(1)]
print(_view_as_real(params, grads), params, grads)
optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
group = optimizer.param_groups[0]
print(_param_groups_val_list(optimizer, "lr"), _update_param_group_val(group, "lr", 0.25), group["lr"])
with _enable_get_lr_call(schedule), _initial_mode(schedule):
    print(schedule._get_lr_called_within_step, schedule._is_initial)
print(schedule._get_lr_called_within_step, schedule._is_initial)
print(_format_time(12.5), _format_time(1250.0), _format_time(1.25e6), _format_time_share(1, 4), _format_time_share(0, 0))
print(_format_memory(100), _format_memory(2048), _format_memory(-3 * 2**20), _format_memory(5 * 2**30))
print(_get_total_norm([x, x]), torch.nn.functional.Tensor is torch.Tensor)
print(torch.optim.lr_scheduler.Optimizer is torch.optim.Optimizer)
print(torch.distributions.transforms.F is torch.nn.functional, torch.distributions.utils.is_tensor_like(x))

def converted(layer):
    weight, layer.weight.grad = layer.weight, torch.ones(1, 2)
    grad = weight.grad
    layer.double()
    return layer.weight is weight, weight.dtype, layer.weight.dtype, layer.weight.grad is grad, layer.weight.grad.dtype

for overwrite in (False, True):
    torch.__future__.set_overwrite_module_params_on_conversion(overwrite)
    print(torch.__future__.get_overwrite_module_params_on_conversion(), converted(torch.nn.Linear(2, 1)))
"""
ANSWERS = """
[[[5, 15, 25], [14, 51, 88]], [[35, 45, 55], [125, 162, 199]], [[65, 75, 85], [236, 273, 310]]]
[[[5, 14, 23], [14, 50, 86]], [[62, 80, 98], [152, 197, 242]], [[116, 134, 152], [287, 332, 377]]]
[[[5, 15, 25], [14, 51, 88]], [[32, 41, 50], [122, 158, 194]], [[116, 134, 152], [287, 332, 377]]]
False True
None Expected more than 1 value per channel when training, got input size [1, 3, 1]
[0, 0, 1, 0, 1, 1]
[[0.0, -inf, -inf], [0.0, 0.0, -inf], [0.0, 0.0, 0.0]] True False False
True 2 2 1
False False True
1.0 1.75
102.0679 -76.3755 0.003030 4
2.0 tensor(2.) 3 torch.float32 torch.float32
None [tensor([[0., 0.]]), tensor([0.])] [tensor([[1., 0.]]), tensor([1.])]
[0.5] None 0.25
True True
False False
12.500us 1.250ms 1.250s 25.00% NaN
100 B 2.00 KB -3.00 MB 5.00 GB
tensor(10.4881) True
True
True True
False (True, torch.float64, torch.float64, True, torch.float64)
True (False, torch.float32, torch.float64, False, torch.float64)
"""


def said(start):
    """What the program prints after a line that may put metagrad in PyTorch's place."""
    program = [sys.executable, "-W", "ignore", "-c", start + PROGRAM]
    return subprocess.run(program, env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True).stdout


def test_what_layers_and_optimizers_are_made_of_answers_as_pytorchs():
    assert said("from metagrad import alias; alias.install()") == ANSWERS.lstrip()


@pytest.mark.oracle
def test_pytorch_gives_these_answers(torch):
    assert said("") == ANSWERS.lstrip()


@pytest.mark.oracle
@pytest.mark.parametrize("path", sorted(IMPORTED))
def test_each_name_is_there_in_pytorch(torch, path):
    names = " ".join(entry.partition(": ")[2] for entry in IMPORTED[path])
    theirs = importlib.import_module(f"torch.{path}")
    short = {"functional": "F", "forward_ad": "fwAD"}
    assert [
        name for name in names.split() if not hasattr(theirs, name) and not hasattr(theirs, short.get(name, name))
    ] == []
