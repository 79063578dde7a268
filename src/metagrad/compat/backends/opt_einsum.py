"""The order in which ``einsum`` multiplies many operands: NumPy's, or that of opt_einsum where a program asks it itself."""

enabled, strategy = True, "auto"


def is_available() -> bool:
    """False: metagrad's einsum does not use opt_einsum."""
    return False


def get_opt_einsum() -> None:
    """None."""
