"""Command lines that cannot work: refused before anything is trained or written, with what is wrong, and without a traceback."""

import bz2
import gzip
import lzma
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from metagrad import cli
from metagrad.tagger import Tagger
from metagrad.tagger.commands import train as training

WORDS = [("1", "the", "DET", "_"), ("2", "dog", "NOUN", "Number=Sing")]
CONLLU = "".join(
    "".join(f"{n}\t{w}\t_\t{u}\t_\t{f}" + "\t_" * 4 + "\n" for n, w, u, f in WORDS) + "\n" for _ in range(30)
)
PAIRS = "Café_NN dog_NN\n" * 20
FILES = {
    "c.conllu": CONLLU.encode(), "c.iob": b"EU B-ORG\nrejects O\n\n" * 30, "no.iob": b"EU X\nrejects Y\n\n" * 30,
    "u16.txt": PAIRS.encode("utf-16"), "u16le.txt": PAIRS.encode("utf-16-le"), "u16be.txt": PAIRS.encode("utf-16-be"),
    "u32.txt": PAIRS.encode("utf-32"), "latin.txt": PAIRS.encode("latin-1"), "zeros": b"a_b\0" + b"c" * 50,
    "cut.gz": gzip.compress(CONLLU.encode())[:60], "cut.bz2": bz2.compress(CONLLU.encode())[:-9],
    "cut.xz": lzma.compress(CONLLU.encode())[:-9], "z.zip": b"PK\x03\x04", "empty": b"", "prose": b"No tags at all here.\n" * 9,
}  # fmt: skip

REFUSED = {
    "train --hidden 0": "hidden must be at least 1", "train --hidden 99999999": "not enough memory",
    "train --layers 100000": "layers must be at most 100", "train --members 101": "members must be at most 100",
    "train --letter-features -5": "letter_features must be at least 1", "train --ranks 0": "--ranks must be at least 1",
    "train --seed 18446744073709551616": "below 2**63", "train --seed -1": "the seed", "train --lr inf": "finite",
    "train --lr nan": "positive", "train --dropout nan": "dropout must be", "train --dev 1.5": "dev is a share",
    "train --test nan": "test is a share", "train --test nowhere": "nothing there", "train --dev nowhere": "nothing there",
    "train --output c.conllu": "would be lost", "train --output .": "is a folder", "train --output nowhere/m": "does not exist",
    "train --report c.conllu": "is a file", "train --report model/x": "cannot be written",
    "train --tensorboard c.conllu": "--tensorboard", "train --vectors nowhere": "nowhere",
    "train --tag-column UPOS,nosuch": "a column of CoNLL-U", "train --tag-column UPOS,UPOS": "different ones",
    "train --tag-column ''": "a column of CoNLL-U", "train --columns word": "columns such as", "train --separator _": "separator",
    "train --format jsonl": "line 1", "train --format trees": "in brackets", "train --task spans": "tags of spans",
    "train --task spans --scheme BIO": "tags of spans", "train --patience 3": "add --dev", "train --tag-column FORM": "nor FORM",
    "train --columns FORM,UPOS --tag-column FEATS": "say where the tags are",
    "train --scheme BIO": "add --task spans", "train --tag-column UPOS,FEATS --crf": "one column",
    "train --corpus ''": "got ''", "train --corpus nowhere": "nothing there", "train --corpus 'no*such'": "nothing there",
    "train --corpus u16.txt": "UTF-16 text", "train --corpus u16le.txt": "UTF-16 text", "train --corpus u16be.txt": "UTF-16",
    "train --corpus u32.txt": "UTF-32 text", "train --corpus latin.txt": "line 1: expected UTF-8 text, got the byte 0xe9",
    "train --corpus zeros": "binary data", "train --corpus cut.gz": "damaged", "train --corpus cut.bz2": "damaged",
    "train --corpus cut.xz": "damaged", "train --corpus z.zip": "a ZIP archive", "train --corpus empty": "without any",
    "train --corpus prose": "line 1", "train --corpus no.iob --task spans": "got 'X'", "train --corpus model": "binary data",
    "predict --model nowhere x": "no model file", "predict --model c.conllu x": "c.conllu", "predict --model . x": "no model file",
    "predict --file nowhere": "nowhere", "predict --file .": "Is a directory", "predict --file u16.txt": "expected UTF-8",
    "predict --file cut.gz --conllu": "damaged", "predict x --file c.conllu": "not both", "predict --conllu x": "command line",
    "predict --conllu --json --file c.conllu": "leave out --json", "predict --tag-column UPOS x": "add --conllu",
    "predict --conllu --tag-column ID --file c.conllu": "neither ID nor FORM",
    "predict --conllu --tag-column UPOS,FEATS --file c.conllu": "tags of 1 column",
    "predict --to-conllu --tag-column UPOS,FEATS x": "tags of 1 column",
    "evaluate --corpus nowhere": "nothing there", "evaluate --corpus u16.txt": "UTF-16", "evaluate --errors -1": "at least 0",
    "evaluate --corpus c.conllu --report c.conllu": "is a file", "evaluate --corpus c.conllu --against nowhere": "no model file",
    "export --output .": "is a folder", "export --output nowhere/x": "does not exist", "export --output model": "would be lost",
    "serve --port -1": "between 0 and 65535", "serve --port 65536": "between 0 and 65535", "serve --max-words 0": "at least 1",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lines")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    Tagger.train([[("the", "DET"), ("dog", "NOUN")]] * 8, epochs=1, hidden=4, embedding=4).save(folder / "model")
    return folder


@pytest.mark.parametrize("line", REFUSED)
def test_a_line_that_cannot_work_is_refused_at_once(line, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    trainer = training.learn

    def learn(*arguments, **options):
        if "99999999" not in line and "vectors" not in line:
            pytest.fail("the training began")
        return trainer(*arguments, **options)

    monkeypatch.setattr(training, "learn", learn)
    command, *rest = shlex.split(line)
    given = {
        "train": ["--report", "r"] if "--report" not in line else [],
        "predict": [],
        "evaluate": [],
        "export": [],
        "serve": [],
    }
    if command == "train":
        rest += ([] if "--corpus" in line else ["--corpus", "c.conllu"]) + (
            [] if "--output" in line else ["--output", "o"]
        )
    elif "--model" not in line:
        rest += ["--model", "model"]
    assert cli.main(["tag", command, *rest, *given[command]]) == 1
    message = capsys.readouterr().err
    assert REFUSED[line] in message and "Traceback" not in message, message
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def process(folder, line, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "metagrad", "tag", *shlex.split(line)], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, preexec_fn=heed_ctrl_c, **options,
    )  # fmt: skip


def heed_ctrl_c():
    """A shell's job in the background ignores Ctrl-C, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("seconds", [0, 0.05, 0.2, 0.5, 2.0])
def test_ctrl_c_ends_a_training_with_130_whenever_it_comes(folder, tmp_path, seconds):
    pytest.importorskip("tqdm", reason="needs the extra tagger")
    line = f"train --corpus c.conllu --hidden 8 --epochs 100000 --output {tmp_path / 'm'} --report {tmp_path / 'r'}"
    running = process(folder, line, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert "Using the file" in running.stdout.readline()
    time.sleep(seconds)
    running.send_signal(signal.SIGINT)
    try:
        _, err = running.communicate(timeout=120)
    finally:
        running.kill()
    assert running.returncode == 130 and "Traceback" not in err, err


def test_ctrl_c_where_no_exception_can_be_raised_is_heeded_later_and_no_traceback():
    program = """
import os, signal
from metagrad.base import interrupts
interrupts.watch()
class Cleaned:
    def __init__(self, error): self.error = error
    def __del__(self): os.kill(os.getpid(), signal.SIGINT) if self.error is None else self.fail()
    def fail(self): raise self.error
Cleaned(ValueError("mine"))
interrupts.check()
Cleaned(None)
print("came")
try: interrupts.check()
except KeyboardInterrupt: print("heeded")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, preexec_fn=heed_ctrl_c)
    assert done.stdout.split() == ["came", "heeded"], done
    assert "ValueError: mine" in done.stderr and "KeyboardInterrupt" not in done.stderr


def test_ctrl_c_while_text_is_waited_for(folder):
    running = process(folder, "predict --model model --lines", stdin=subprocess.PIPE)
    running.stdin.write("the dog\n")
    running.stdin.flush()
    assert running.stdout.readline().count("/") == 2
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130 and "Traceback" not in err, err


def test_a_reader_that_leaves_is_nothing_to_complain_of(folder, tmp_path):
    (tmp_path / "big.conllu").write_text(CONLLU * 400, encoding="utf-8")
    running = process(folder, f"predict --model model --conllu --file {tmp_path / 'big.conllu'}")
    assert running.stdout.read(6) == CONLLU[:6]
    running.stdout.close()
    err = running.stderr.read()
    assert running.wait(timeout=60) == 0 and "Traceback" not in err and "Exception" not in err, err
    running.stderr.close()
