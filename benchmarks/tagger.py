"""The tagger measured: what each of its parts is worth, how fast it tags, how its service bears many clients.

``python -m benchmarks tagger ablation`` trains on four fifths of the training sentences and looks at the other fifth (blocks of
a hundred, spread over the corpus): the test sentences are not looked at. ``speed`` and ``load`` take a trained model.
``segmentation`` and ``treebanks`` learn from treebanks, raw text too (``benchmarks/treebanks.py``).
"""

import asyncio
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import treebanks
from metagrad.tagger.corpora import default_corpus, load_corpus
from metagrad.tagger.learning import evaluate, learn
from metagrad.tagger.presets import settings_and_recipe
from metagrad.tagger.splits import Split
from metagrad.tagger.tagging import Tagger

WITHOUT = {
    "the preset": {},
    "no spelling features": {"spelling": False},
    "no letters read": {"letters": "none"},
    "letters read by an LSTM": {"letters": "lstm"},
    "no letter dropout": {"letter_dropout": 0.0},
    "no word dropout": {"word_dropout": 0.0},
    "dropout anew at every word": {"variational": False},
    "no dropout": {"dropout": 0.0},
    "initial embeddings ten times larger": {"scale": 1.0},
    "no shortcut": {"shortcut": False},
    "no label smoothing": {"label_smoothing": 0.0},
    "no average of the weights": {"averaging": 0.0},
    "constant learning rate": {"schedule": "constant"},
    "with a CRF": {"crf": True},
    "with the frequency loss": {"frequency": True},
    "GRU": {"cell": "gru"},
    "one direction": {"bidirectional": False},
    "two layers": {"layers": 2},
    "two members": {"members": 2},
    "padded batches": {"padded": True},
}


def add_to(parser):
    """Options and subcommands."""
    kinds = parser.add_subparsers(dest="kind", required=True)
    ablation = kinds.add_parser("ablation")
    ablation.add_argument("--corpus", help="treebank, sample or a file; by default what metagrad tag train uses")
    ablation.add_argument("--preset", default="fast")
    ablation.add_argument("--seeds", type=int, default=1)
    ablation.add_argument("--epochs", type=int)
    ablation.add_argument("--only", nargs="*", choices=WITHOUT, default=list(WITHOUT))
    ablation.set_defaults(run=run_ablation)
    treebanks.add_to(kinds)
    for name, run in (("speed", run_speed), ("load", run_load)):
        kind = kinds.add_parser(name)
        kind.add_argument("--model", type=Path, required=True)
        kind.set_defaults(run=run)
    kind.add_argument("--clients", type=int, default=200)
    kind.add_argument("--seconds", type=float, default=60.0)


def folds(sentences):
    """Four of every five blocks of a hundred sentences to learn from, one to look at."""
    parts = ([], [])
    for start in range(0, len(sentences), 100):
        parts[(start // 100) % 5 == 2].extend(sentences[start : start + 100])
    return Split(*parts, [])


def run_ablation(options):
    """Print a table in Markdown, a row as soon as it is measured."""
    corpus = load_corpus(options.corpus) if options.corpus else default_corpus()[0]
    parts = folds(corpus.sentences[: corpus.training])
    print(
        f"| {options.preset}, {len(parts.train):,} sentences | accuracy | unknown words | CPU seconds |\n| --- | --- | --- | --- |"
    )
    for name in options.only:
        rows = []
        for seed in range(options.seeds):
            change = WITHOUT[name] | ({"epochs": options.epochs} if options.epochs else {})
            settings, recipe = settings_and_recipe(options.preset, change | {"seed": seed})
            started = time.process_time()
            model, _ = learn(parts, settings, recipe, {})
            spent = time.process_time() - started
            scores, _ = evaluate(model, parts.dev)
            rows.append((scores.overall.value, scores.unknown.value, spent))
        accuracy, unknown, spent = map(statistics.fmean, zip(*rows))
        print(f"| {name} | {accuracy:.4f} | {unknown:.4f} | {spent:.0f} |", flush=True)


def run_speed(options):
    """In bulk, one sentence, and as a process; the best of several runs, and CPU time beside it."""
    sentences = [[word for word, _ in s] for s in default_corpus()[0].sentences]
    started = time.perf_counter()
    tagger = Tagger.load(options.model)
    print(f"loading: {1e3 * (time.perf_counter() - started):.0f} ms")
    words, bulk = sum(map(len, sentences)), []
    for _ in range(5):
        cpu, started = time.process_time(), time.perf_counter()
        tagger.predict(sentences)
        bulk.append((words / (time.perf_counter() - started), words / (time.process_time() - cpu)))
    print(f"in bulk: {max(w for w, _ in bulk):,.0f} words a second, {max(c for _, c in bulk):,.0f} a second of CPU")
    single = []
    for sentence in sentences[:300]:
        started = time.perf_counter()
        tagger.tag(sentence)
        single.append(1e3 * (time.perf_counter() - started))
    print(f"one sentence: median {statistics.median(single):.2f} ms, slowest of 300 {max(single):.2f} ms")
    command = [
        sys.executable,
        "-m",
        "metagrad",
        "tag",
        "predict",
        "--model",
        str(options.model),
        "Time flies like an arrow.",
    ]
    cold = []
    for _ in range(5):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        cold.append((time.perf_counter() - started, spent))
    print(f"cold, as a process: {min(w for w, _ in cold):.2f} s, {min(c for _, c in cold):.2f} s of CPU")


def run_load(options):
    """Many clients at once, each asking again as soon as it is answered; every answer is compared with what was asked."""
    with tempfile.TemporaryFile("w+") as errors:
        command = [sys.executable, "-m", "metagrad", "tag", "serve", "--model", str(options.model), "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as server:
            address = server.stdout.readline().split("http://")[1].split("/")[0]
            try:
                asyncio.run(storm(address, server.pid, options))
            finally:
                server.terminate()
        errors.seek(0)
        print("the server's own errors:", errors.read() or "none")


async def storm(address, pid, options):
    """Print what was answered, how fast, and the server's memory at the beginning and at the end."""
    host, port = address.split(":")
    sentences = [[word for word, _ in s] for s in load_corpus("sample").sentences]
    tagger = Tagger.load(options.model)
    expected = dict(zip(map(tuple, sentences), tagger.predict(sentences)))
    times, faults, memory = [], [], []
    end = time.monotonic() + options.seconds

    async def client(number):
        chance = random.Random(number)
        reader, writer = await asyncio.open_connection(host, int(port))
        while time.monotonic() < end:
            words = chance.choice(sentences)
            body = json.dumps({"sentences": [words]}).encode()
            started = time.monotonic()
            writer.write(b"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            answer = json.loads(await reader.readexactly(length))
            times.append(time.monotonic() - started)
            if b" 200 " not in head.split(b"\r\n")[0] + b" ":
                faults.append(answer)
            elif [(w["word"], w["tag"]) for w in answer["sentences"][0]] != list(zip(words, expected[tuple(words)])):
                faults.append((words, answer))
        writer.close()

    async def watch():
        while time.monotonic() < end:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            memory.append(pages * resource.getpagesize() / 2**20)
            await asyncio.sleep(options.seconds / 20)

    await asyncio.gather(watch(), *[client(n) for n in range(options.clients)])
    times.sort()
    print(
        f"{options.clients} clients, {options.seconds:.0f} s: {len(times):,} answers, {len(faults)} wrong or refused; "
        f"median {1e3 * statistics.median(times):.0f} ms, 99 % within {1e3 * times[len(times) * 99 // 100]:.0f} ms"
    )
    print("memory of the server, MiB, over time:", " ".join(f"{m:.0f}" for m in memory))
