"""``metagrad tag train``: train a tagger, or go on with a training that was interrupted, and report on it."""

from __future__ import annotations

import argparse
import math
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from metagrad.base.optional import need
from metagrad.tagger import checkpoints
from metagrad.tagger.commands.options import (
    CORPUS_HELP,
    MODEL,
    REPORT,
    Help,
    add_file_options,
    folder_exists,
    load,
    require,
)
from metagrad.tagger.corpora import Corpus, default_corpus
from metagrad.tagger.learning import evaluate, learn
from metagrad.tagger.model import CELLS, LETTERS
from metagrad.tagger.presets import PRESETS, settings_and_recipe
from metagrad.tagger.report import summary, write_report
from metagrad.tagger.splits import Split, split
from metagrad.tagger.tagging import Model
from metagrad.tagger.training import OPTIMIZERS, SCHEDULES, Epoch, Trainer

Flag = argparse.BooleanOptionalAction


def add_to(commands: Any) -> None:
    """Add the command to a parser."""
    train = commands.add_parser("train", help="train a tagger and report on it", formatter_class=Help)
    train.set_defaults(run=run, trainer_type=Trainer, is_first=True, progress=progress, scaled=lambda recipe: recipe)
    train.add_argument(
        "--ranks", type=int, default=1, help="processes that share the batches, with MPI between them (metagrad launch)"
    )
    train.add_argument("--preset", choices=PRESETS, default="fast", help="network and training as a whole")
    train.add_argument("--corpus", help=f"{CORPUS_HELP}; without it the treebank if it can be had, else the sample")
    add_file_options(train)
    train.add_argument(
        "--dev", help="what to watch the training by: a share of the training sentences, which are then not learned from, "
        "or a corpus; 0 for nothing",
    )  # fmt: skip
    train.add_argument("--output", type=Path, default=Path(MODEL), help="where to write the model")
    train.add_argument("--report", type=Path, default=Path(REPORT), help="the folder to write the report into")
    train.add_argument("--resume", action="store_true", help="go on with the interrupted training of --output")
    train.add_argument("--vectors", type=Path, help="word vectors to begin with: a text file of word2vec's or GloVe's")
    train.add_argument("--tensorboard", type=Path, help="a folder to log to for TensorBoard")
    own = train.add_argument_group("in place of the preset's own")

    def option(name: str, help: str, **kind: Any) -> None:
        own.add_argument(f"--{name}", help=help, default=argparse.SUPPRESS, **kind)

    option("cell", "the recurrent layer", choices=CELLS)
    option("layers", "recurrent layers", type=int)
    option("hidden", "features of each layer and direction", type=int)
    option("embedding", "features of a word", type=int)
    option("bidirectional", "read both ways", action=Flag)
    option("spelling", "describe words by their endings, beginnings and shape too", action=Flag)
    option("letters", "what reads words letter by letter", choices=LETTERS)
    option("letter-features", "features of a word read so", type=int)
    option("crf", "choose the tags of a sentence together (a CRF)", action=Flag)
    option("frequency", "also learn to tell how frequent each word is (Plank et al. 2016)", action=Flag)
    option("members", "networks that differ by chance, whose opinions are averaged", type=int)
    option("shortcut", "the scores see the words themselves too", action=Flag)
    option("padded", "fill sentences up to the longest of their batch instead of packing them", action=Flag)
    option("dropout", "share of features dropped while training", type=float)
    option("variational", "drop the same features throughout a sentence", action=Flag)
    option("word-dropout", "share of words made unknown while training", type=float)
    option("letter-dropout", "share of letters made unknown while training", type=float)
    option("optimizer", "how the weights follow their gradient", choices=OPTIMIZERS)
    option("lr", "learning rate; without it the optimizer's usual one", type=float)
    option("schedule", "of the learning rate: constant, or linearly to 0", choices=SCHEDULES)
    option("averaging", "decay of a running average of the weights; 0 for none", type=float)
    option("label-smoothing", "share of a tag's probability given to all alike", type=float)
    option("batch-size", "sentences a step", type=int)
    option("epochs", "at the most", type=int)
    option("steps", "train on past the epochs until there were so many steps", type=int)
    option("patience", "epochs without improvement on --dev before it stops; 0 for never", type=int)
    option("seed", "the same seed gives the same model, to the bit", type=int)


OWN = (
    "cell layers hidden embedding bidirectional spelling letters letter_features crf frequency members shortcut padded "
    "dropout variational word_dropout letter_dropout label_smoothing optimizer lr schedule averaging batch_size epochs "
    "steps patience seed"
).split()


def progress(steps: Iterable[Any], count: int, title: str) -> Iterator[Any]:
    """A tqdm bar on standard error that goes away when it is full."""
    return iter(
        need("tqdm", "tagger").tqdm(steps, total=count, desc=title, leave=False, unit="batch", dynamic_ncols=True)
    )


def run(options: argparse.Namespace) -> int:
    """Train, write the model and the report, and say what to do next."""
    if options.ranks > 1 and options.trainer_type is Trainer:
        from metagrad.tagger import ranks

        return ranks.run(options, run)
    require(["tqdm", "matplotlib"], "tagger")
    folder_exists("--output", options.output)
    writer = tensorboard(options.tensorboard)
    checkpoint = checkpoints.checkpoint_of(options.output)
    resumed = options.resume and checkpoint.is_file()
    own = {name: getattr(options, name) for name in OWN if hasattr(options, name)}
    about: dict[str, Any]
    if resumed:
        written, recipe, _ = checkpoints.read_checkpoint(checkpoint)
        chosen, about = {**asdict(written.settings), **asdict(recipe), **own}, written.about
        preset, corpus_name, dev = about["preset"], options.corpus or about["path"], options.dev or about["dev"]
    else:
        if options.resume:
            print(f"There is no {checkpoint} to go on from: beginning anew.")
        elif checkpoint.is_file():
            print(
                f"Note: {checkpoint}, of a training that was not finished, will be replaced; --resume goes on with it."
            )
        chosen, preset, corpus_name, dev, about = own, options.preset, options.corpus, options.dev, {}
    settings, recipe = settings_and_recipe(preset, chosen)
    if not resumed and "batch_size" not in own:
        recipe = options.scaled(recipe)

    corpus, notice = find_corpus(corpus_name, options)
    print(notice)
    dev = str(PRESETS[preset].get("dev", 0) if dev is None else dev)
    parts = divide(corpus, dev, options)
    print(f"{len(parts.train):,} sentences to train, {len(parts.dev):,} held out to watch it by, "
          f"{len(parts.test):,} to test.")  # fmt: skip
    if not about:
        about = {
            "corpus": corpus.name, "path": corpus_name or corpus.name, "sentences": len(corpus.sentences),
            "preset": preset, "dev": dev, "finished": False, "tag_column": options.tag_column, **recipe.as_dict(),
        }  # fmt: skip

    model, trainer = learn(
        parts, settings, recipe, about, progress=options.progress, report=shown(writer, not resumed, settings, len(parts.train)),
        checkpoint=checkpoint, resume=resumed, keep=keeping(options.output), vectors=options.vectors,
        trainer_type=options.trainer_type,
    )  # fmt: skip
    if trainer.best is None:
        print("Stopped before the first epoch was over: nothing to keep.", file=sys.stderr)
        return 130
    if trainer.interrupted:
        print("Stopped; keeping what was best so far. The same command with --resume goes on.")
    if not options.is_first:  # the others have what rank 0 has
        return 0
    model.about["finished"] = not trainer.interrupted
    model.save(options.output)
    if not trainer.interrupted:
        checkpoint.unlink(missing_ok=True)

    scores, _ = evaluate(model, parts.test)
    print(f"\nEpoch {trainer.best.number}. Accuracy on the {len(parts.test):,} test sentences:")
    print(summary(scores))
    title = f"Part-of-speech tagger, trained on {corpus.source}"
    details = {"corpus": corpus.name, "settings": settings.as_dict(), "training": model.about}
    written_report = write_report(options.report, scores, title, details, trainer.history)
    if writer is not None:
        writer.add_scalar("test/accuracy", scores.overall.value or 0.0, trainer.best.number)
        writer.close()
    model_option = "" if str(options.output) == MODEL else f" --model {shlex.quote(str(options.output))}"
    print(f"\nModel: {options.output}\nReport: {written_report}")
    print(f'\nTry it:\n  metagrad tag predict{model_option} "Time flies like an arrow."')
    return 0


def find_corpus(name: str | None, options: argparse.Namespace) -> tuple[Corpus, str]:
    """The corpus named, or the one used by default; and a sentence about it."""
    if name is None:
        return default_corpus()
    corpus = load(name, options)
    return corpus, f"Using {corpus.source} ({len(corpus.sentences)} sentences)."


def divide(corpus: Corpus, dev: str, options: argparse.Namespace) -> Split:
    """The parts, with ``dev`` a share of the sentences to learn from, or another corpus."""
    try:
        share = float(dev)
    except ValueError:
        return replace(split(corpus, dev=0), dev=load(dev, options).sentences)
    return split(corpus, dev=share)


def keeping(output: Path) -> Callable[[Model, Trainer], None]:
    """What writes the model after every epoch, unless a finished one is there: that is only replaced by a finished one."""
    finished = output.is_file()
    if finished:
        try:
            finished = Model.load(output).about.get("finished", True)
        except ValueError:
            finished = True  # not ours: nothing is touched before there is something to put in its place

    def keep(model: Model, trainer: Trainer) -> None:
        if not finished:
            model.save(output, trainer.kept)

    return keep


def shown(writer: Any, is_new: bool, settings: Any, sentences: int) -> Callable[[Epoch, bool], None]:
    """What prints, and logs, an epoch."""
    print(f"{'Training' if is_new else 'Going on with the training of'} {settings.summary} ...")

    def show(epoch: Epoch, is_kept: bool) -> None:
        watched = ""
        if not math.isnan(epoch.dev_accuracy):
            watched = (
                f"   held out: loss {epoch.dev_loss:.4f}, accuracy {epoch.dev_accuracy:.4f}{' *' if is_kept else '  '}"
            )
        print(f"epoch {epoch.number:>3}   loss {epoch.train_loss:.4f}{watched}   {epoch.seconds:.1f} s", flush=True)
        if writer is not None:
            values = {
                "train/loss": epoch.train_loss, "train/rate": epoch.rate, "train/seconds": epoch.seconds,
                "dev/loss": epoch.dev_loss, "dev/accuracy": epoch.dev_accuracy,
            }  # fmt: skip
            for name, value in values.items():
                if not math.isnan(value):
                    writer.add_scalar(name, value, epoch.number)
            writer.flush()

    return show


def tensorboard(folder: Path | None) -> Any:
    """What logs for TensorBoard, or None."""
    if folder is None:
        return None
    return need("tensorboardX", "tensorboard").SummaryWriter(str(folder))
