"""What is there only so that a program written for PyTorch finds it. ``module_paths.py`` says under which module path it is found.

==========================  ==========================================================================
``module_paths.py``         module paths that programs import, and the modules that answer for them
``alias.py``                metagrad under the name ``torch``
``accelerator.py``          the device beside the CPU
``amp/``                    ``autocast`` and ``GradScaler``
``backends/``               switches of libraries that metagrad does not use
``beside.py``               names that PyTorch's files have beside what they are about
``benchmark.py``            ``utils.benchmark``: timing a statement
``c_signatures.py``         losses and norms with their arguments in PyTorch's other order
``causal_bias.py``          ``nn.attention.bias``: causal masks by a corner
``class_names.py``          PyTorch's names for the modules of classes, under the alias
``collect_env.py``          versions, for a bug report
``compiler.py``             ``compile``
``config.py``               what metagrad runs on
``conversions.py``          ``torch.__future__``: parameters of a converted module
``cpp_extension.py``        names of what builds compiled extensions, which refuse
``cpu.py``                  the CPU by the names that any device has
``cpu_amp.py``              ``metagrad.cpu.amp``, an older path
``cuda/``                   GPUs through CuPy
``dispatch_keys.py``        PyTorch's names for the ways to an op
``einops_backend.py``       einops under metagrad's own name
``flex_attention.py``       attention with scores and masks that are functions
``flop_counter.py``         operations of products and convolutions, counted
``foreach.py``              ``_foreach_add`` and its kind: one method of several tensors
``functorch.py``            what ``func`` was before
``compiler_settings.py``    its settings
``dynamo.py``               marks for it
``fake_tensors.py``         whether a program is being traced
``fx/``                     programs as graphs: traced, looked at, changed, run
``futures.py``              results that may come later
``hub.py``                  models from a directory of one's own
``imported_names.py``       names that PyTorch's files import, and programs from there
``inner.py``                ``torch._C``
``inner_names.py``          names with an underscore in files of layers and distributions
``layer_internals.py``      parts of PyTorch's layers, optimizers and schedules
``library.py``              ops that a program gives a name
``custom_ops.py``           one of them: its arguments, its gradient, what it does under ``vmap``
``op_schemas.py``          what an op takes and gives, as text and in a call
``profiler_ops.py``        parts of a graph that are named for the profiler
``native_functions.py``     norms with their means and deviations
``onnx_symbolic.py``        what an older exporter of ONNX was taught
``own_names.py``            names of tensors here that a program's class of tensors has, too
``quantization.py``         marks in models that may be quantized
``jit.py``                  ``jit.script``, ``jit.trace``
``monitor.py``              events, and numbers added up over spans of time
``mps.py``                  Apple's GPUs
``module_tracker.py``       which modules are running
``multiprocessing.py``      processes that pass tensors on
``replacing.py``            functions put in the place of others
``recurrent_functions.py``  stacks of recurrent layers as functions of their weights
``seldom.py``               names that few programs use
``script_types.py``         the names of TorchScript's types
``sharded.py``              the names of what is split over ranks
``start_rank.py``           the first lines of each rank of ``metagrad launch``
``storage_types.py``        ``FloatStorage`` and its kind
``switches.py``             determinism and precision
``python_dispatch.py``      a protocol that there is nothing to ask about
``rpc.py``                  the names of calls on other ranks
``tensor_str.py``           ``torch._tensor_str``: the steps of printing
``tensor_types.py``         ``FloatTensor`` and its kind
``tensor_utils.py``         ``torch._utils``
``torch_function.py``       classes that have a say in functions of their instances
``given_arguments.py``     what a class that is asked gets of a call's arguments
``torch_overrides.py``      what such classes are written with
``torch_version.py``        PyTorch's version, under the alias
``torch_distribution.py``   what ``importlib.metadata`` says of it
``undocumented.py``         functions that PyTorch does not document
``pipe_names.py``           what programs import beside pipes of data
``types.py``                names for annotations
``varlen.py``               attention over sequences one after the other
``weak.py``                 dictionaries that do not keep their keys alive
``xpu.py``                  Intel's GPUs
==========================  ==========================================================================
"""
