"""The CPU's instructions."""


def get_cpu_capability() -> str:
    """ "DEFAULT": NumPy chooses instructions itself."""
    return "DEFAULT"
