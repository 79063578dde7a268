"""What is timed: a tagging model, built for either library from the same numbers. Runs in a child process."""

import importlib
import json
import logging
import resource
import sys
import time

import numpy as np

WORDS, TAGS = 11_000, 47
WARM = 0.05  # seconds of work that are not counted: threads wake, the cache fills


def build(library, case):
    """A function that does one step of the case, and returns the loss (or a sum of outputs)."""
    nn = library.nn
    rng = np.random.default_rng(0)
    batch, features, hidden = case["batch"], case["inputs"], case["hidden"]
    directions = 2 if case["bidirectional"] else 1
    settings = {
        "num_layers": case["layers"],
        "bidirectional": case["bidirectional"],
        "batch_first": case["batch_first"],
    }
    cell = getattr(nn, case["cell"])(features, hidden, **settings)
    lengths = sorted(case["lengths"], reverse=True)
    words = rng.integers(1, WORDS, (batch, lengths[0]))
    words[np.arange(lengths[0]) >= np.array(lengths)[:, None]] = 0
    tags = np.where(words, rng.integers(1, TAGS, words.shape), 0)
    parts = {"embedding": nn.Embedding(WORDS, features), "cell": cell, "output": nn.Linear(directions * hidden, TAGS)}
    model = nn.ModuleDict(parts)
    with library.no_grad():
        for p in model.parameters():
            p.copy_(library.from_numpy((rng.random(tuple(p.shape)) * 0.2 - 0.1).astype(np.float32)))
    if not case["batch_first"]:
        words, tags = words.T.copy(), tags.T.copy()
    words, tags, counts = library.from_numpy(words), library.from_numpy(tags), library.tensor(lengths)
    optimizer = library.optim.SGD(model.parameters(), lr=0.1)
    criterion = nn.NLLLoss(ignore_index=0)
    rnn = nn.utils.rnn

    def forward():
        x = parts["embedding"](words)
        if case["packed"]:
            x = rnn.pack_padded_sequence(x, counts, batch_first=case["batch_first"])
        y, _ = cell(x)
        if case["packed"]:
            y, _ = rnn.pad_packed_sequence(y, batch_first=case["batch_first"])
        return library.log_softmax(parts["output"](y), -1)

    def train():
        optimizer.zero_grad()
        loss = criterion(forward().flatten(0, 1), tags.flatten())
        loss.backward()
        optimizer.step()
        return loss.item()

    def infer():
        with library.no_grad():
            return forward().mean().item()

    def layer_only():
        y, _ = cell(layer_input)
        y.sum().backward()
        return y.detach().sum().item()

    shape = (batch, lengths[0], features) if case["batch_first"] else (lengths[0], batch, features)
    layer_input = library.from_numpy(rng.standard_normal(shape).astype(np.float32))
    return {"train": train, "infer": infer, "layer": layer_only}[case["what"]]


def built(name, case):
    """A step of the case in a library: ``torch``, ``torch.compile``, ``jax``, or ``metagrad``."""
    builder = importlib.import_module(f"benchmarks.{case.get('builder', 'work')}")
    if name == "jax":
        if not hasattr(builder, "build_jax"):
            raise NotImplementedError("not written in JAX")
        return builder.build_jax(case)
    if name != "torch.compile":
        return builder.build(__import__(name), case)
    import torch

    torch._logging.set_logs(all=logging.ERROR)  # not a word on what is not compiled
    step = builder.build(torch, case)
    compiled = torch.compile(step)
    if hasattr(step, "check"):
        return builder.with_check(compiled, step.check)
    return compiled


def serve(name):
    """Answer requests on standard input, a line of JSON each. A case that a library cannot do is answered with the reason."""
    step = None
    for line in sys.stdin:
        request = json.loads(line)
        if "build" in request:
            try:
                step = built(name, request["build"])
                answer = {"loss": getattr(step, "check", step)()}
                for _ in range(2):
                    step()
            except Exception as error:  # the parent decides whether that is an error
                answer = {"refused": f"{type(error).__name__}: {error}"}
        elif "run" in request:
            asked = time.perf_counter()
            while time.perf_counter() - asked < WARM:
                step()
            started, count = time.perf_counter(), 0
            while count < 3 or (time.perf_counter() - started < 0.2 and count < 200):
                step()
                count += 1
            answer = {"ms": (time.perf_counter() - started) / count * 1e3}
        else:
            answer = {"mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        print(json.dumps(answer), flush=True)
