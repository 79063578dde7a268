"""``python -m metagrad`` is the ``metagrad`` command."""

from metagrad.cli import command

command()
