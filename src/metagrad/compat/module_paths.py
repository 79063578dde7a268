"""Module paths that programs import, answered by the modules that have what stands there in PyTorch.

``import metagrad.jit`` finds ``metagrad.compat.jit``, and ``metagrad.optim.adamw`` the file that holds AdamW: one module object
under two names, so that nothing is loaded twice. ``metagrad.compat.alias`` finds ``torch`` and all below it in the same way.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["DISTRIBUTIONS", "LEFT_OUT", "MODULES", "ModuleFinder", "install"]

DISTRIBUTIONS = {  # where each of PyTorch's files of distributions is
    "bounded": "continuous_bernoulli von_mises",
    "combined": "independent mixture_same_family transformed_distribution",
    "continuous": "cauchy exponential gumbel half_cauchy half_normal laplace log_normal normal uniform",
    "discrete": "bernoulli binomial categorical geometric negative_binomial poisson",
    "distribution": "exp_family",
    "divergence": "kl",
    "gammas": "beta chi2 dirichlet fishersnedecor gamma studentT",
    "mapped": "generalized_pareto inverse_gamma kumaraswamy pareto weibull",
    "matrices": "lkj_cholesky wishart",
    "multivariate": "lowrank_multivariate_normal multivariate_normal",
    "onehot": "logistic_normal multinomial one_hot_categorical relaxed_bernoulli relaxed_categorical",
}

_PIPES = "callable combinatorics combining filelister fileopener grouping selecting sharding streamreader utils".split()

MODULES = {  # a module's public path: where the module is; what lies below the path lies below the module
    "accelerator": "compat.accelerator",
    "accelerator.memory": "compat.accelerator",
    "alias": "compat.alias",
    "amp": "compat.amp",
    "autograd.anomaly_mode": "autograd.observe",
    "autograd.grad_mode": "autograd.mode",
    "autograd.profiler": "profiler",
    "autograd.profiler_util": "profiler",
    "backends": "compat.backends",
    "checkpoints": "serialization.checkpoint",
    "compiler": "compat.compiler",
    "cpu": "compat.cpu",
    "cpu.amp": "compat.cpu_amp",
    "cpu.amp.autocast_mode": "compat.cpu_amp",
    "cpu.amp.grad_scaler": "compat.cpu_amp",
    "cuda": "compat.cuda",
    "dataloader": "utils.data",
    "dataset": "utils.data",
    "cuda.amp.autocast_mode": "compat.cuda.amp",
    "cuda.amp.grad_scaler": "compat.cuda.amp",
    "distributed.checkpoint": "serialization.ranks",
    "distributed.distributed_c10d": "distributed",
    "distributed.constants": "compat.beside",
    "distributed.elastic": "compat.beside",
    "distributed.elastic.multiprocessing": "compat.beside",
    "distributed.elastic.multiprocessing.errors": "compat.beside",
    "distributed.optim": "compat.beside",
    "distributed.rpc": "compat.rpc",
    "distributed.autograd": "compat.rpc",
    **dict.fromkeys(
        (
            "distributed." + path
            for path in (
                "checkpoint.default_planner",
                "checkpoint.hf_storage",
                "checkpoint.state_dict",
                "_composable",
                "_composable.fsdp",
                "_functional_collectives",
                "_tensor",
                "_tensor.experimental",
                "device_mesh",
                "fsdp",
                "fsdp.api",
                "fsdp.fully_sharded_data_parallel",
                "fsdp.sharded_grad_scaler",
                "fsdp.wrap",
                "tensor",
                "tensor.experimental",
                "tensor.experimental._attention",
                "tensor._utils",
                "tensor.placement_types",
            )
        ),
        "compat.sharded",
    ),
    "functional": "",
    "functorch": "compat.functorch",
    "einops_backend": "compat.einops_backend",
    "futures": "compat.futures",
    "fx": "compat.fx",
    "fx._symbolic_trace": "compat.fx.tracing",
    "fx._pytree": "compat.fx.codegen",
    "fx._compatibility": "compat.fx.tracing",
    "fx.experimental": "compat.fake_tensors",
    "fx.experimental.optimization": "compat.fx.passes.fusing",
    "fx.experimental.proxy_tensor": "compat.fake_tensors",
    "fx.experimental.normalize": "compat.fx.operator_schemas",
    "fx.passes.infra": "compat.fx.passes.pass_manager",
    "fx.passes.infra.partitioner": "compat.fx.passes.partitioner",
    "fx.passes.tools_common": "compat.fx.passes.operator_support",
    "fx.passes.utils": "compat.fx.passes.matching",
    "fx.passes.utils.fuser_utils": "compat.fx.passes.partitioner",
    "fx.passes.utils.matcher_utils": "compat.fx.passes.matching",
    "fx.passes.infra.pass_base": "compat.fx.passes.pass_manager",
    "fx.passes.infra.pass_manager": "compat.fx.passes.pass_manager",
    "hub": "compat.hub",
    "inspection": "utils.summary",
    "jit": "compat.jit",
    "loss": "nn.modules.loss",
    "jit.annotations": "compat.beside",
    "library": "compat.library",
    "metrics": "utils.metrics",
    "module": "nn.modules",
    "monitor": "compat.monitor",
    "onnx.symbolic_helper": "compat.onnx_symbolic",
    **{f"onnx.symbolic_opset{version}": "compat.onnx_symbolic" for version in range(7, 21)},
    "mps": "compat.mps",
    "multiprocessing": "compat.multiprocessing",
    "multiprocessing.pool": "compat.multiprocessing",
    "multiprocessing.queue": "compat.multiprocessing",
    "multiprocessing.spawn": "compat.multiprocessing",
    "nn.attention.bias": "compat.causal_bias",
    "nn.attention.flex_attention": "compat.flex_attention",
    "nn.attention.varlen": "compat.varlen",
    "nn.quantized": "compat.quantization",
    "nn._reduction": "compat.inner_names",
    "nn.modules.channelshuffle": "nn.modules.pixelshuffle",
    "nn.modules.instancenorm": "nn.modules.batchnorm",
    "nn.modules.linear_cross_entropy": "nn",
    "nn.modules.linear_cross_entropy_options": "nn.functional.likelihood_loss",
    "nn.parallel._functions": "compat.inner_names",
    "nn.parallel.comm": "nn.parallel.scatter_gather",
    "nn.parallel.parallel_apply": "nn.parallel.scatter_gather",
    "nn.parallel.replicate": "nn.parallel.scatter_gather",
    "nn.utils.init": "nn.utils",
    "nn.utils.spectral_norm": "nn.utils.hooked_norms",
    "nn.utils.weight_norm": "nn.utils.hooked_norms",
    "optim._functional": "optim.functions",
    "optim._multi_tensor": "optim",
    "optim.adamw": "optim.adam",
    "overrides": "compat.torch_overrides",
    "profiler.profiler": "profiler",
    "quasirandom": "ops.create.sobol",
    "random": "ops.create.random",
    "return_types": "base.results",
    "rnn_utils": "nn.utils.rnn",
    "storage": "tensors.storage",
    "testing._comparison": "testing.comparison",
    "torch_version": "compat.torch_version",
    "types": "compat.types",
    "utils.benchmark": "compat.benchmark",
    "utils.benchmark.utils.common": "compat.benchmark",
    "utils.benchmark.utils.compare": "compat.benchmark",
    "utils.benchmark.utils.timer": "compat.benchmark",
    "utils.cpp_extension": "compat.cpp_extension",
    "utils.collect_env": "compat.collect_env",
    "utils.data._utils": "utils.data",
    "utils.data._utils.pin_memory": "compat.beside",
    "utils.data.datapipes._decorator": "compat.pipe_names",
    "utils.data.datapipes._hook_iterator": "utils.data.datapipes.datapipe",
    "utils.data.datapipes.utils": "compat.pipe_names",
    "utils.data.datapipes.utils.common": "compat.pipe_names",
    "utils.data.graph": "utils.data.datapipes.graph",
    "utils.data.graph_settings": "utils.data.datapipes.graph",
    **{
        f"utils.data.datapipes.{kind}.{name}": f"utils.data.datapipes.{kind}"
        for kind in ("iter", "map")
        for name in _PIPES
    },
    "utils.data._utils.worker": "utils.data.worker_process",
    "utils.model_zoo": "compat.hub",
    "utils._python_dispatch": "compat.python_dispatch",
    "utils.deterministic": "compat.beside",
    "utils.module_tracker": "compat.module_tracker",
    "utils.weak": "compat.weak",
    "utils.flop_counter": "compat.flop_counter",
    "utils._foreach_utils": "compat.beside",
    "utils._contextlib": "compat.beside",
    "utils._device": "compat.beside",
    "version": "base.version",
    "viz": "utils.viz",
    "xpu": "compat.xpu",
    "xpu.memory": "compat.xpu",
    "xpu.random": "compat.xpu",
    "xpu.streams": "compat.xpu",
    "ao": "compat.quantization",
    **{
        f"{package}{file}": "compat.quantization"
        for package in ("ao.quantization", "quantization")
        for file in ("", ".fake_quantize", ".fuse_modules", ".observer", ".qconfig", ".quantize", ".stubs")
    },
    "_C": "compat.inner",
    "_custom_ops": "compat.library",
    "_higher_order_ops": "compat.seldom",
    "_higher_order_ops.associative_scan": "compat.seldom",
    "__config__": "compat.config",
    "__future__": "compat.conversions",
    "_functorch": "func",
    "_functorch.apis": "func",
    "_functorch.eager_transforms": "func",
    "_functorch.functional_call": "func.ensembles",
    "_functorch.vmap": "func.mapping",
    "_vmap_internals": "func.mapping",
    "_dynamo": "compat.dynamo",
    "_dynamo.config": "compat.compiler_settings",
    "_dynamo.eval_frame": "compat.dynamo",
    "_dynamo.utils": "compat.dynamo",
    "_dynamo._trace_wrapped_higher_order_op": "compat.dynamo",
    "_inductor": "compat.compiler_settings",
    "_inductor.config": "compat.compiler_settings",
    "_jit_internal": "compat.jit",
    "_subclasses": "compat.fake_tensors",
    "_subclasses.fake_tensor": "compat.fake_tensors",
    "_tensor": "tensors.tensor",
    "utils.tensorboard.summary": "utils.tensorboard",
    "utils.tensorboard.writer": "utils.tensorboard",
    "_tensor_str": "compat.tensor_str",
    "_utils": "compat.tensor_utils",
    **{
        f"distributions.{name}": f"distributions.{file}"
        for file, names in DISTRIBUTIONS.items()
        for name in names.split()
    },
    **{
        f"backends.{name}": "compat.backends.absent"
        for name in ("cusparselt", "kleidiai", "mha", "miopen", "nnpack", "quantized", "xeon", "xnnpack")
    },
}

LEFT_OUT = {  # what metagrad does not have, and says so when it is imported
    **dict.fromkeys(("ao.nn", "ao.ns", "ao.pruning"), "quantization is left out"),
    "export": "metagrad does not write programs down as graphs; metagrad.onnx.export writes a model as an ONNX file",
    "package": "its files hold code; keep state_dict() with metagrad.save",
    "sparse": "sparse tensors are left out",
    "nested": "nested tensors are left out; metagrad.nn.utils.rnn packs sequences of different lengths",
    "optim.sparse_adam": "sparse tensors are left out",
    "distributed.pipelining": "pipelines are left out",
}


class ModuleFinder:
    """Finds modules under the paths that programs know them by; ``located`` says where each of them is."""

    def located(self, name: str) -> str | None:
        """The module that answers for ``name``, or None if it is found as usual."""
        package, _, path = name.partition(".")
        return moved(path) if package == "metagrad" else None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The import system's question: a spec if the module is one of these."""
        name = self.located(fullname)
        if name is None or (_left_out(fullname) is None and not _exists(name)):
            return None
        return ModuleSpec(fullname, self)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module that answers for the path."""
        why = _left_out(spec.name)
        if why is not None:
            raise ModuleNotFoundError(f"metagrad has no module {spec.name!r}: {why}", name=spec.name)
        module = importlib.import_module(self.located(spec.name) or spec.name)
        spec.loader_state = module.__spec__
        if not hasattr(module, "__path__"):  # a file in which others are found that PyTorch has beside it
            module.__path__ = []
        _keep_function(spec.name)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: the module is there. It keeps the spec it was made from."""
        if module.__spec__ is not None:
            module.__spec__ = module.__spec__.loader_state


def moved(path: str) -> str | None:
    """Where the module of a path below metagrad is, or None if it is where its path says.

    >>> moved("jit"), moved("nn.functional")
    ('metagrad.compat.jit', None)
    """
    parts = path.split(".")
    for n in range(len(parts), 0, -1):
        found = MODULES.get(".".join(parts[:n]))
        if found is not None:
            return ".".join(["metagrad", *filter(None, [found]), *parts[n:]])
    return "metagrad." + path if _left_out("metagrad." + path) else None


def _left_out(name: str) -> str | None:
    """Why metagrad has no module of this path; None of the others."""
    parts = name.split(".")[1:]
    return next((why for n in range(len(parts)) if (why := LEFT_OUT.get(".".join(parts[: n + 1])))), None)


def _exists(name: str) -> bool:
    """Whether Python finds the module. What a module misses that is there is an error of its own."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("metagrad"):
            raise
        return False
    except ValueError:  # a module that was made by hand has no spec
        return name in sys.modules


class Package(ModuleType):
    """A package in which a module and a function have one name: the attribute stays the function."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and _is_function(self, name)):
            super().__setattr__(name, value)


def _is_function(package: ModuleType, name: str) -> bool:
    """Whether a function or a class has this name, be it one that is imported when it is first used."""
    return callable(vars(package).get(name)) or name in vars(package).get("_LAZY_NAMES", ())


def _keep_function(name: str) -> None:
    """Python makes an imported module an attribute of its package: not where a function has that name there."""
    package, _, attribute = name.rpartition(".")
    parent = sys.modules.get(package)
    if type(parent) is ModuleType and _is_function(parent, attribute):
        parent.__class__ = Package


def install(finder: ModuleFinder) -> None:
    """Ask ``finder`` first, once, where Python looks for modules."""
    if finder not in sys.meta_path:
        sys.meta_path.insert(0, finder)
