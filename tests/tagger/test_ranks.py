"""`metagrad tag train --ranks 2`: the model that one rank trains."""

import subprocess
import sys

import numpy as np
from tests.distributed import starting

import metagrad as mg
from metagrad import distributed as dist
from metagrad.tagger import ranks
from metagrad.tagger.batches import encode
from metagrad.tagger.learning import answers, new_model
from metagrad.tagger.model import Settings
from metagrad.tagger.splits import Split
from metagrad.tagger.training import Recipe

WORDS = {"the": "D", "a": "D", "dog": "N", "cat": "N", "sees": "V", "hears": "V", "red": "A", "small": "A"}


def corpus(path):
    random = np.random.default_rng(0)
    sentences = [random.choice(list(WORDS), random.integers(1, 9)) for _ in range(60)]
    path.write_text("\n".join("".join(f"{word}\t{WORDS[word]}\n" for word in s) for s in sentences))
    return path


def line(folder, name, *more):
    return [
        sys.executable, "-m", "metagrad", "tag", "train", "--corpus", str(corpus(folder / "corpus.tsv")), "--hidden", "8",
        "--embedding", "8", "--dropout", "0", "--word-dropout", "0", "--letter-dropout", "0", "--epochs", "3", "--dev", "0.2",
        "--output", str(folder / f"{name}.safetensors"), "--report", str(folder / f"report-{name}"), *more,
    ]  # fmt: skip


def train(folder, name, *more):
    done = subprocess.run(
        line(folder, name, *more), env=starting.environment(), capture_output=True, text=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return mg.load(folder / f"{name}.safetensors"), done.stdout


def test_two_ranks_train_the_model_of_one(tmp_path):
    starting.need_mpi()
    one, _ = train(tmp_path, "one", "--batch-size", "7")
    two, said = train(tmp_path, "two", "--batch-size", "7", "--ranks", "2")
    assert one.keys() == two.keys() and (tmp_path / "report-two" / "report.html").exists()
    for name, expected in one.items():
        mg.testing.assert_close(two[name], expected, rtol=1e-3, atol=1e-4)
    assert said.count("[0] epoch") == 3 and "[1]" not in said


def test_a_training_on_two_ranks_goes_on(tmp_path):
    starting.need_mpi()
    whole, _ = train(tmp_path, "whole", "--ranks", "2", "--word-dropout", "0.3")
    own = line(tmp_path, "again", "--ranks", "2", "--word-dropout", "0.3")
    with subprocess.Popen(own, env=starting.environment(), stdout=subprocess.PIPE, text=True) as launcher:
        while "epoch   1" not in launcher.stdout.readline():
            assert launcher.poll() is None
        launcher.kill()
    again, _ = train(tmp_path, "again", "--ranks", "2", "--word-dropout", "0.3", "--resume")
    for name, expected in whole.items():
        np.testing.assert_array_equal(again[name].numpy(), expected.numpy())


def test_gradients_are_summed_though_only_the_rows_of_words_are_sent():
    rows = np.array([0, 1, 3])  # of the table of four words, those that the batch has

    def gradients(rank):
        table, layer = np.zeros((4, 2), np.float32), np.full((2, 3), 10.0**rank, np.float32)
        table[rows[rank % 3]] = rank + 1
        return table, layer

    def program(rank):
        dist.init_process_group("threads")
        parameters = [mg.nn.Parameter(mg.zeros(*a.shape)) for a in gradients(rank)]
        for p, a in zip(parameters, gradients(rank), strict=True):
            p.grad = mg.tensor(a)
        ranks.add_up([*parameters, mg.nn.Parameter(mg.ones(2))], {id(parameters[0]): rows})
        return [p.grad.numpy() for p in parameters]

    expected = [sum(each) for each in zip(*[gradients(rank) for rank in range(3)], strict=True)]
    for found in dist.run_threads(program, 3):
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def test_the_rows_are_those_of_the_batch_and_of_unknown_words():
    sentences = [[(word, WORDS[word])] for word in ("the", "dog", "cat")]
    model = new_model(Split(sentences, [], []), Settings(spelling=False, hidden=4, embedding=4), Recipe(), {})
    train = encode(sentences, model.lexicon, model.tags)
    assert [found.tolist() for found in ranks.rows_of(train, [0, 2])] == [
        [1, *sorted(model.lexicon.describe("the") + model.lexicon.describe("cat"))]
    ]


def test_ranks_share_the_sentences_to_judge():
    sentences = [
        [(word, WORDS[word]) for word in words.split()]
        for words in ("the dog", "a red cat sees", "the small dog hears a cat")
    ]
    model = new_model(Split(sentences, [], []), Settings(hidden=4, embedding=4), Recipe(), {})
    words = [[word for word, _ in sentence] for sentence in sentences]
    expected = answers(model, words)

    def program(rank):
        dist.init_process_group("threads")
        return ranks.shared_answers(model, words)

    for found in dist.run_threads(program, 2):
        for (tags, p), (own_tags, own_p) in zip(expected, found, strict=True):
            np.testing.assert_array_equal(own_tags, tags)
            np.testing.assert_allclose(own_p, p, rtol=1e-5)
