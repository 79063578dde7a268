"""Signal processing: window functions.

==============  ===========================================================
``windows.py``  weights that fade a stretch of a signal out at its ends
==============  ===========================================================
"""

from metagrad.signal import windows

__all__ = ["windows"]
