"""The profiler under the name that programs knew it by first: ``autograd.profiler``."""

from metagrad.profiler import profile, record_function

__all__ = ["profile", "record_function"]
