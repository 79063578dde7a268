"""Speed against PyTorch: ``python -m benchmarks recurrent``. Ratios from one interleaved run, medians of several repeats."""
