"""Tensors on disk: ``metagrad.save`` and ``load``, PyTorch's ``.pt`` files, and safetensors files.

===================  =========================================================================
``checkpoint.py``    ``save`` and ``load``
``writing.py``       ``.pt`` files, which ``torch.load`` opens
``reading.py``       the two formats of ``.pt`` files
``unpickling.py``    their pickles, without running anything that stands in them
``names.py``         what the names in a pickle stand for
``safe_names.py``    names that the program adds
``limits.py``        how much memory and depth a file may ask for
``whole.py``         whole objects of files that are trusted
``storages.py``      tensors as stretches of storages
``number_types.py``  how numbers are stored, and which are widened
``locations.py``     ``map_location``
``ranks.py``         checkpoints of several processes, written by one
``packages.py``      devices of a program's own
``settings.py``      settings that are kept, and files without numbers
``errors.py``        CheckpointError
``safetensors.py``   safetensors files
===================  =========================================================================
"""

from metagrad.serialization.checkpoint import get_unsafe_globals_in_checkpoint, load, save
from metagrad.serialization.errors import CheckpointError
from metagrad.serialization.locations import MAP_LOCATION
from metagrad.serialization.packages import (
    _package_registry,
    check_module_version_greater_or_equal,
    default_restore_location,
    location_tag,
    normalize_storage_type,
    register_package,
    validate_cuda_device,
)
from metagrad.serialization.reading import LEGACY_MAGIC as MAGIC_NUMBER
from metagrad.serialization.safe_names import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    safe_globals,
)
from metagrad.serialization.safetensors import SafetensorsError, load_file, read_metadata, save_file
from metagrad.serialization.settings import (
    DEFAULT_PROTOCOL,
    PROTOCOL_VERSION,
    LoadEndianness,
    SourceChangeWarning,
    get_crc32_options,
    get_default_load_endianness,
    get_default_mmap_options,
    set_crc32_options,
    set_default_load_endianness,
    set_default_mmap_options,
    skip_data,
)
