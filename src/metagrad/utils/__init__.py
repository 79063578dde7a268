"""What stands beside the network.

==================  ======================================================
``data/``           datasets, the order they are read in, and batches
``checkpoint.py``   activations computed again instead of kept
``metrics/``        accuracy, perplexity, BLEU, F1 of spans
``summary.py``      layers, shapes, parameters, memory and time of a model
``tensorboard.py``  ``SummaryWriter``
``viz/``            pictures of graphs and of layers
``hooks.py``        what registering a hook returns
``_pytree.py``      nested containers as lists of leaves
``tree_nodes.py``   kinds of containers, and what their parts are called
``tree_specs.py``   shapes of trees, compared and written
``dlpack.py``       arrays from and to other libraries
==================  ======================================================
"""

__all__ = ["benchmark", "checkpoint", "collect_env", "data", "dlpack", "hooks", "metrics", "tensorboard", "viz", "weak"]


def __getattr__(name: str) -> object:
    if name in __all__ or name == "_pytree":
        import importlib

        return importlib.import_module(f"metagrad.utils.{name}")
    raise AttributeError(f"module 'metagrad.utils' has no attribute {name!r}")
