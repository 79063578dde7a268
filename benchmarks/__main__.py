"""``python -m benchmarks NAME``: run one of the benchmarks."""

import argparse

from benchmarks import (
    convolution,
    elementwise,
    every_op,
    everything,
    failures,
    gpu,
    ladder,
    optimizers,
    overhead,
    programs,
    recurrent,
    reductions,
    scale,
    tagger,
    transformer,
)


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True)
    everything.add_to(names.add_parser("all", help="every table, with NumPy alone and with all extras, as JSON too"))
    recurrent.add_to(names.add_parser("recurrent", help="RNN, LSTM and GRU: training steps, inference, sweeps"))
    ladder.add_to(names.add_parser("ladder", help="what each technique of the recurrent kernels is worth"))
    convolution.add_to(names.add_parser("convolution", help="a small convolutional network, and layers by themselves"))
    transformer.add_to(names.add_parser("transformer", help="an encoder layer, and attention by itself"))
    elementwise.add_to(names.add_parser("elementwise", help="large tensors: elementwise ops, reductions, softmax"))
    every_op.add_to(names.add_parser("every", help="every op of large tensors, one by one, with its gradient"))
    overhead.add_to(names.add_parser("overhead", help="small ops, forward and backward, op by op"))
    reductions.add_to(names.add_parser("reductions", help="sums, extremes, variances of 4 million floats"))
    optimizers.add_to(names.add_parser("optimizers", help="a step of every optimizer, large and small parameters"))
    programs.add_to(names.add_parser("programs", help="training steps of whole programs"))
    tagger.add_to(
        names.add_parser("tagger", help="what each part of the tagger is worth; how fast it tags; under load")
    )
    gpu.add_to(names.add_parser("gpu", help="training steps on a GPU, against PyTorch on the same one"))
    failures.add_to(
        names.add_parser("failures", help="ranks that die: how soon all have ended, and how the run goes on")
    )
    scale.add_to(
        names.add_parser("scale", help="α and β of the collectives here; the step on up to 4,096 ranks, simulated")
    )
    options = parser.parse_args()
    options.run(options)


main()
