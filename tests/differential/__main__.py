"""``python -m tests.differential --programs 5000 --seed 1``: run random programs, print those that differ."""

from __future__ import annotations

import argparse
import collections
import sys

from tests.differential.generator import generate
from tests.differential.known import reason
from tests.differential.program import Program
from tests.differential.running import Difference, first_difference
from tests.differential.shrinking import shrink


def main() -> int:
    """Run; the exit status is 1 if a program differs for no known reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--programs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="programs seed · 1,000,000 onwards are run")
    parser.add_argument("--only", type=int, help="the seed of one program, which is printed with its difference")
    parser.add_argument("--show", type=int, default=20, help="so many differences are cut down and printed")
    options = parser.parse_args()
    import torch

    import metagrad

    def shows(program: Program) -> Difference | None:
        found = first_difference(program, torch, metagrad)
        return None if found is None or reason(program, found) is not None else found

    start = options.seed * 1_000_000
    seeds = range(start, start + options.programs) if options.only is None else [options.only]
    counts: collections.Counter[str] = collections.Counter()
    shown: set[str] = set()
    for seed in seeds:
        program = generate(seed, torch)
        if shows(program) is None:
            continue
        if shows(program) is None:  # as what PyTorch leaves of memory that it does not write
            counts["seen once only"] += 1
            print(f"# seed {seed}: seen once only", flush=True)
            continue
        small = shrink(program, shows)
        found = shows(small)
        assert found is not None
        last = f"{found.kind}: {found.step.text.split(' = ')[-1]}"
        counts[found.kind] += 1
        key = last
        if key not in shown and len(shown) < options.show:
            shown.add(key)
            print(f"# seed {seed}: {last}\n{small}\n{found}\n", flush=True)
    print(f"{len(seeds)} programs, {sum(counts.values())} differ: {dict(counts)}")
    return 1 if counts else 0


if __name__ == "__main__":
    sys.exit(main())
