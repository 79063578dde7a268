"""``metagrad.distributed``: several ranks that train one model. PyTorch's names; MPI between processes.

====================  ==============================================================================
``world.py``          who takes part: init_process_group, new_group, get_rank …
``available.py``      which backends there are
``collectives.py``    all_reduce, broadcast, all_gather …, on tensors
``messages.py``       send, recv
``objects.py``        collectives of Python objects
``encoding.py``       objects as bytes, without pickle
``reduction.py``      ReduceOp: what is done with the values of the ranks
``communicator.py``   what a backend is: a dozen operations on arrays
``threads.py``        the backend whose ranks are threads of one process
``mpi.py``            the backend whose ranks are processes, on one machine or many
``roll.py``           which ranks of MPI wait, for what, and which have left
``buffers.py``        tensors as arrays a backend can send, and back
``work.py``           collectives under way
``errors.py``         what can go wrong
``nn/``               collectives that gradients flow through
``algorithms/``       uneven numbers of batches: Join
``launch/``           ``metagrad launch``: start the ranks, and end them all when one dies
====================  ==============================================================================

>>> import metagrad
>>> metagrad.distributed.is_available(), metagrad.distributed.is_initialized()
(True, False)
"""

from metagrad.distributed.available import (
    DebugLevel,
    get_debug_level,
    get_default_backend_for_device,
    is_available,
    is_backend_available,
    is_gloo_available,
    is_mpi_available,
    is_nccl_available,
    is_torchelastic_launched,
    is_ucc_available,
    is_xccl_available,
    set_debug_level,
    supports_complex,
)
from metagrad.distributed.collectives import (
    all_gather,
    all_gather_into_tensor,
    all_gather_single,
    all_reduce,
    all_to_all,
    all_to_all_single,
    barrier,
    broadcast,
    gather,
    monitored_barrier,
    reduce,
    reduce_scatter,
    reduce_scatter_single,
    reduce_scatter_tensor,
    scatter,
)
from metagrad.distributed.errors import (
    CollectiveMismatch,
    CollectiveTimeout,
    DistBackendError,
    DistError,
    DistNetworkError,
    RankFailed,
)
from metagrad.distributed.messages import P2POp, batch_isend_irecv, irecv, isend, recv, send
from metagrad.distributed.objects import (
    all_gather_object,
    broadcast_object_list,
    gather_object,
    recv_object_list,
    scatter_object_list,
    send_object_list,
)
from metagrad.distributed.reduction import ReduceOp
from metagrad.distributed.threads import run_threads
from metagrad.distributed.work import Work
from metagrad.distributed.world import (
    Backend,
    GroupMember,
    ProcessGroup,
    default_pg_timeout,
    destroy_process_group,
    get_backend,
    get_global_rank,
    get_group_rank,
    get_node_local_rank,
    get_process_group_ranks,
    get_rank,
    get_world_size,
    group,
    init_process_group,
    is_initialized,
    new_group,
)

__all__ = [
    "Backend",
    "CollectiveMismatch",
    "CollectiveTimeout",
    "DebugLevel",
    "DistBackendError",
    "DistError",
    "DistNetworkError",
    "GroupMember",
    "P2POp",
    "ProcessGroup",
    "RankFailed",
    "ReduceOp",
    "Work",
    "all_gather",
    "all_gather_into_tensor",
    "all_gather_object",
    "all_gather_single",
    "all_reduce",
    "all_to_all",
    "all_to_all_single",
    "barrier",
    "batch_isend_irecv",
    "broadcast",
    "broadcast_object_list",
    "default_pg_timeout",
    "destroy_process_group",
    "gather",
    "gather_object",
    "get_backend",
    "get_debug_level",
    "get_default_backend_for_device",
    "get_global_rank",
    "get_group_rank",
    "get_node_local_rank",
    "get_process_group_ranks",
    "get_rank",
    "get_world_size",
    "group",
    "init_process_group",
    "irecv",
    "is_available",
    "is_backend_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "is_ucc_available",
    "is_xccl_available",
    "isend",
    "monitored_barrier",
    "new_group",
    "recv",
    "recv_object_list",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_single",
    "reduce_scatter_tensor",
    "run_threads",
    "scatter",
    "scatter_object_list",
    "send",
    "send_object_list",
    "set_debug_level",
    "supports_complex",
]
