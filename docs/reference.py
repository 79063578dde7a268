"""Write ``reference.md``: each of PyTorch's public names with metagrad's counterpart, or why there is none.

Needs PyTorch beside metagrad, for its names: ``python docs/reference.py``.
"""

import importlib
import inspect
import re
import types
from pathlib import Path

import metagrad

SPACES = [
    ("", "Tensors: creation, arithmetic, shapes, reductions"),
    ("Tensor", "Methods of tensors"),
    ("linalg", "Linear algebra"),
    ("fft", "Fourier transforms"),
    ("special", "Special functions"),
    ("quasirandom", "Sobol sequences"),
    ("signal.windows", "Windows"),
    ("masked", "Masked reductions"),
    ("nn", "Layers"),
    ("nn.functional", "Layers as functions"),
    ("nn.init", "Initial values"),
    ("nn.utils", "Utilities for layers"),
    ("optim", "Optimizers"),
    ("optim.lr_scheduler", "Schedules"),
    ("utils.data", "Data"),
    ("autograd", "Gradients"),
    ("autograd.functional", "Derivatives of functions"),
    ("func", "Derivatives of functions, the newer way"),
    ("distributions", "Distributions"),
]
WHY = [
    (
        r"sparse|coalesce|ccol|crow|col_indices|row_indices|smm|spmm|hspmm|hsmm|dsmm|sspaddmm|"
        r"to_dense|dense_dim|saddmm|^values$|^indices$|_nnz|SparseAdam",
        "sparse tensors are left out",
    ),
    (
        r"quant|^q_|qscheme|qint|quint|fbgemm|int_repr|per_(channel|tensor)|fake_|^q_|observer|"
        r"choose_qparams",
        "quantization is left out",
    ),
    (r"^(rename|refine_names|align_|names|unify|has_names)", "named dimensions are left out"),
    (
        r"cudnn|miopen|mkldnn|xpu|mps|mtia|ipu|xla|vulkan|hpu|maia|npu|cuda|Sync|onednn|to_mkldnn|"
        r"record_stream|accelerator|DataParallel",
        "for one device or library only",
    ),
    (r"float8|float4|^u?int[1-7]$|^bits|chalf|complex32|^BFloat16Storage", "NumPy has no such numbers"),
    (
        r"^sym_|SymInt|SymBool|SymFloat|while_loop|^cond$|Script|jit|Graph|_copy$|fx|export|compile",
        "for tracing and compiling, which metagrad does not do",
    ),
    (r"^(eig|symeig|lstsq|solve|matrix_rank|qr_old)$", "removed from PyTorch: it raises an error there, too"),
    (r"torch_function", "found in `torch.overrides`"),
    (r"[Mm]asked_?[Tt]ensor$", "tensors that carry a mask are left out: masked reductions take one"),
    (r"^DataChunk$|_validation|^functional_datapipe|^non_deterministic", "data pipes are left out"),
    (
        r"grouped_mm|scaled_mm|ScalingType|SwizzleType|to_padded_tensor",
        "for one device, or for tensors that are left out",
    ),
    (
        r"^(FatalError|FloatType|classproperty|get_file_path|import_ir|init_num_threads|is_distributed|is_storage|merge_type|"
        r"parse_|prepare_multi|index$|map2_|module_load|Container|factory_kwargs|DType|assert_int|boolean_dispatch|NestedIO|"
        r"convert_conv|enforce_grad|debug_unwrap|functionalize|rearrange|swap_in_)",
        "an inner name of PyTorch's",
    ),
    (r"^(reinforce|resize|resize_as)$", "removed from PyTorch: it raises an error there, too"),
    (r"autocast|amp", "metagrad computes in the dtype it is given"),
    (
        r"native_|_backward|_elemt|_stats|batch_norm_|frobenius_norm|nuclear_norm|norm_except_dim|"
        r"grid_sampler|affine_grid_generator|rnn_|^(gru|lstm)(_cell)?$|^convolution$|slice_inverse|"
        r"thread_safe|fork|wait|embedding_renorm_|fused_|segment_reduce|dequantize|feature_dropout",
        "an inner function of PyTorch's, not documented",
    ),
    (r"Storage|^storage", "the memory of a tensor is its NumPy array, `.array`"),
    (r"DataPipe|datapipes|Distributed|Shard|DDP", "for several machines or for data pipes, which are left out"),
    (r"Buffer(Dict)?$|^Uninit", "reached under another name"),
    (
        r"^(A|An|Any|Arg|Bench|Bool|Call|Class|Code|Comp|Concr|Deep|Dev|Dict|Disable|Disp|Enum|Err|"
        r"Excl|Exec|File|Func|Fut|Grad(ient)?$|IOD|Infer|Int|JIT|List|Lite|Lock|Log|Mod|No|Num|Op|"
        r"Opt|Out|Param|Py|RRef|Ser|Static|Str|TYPE|Tag|Tens|Thr|Trac|Tup|Type|USE|Union|Use|Value|"
        r"AVG|SUM|PRIVATE|Agg|Alias|Await|Block|Caps|Event|Stream)",
        "an inner type of PyTorch's",
    ),
]


def first_sentence(value):
    """What a docstring says first."""
    text = inspect.getdoc(value) or ""
    paragraph = text.split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
    return re.split(r"(?<=[.:;]) ", paragraph)[0].rstrip(":;") if paragraph else ""


def find(root, space):
    """A namespace by its dotted name."""
    if not space:
        return root
    if space == "Tensor":
        return root.Tensor
    return importlib.import_module(f"{root.__name__}.{space}")


def public(place, space):
    """PyTorch's public names in a namespace: what is callable and its own."""
    names = getattr(place, "__all__", None) if space not in ("", "Tensor") else None
    for name in sorted(names or dir(place)):
        value = getattr(place, name, None)
        if name.startswith("_") or isinstance(value, types.ModuleType):
            continue
        module = getattr(value, "__module__", None) or "torch"
        if callable(value) and (module.startswith("torch") or module == "builtins"):
            yield name


def why_not(name):
    """Why metagrad does not have it."""
    return next((reason for pattern, reason in WHY if re.search(pattern, name)), "not written")


def section(torch, space, title):
    """The table of one namespace."""
    theirs, prefix = find(torch, space), f"{space}." if space else ""
    try:
        ours = find(metagrad, space)
    except ImportError:
        ours = None
    there, missing = [], {}
    for name in public(theirs, space):
        value = getattr(ours, name, None)
        if value is None:
            missing.setdefault(why_not(name), []).append(name)
        else:
            there.append(f"| `metagrad.{prefix}{name}` | {first_sentence(value)} |")
    lines = [
        f"## {title}",
        "",
        f"{len(there)} names.",
        "",
        "| name | |",
        "| --- | --- |",
        *there,
        "",
    ]
    if missing:
        lines += ["Not there:", ""]
        lines += [f"* {reason}: {', '.join(f'`{n}`' for n in names)}" for reason, names in sorted(missing.items())]
        lines.append("")
    return lines, len(there), sum(map(len, missing.values()))


def main():
    """Write the page."""
    import torch

    parts, found, lacking = [], 0, 0
    for space, title in SPACES:
        lines, there, missing = section(torch, space, title)
        parts += lines
        found, lacking = found + there, lacking + missing
    head = [
        "# Reference",
        "",
        f"Every public name of PyTorch {torch.__version__.split('+')[0]} in the namespaces that metagrad covers: {found} are here,",
        f"{lacking} are not; each list ends with those, and why. Here is `metagrad` where PyTorch has `torch`.",
        "Written by `python docs/reference.py` from the docstrings.",
        "",
        "One entry of PyTorch's own op database does not pass: `as_strided_scatter`, where",
        "metagrad's gradient is 0 for what was overwritten, and PyTorch's for what was not: its own `gradcheck` refuses that.",
        "",
    ]
    Path(__file__).with_name("reference.md").write_text("\n".join(head + parts))


if __name__ == "__main__":
    main()
