"""Signals: Fourier transforms, spectra over time, windows.

===================  =======================================================
``fft.py``           the Fourier transforms by name: fft, rfft2, ihfftn …
``fourier.py``       the three that do the work, with their gradients
``frequencies.py``   which frequency an element stands for; fftshift
``spectrograms.py``  the short-time Fourier transform and its inverse
``windows.py``       weights that fade a stretch of a signal out at its ends
===================  =======================================================
"""
