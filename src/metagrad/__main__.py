"""``python -m metagrad`` is the ``metagrad`` command."""

import sys

from metagrad.cli import main

sys.exit(main())
