"""The version, in one place."""

__version__ = "0.1.0"
cuda = hip = git_version = None  # what programs print of PyTorch's build
debug = False
