"""The package's name as programs see it printed: ``metagrad.float32``. Under the alias ``torch`` it is the name they know."""

package = "metagrad"


def public(name: str) -> str:
    """A name with the package's before it.

    >>> public("Size")
    'metagrad.Size'
    """
    return f"{package}.{name}"
