"""``metagrad tag train``: train a tagger, or go on with a training that was interrupted, and report on it."""

from __future__ import annotations

import argparse
import math
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    load,
    remove_leftovers,
    replaceable,
    require,
    writable,
)
from metagrad.tagger.commands.parts import divide, example, judged, what_is_held_out
from metagrad.tagger.corpora import Corpus, default_corpus
from metagrad.tagger.curve import as_text, learning_curve
from metagrad.tagger.learning import answers, evaluate, learn
from metagrad.tagger.presets import PRESETS, SPAN_STEPS, for_spans, settings_and_recipe
from metagrad.tagger.report import summary, write_report
from metagrad.tagger.settings import CELLS, LETTERS
from metagrad.tagger.spans import LEARNED, SCHEMES, converted, scheme_of
from metagrad.tagger.splits import Split
from metagrad.tagger.tagset import TAB
from metagrad.tagger.trained import Model
from metagrad.tagger.training import OPTIMIZERS, SCHEDULES, Epoch, Trainer

SPAN_COLUMNS = ("NER", "CHUNK")
Flag = argparse.BooleanOptionalAction


def add_to(commands: Any) -> None:
    """Add the command to a parser."""
    train = commands.add_parser("train", help="train a tagger and report on it", formatter_class=Help)
    train.set_defaults(
        run=run, trainer_type=Trainer, is_first=True, progress=progress, scaled=lambda recipe: recipe, answer=answers
    )
    train.add_argument(
        "--ranks", type=int, default=1, help="processes that share the batches, with MPI between them (metagrad launch)"
    )
    train.add_argument("--preset", choices=PRESETS, default="fast", help="network and training as a whole")
    train.add_argument("--corpus", help=f"{CORPUS_HELP}; without it the treebank if it can be had, else the sample")
    add_file_options(train, "in CoNLL-U by default XPOS if every word has one, else UPOS")
    train.add_argument(
        "--dev", help="what to watch the training by: a share of the training sentences, which are then not learned from, "
        "or a corpus; 0 for nothing",
    )  # fmt: skip
    train.add_argument(
        "--test", help="what to report on: a share of the sentences, which are then not learned from, or a corpus; 0 for nothing; "
        "without it what the corpus's protocol says or a fifth, or nothing if --dev is a corpus",
    )  # fmt: skip
    train.add_argument(
        "--task", choices=("tags", "spans"), default="tags",
        help="a tag for each word, or spans of words such as names and chunks: tags in BIO, BIOES or IOB1, scored span by span",
    )  # fmt: skip
    train.add_argument("--scheme", choices=SCHEMES, help="of spans, in the answers; by default the corpus's own")
    train.add_argument("--output", type=Path, default=Path(MODEL), help="where to write the model")
    train.add_argument("--report", type=Path, default=Path(REPORT), help="the folder to write the report into")
    train.add_argument("--resume", action="store_true", help="go on with the interrupted training of --output")
    train.add_argument("--vectors", type=Path, help="word vectors to begin with: a text file of word2vec's or GloVe's")
    train.add_argument(
        "--learning-curve",
        action="store_true",
        help="train on parts of the sentences too, and say what more of them would bring",
    )
    train.add_argument("--tensorboard", type=Path, help="a folder to log to for TensorBoard")
    own = train.add_argument_group("in place of the preset's own")

    def option(name: str, help: str, **kind: Any) -> None:
        own.add_argument(f"--{name}", help=help, default=argparse.SUPPRESS, **kind)

    option("cell", "the recurrent layer, or none for a linear model of the words about", choices=CELLS)
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
    """A tqdm bar on standard error that goes away when it is full; none where nobody watches it."""
    if sys.stderr is None or not sys.stderr.isatty():
        return iter(steps)
    return iter(
        need("tqdm", "tagger").tqdm(steps, total=count, desc=title, leave=False, unit="batch", dynamic_ncols=True)
    )


def run(options: argparse.Namespace) -> int:
    """Train, write the model and the report, and say what to do next."""
    if options.ranks > 1 and options.trainer_type is Trainer:
        from metagrad.tagger import ranks

        return ranks.run(options, run)
    if options.ranks < 1:
        raise ValueError(f"--ranks must be at least 1, got {options.ranks}")
    if options.scheme is not None and options.task != "spans" and not options.resume:
        raise ValueError(f"--scheme {options.scheme} is of spans: add --task spans, or leave it out")
    require(["tqdm"], "tagger")
    writable("--output", options.output)
    replaceable("--output", options.output)
    writable("--report", options.report, is_folder=True)
    if options.tensorboard is not None:
        writable("--tensorboard", options.tensorboard, is_folder=True)
    remove_leftovers(options.output.parent)
    writer = tensorboard(options.tensorboard)
    checkpoint = checkpoints.checkpoint_of(options.output)
    resumed = options.resume and checkpoint.is_file()
    own = {name: getattr(options, name) for name in OWN if hasattr(options, name)}
    about: dict[str, Any]
    if resumed:
        written, recipe, _ = checkpoints.read_checkpoint(checkpoint)
        chosen, about = {**asdict(written.settings), **asdict(recipe), **own}, written.about
        preset, corpus_name, dev = about["preset"], options.corpus or about["path"], options.dev or about["dev"]
        test = options.test or about.get("test")
    else:
        if options.resume and is_finished(options.output):
            print(
                f"There is nothing to go on with: the training of {options.output} is over. Without --resume a new one begins."
            )
            return 0
        if options.resume:
            print(f"There is no {checkpoint} to go on from: beginning anew.")
        elif checkpoint.is_file():
            print(
                f"Note: {checkpoint}, of a training that was not finished, will be replaced; --resume goes on with it."
            )
        chosen, preset, corpus_name, dev, test, about = (
            own,
            options.preset,
            options.corpus,
            options.dev,
            options.test,
            {},
        )
    settings, recipe = settings_and_recipe(preset, chosen)
    if not resumed and "batch_size" not in own:
        recipe = options.scaled(recipe)

    spans = options.task == "spans" or "scheme" in about
    if spans and "crf" not in own and not resumed:
        settings = replace(settings, crf=settings.members == 1)
    if spans and not resumed:
        recipe = for_spans(recipe, own)
    corpus, notice = find_corpus(corpus_name, options, about.get("tag_column") or (SPAN_COLUMNS if spans else None))
    print(notice)
    if corpus.constant:
        print(f"Warning: {corpus.constant}", file=sys.stderr)
    dev = str(PRESETS[preset].get("dev", 0) if dev is None else dev)
    parts = divide(corpus, dev, test, options)
    if own.get("patience") and not parts.dev:
        raise ValueError(
            f"--patience {own['patience']} watches what is held out, and nothing is: add --dev 0.1, or a corpus"
        )
    if spans:
        own_scheme = scheme_of([[tag for _, tag in s] for s in parts.train])  # refuses what are no spans
        scheme = options.scheme or about.get("scheme") or own_scheme
        learned = about.get("learned_scheme", scheme) if resumed else LEARNED
        parts = Split(*(converted(part, learned) for part in (parts.train, parts.dev, parts.test, parts.calibration)))
        print(f"Spans in the scheme {scheme}{f', learned as {learned}' * (learned != scheme)}.")
    if TAB in parts.train[0][0][1]:
        if own.get("crf"):
            raise ValueError(
                f"--crf chooses the tags of one column, and {corpus.column} are several: leave one of them out"
            )
        settings = settings.without_crf()
    print(what_is_held_out(parts))
    if "epochs" in own and PRESETS[preset].get("steps") and not recipe.steps:
        least = SPAN_STEPS if spans else PRESETS[preset]["steps"]
        print(f"{recipe.epochs} epochs, however few steps they are: without --epochs there would be {least} "
              "steps or more.")  # fmt: skip
    if not about:
        about = {
            "corpus": corpus.name, "path": corpus_name or corpus.name, "sentences": len(corpus.sentences),
            "preset": preset, "options": own, "dev": dev, "test": test, "finished": False, "tag_column": corpus.column,
            "format": corpus.format, "columns": options.columns, "separator": options.separator,
            **({"scheme": scheme, "learned_scheme": learned} if spans else {}), **recipe.as_dict(),
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
    what, sentences = judged(parts)
    sentences = converted(sentences, scheme) if spans else sentences
    if not options.is_first:  # the others have what rank 0 has, and help to judge it
        evaluate(model, sentences, options.answer)
        return 0
    model.about["finished"] = not trainer.interrupted
    model.about["example"] = example(sentences)
    if trainer.interrupted and is_finished(options.output):
        print(f"{options.output}, of a training that was finished, is left as it is.")
        return 130
    model.save(options.output)
    if not trainer.interrupted:
        checkpoint.unlink(missing_ok=True)

    scores, _ = evaluate(model, sentences, options.answer)
    print(f"\nEpoch {trainer.best.number}. Accuracy on the {len(sentences):,} {what}:")
    print(summary(scores))
    title = f"Part-of-speech tagger, trained on {corpus.source}"
    details = {"corpus": corpus.name, "settings": settings.as_dict(), "training": model.about}
    written_report = write_report(options.report, scores, title, details, trainer.history)
    if writer is not None:
        writer.add_scalar("test/accuracy", scores.overall.value or 0.0, trainer.best.number)
        writer.close()
    if options.learning_curve and not trainer.interrupted:
        print("\nLearning curve:", flush=True)
        print(as_text(learning_curve(parts, settings, recipe, about, scores.main)))
    model_option = "" if str(options.output) == MODEL else f" --model {shlex.quote(str(options.output))}"
    print(f"\nModel: {options.output}\nReport: {written_report}")
    print(f"\nTry it:\n  metagrad tag predict{model_option} {shlex.quote(example(sentences))}")
    return 130 if trainer.interrupted else 0


def find_corpus(
    name: str | None, options: argparse.Namespace, prefer: str | Sequence[str] | None
) -> tuple[Corpus, str]:
    """The corpus named, or the one used by default; and a sentence about it."""
    if name is None:
        return default_corpus()
    corpus = load(name, options, prefer)
    return corpus, corpus.notice


def keeping(output: Path) -> Callable[[Model, Trainer], None]:
    """What writes the model after every epoch, unless a finished one is there: that is only replaced by a finished one."""
    finished = is_finished(output)

    def keep(model: Model, trainer: Trainer) -> None:
        if not finished:
            model.save(output, trainer.kept)

    return keep


def is_finished(output: Path) -> bool:
    """Whether a file is there that is not the model of an interrupted training."""
    try:
        return output.is_file() and bool(Model.load(output).about.get("finished", True))
    except ValueError:
        return True  # not ours: nothing is touched before there is something to put in its place


def shown(writer: Any, is_new: bool, settings: Any, sentences: int) -> Callable[[Epoch, bool], None]:
    """What prints, and logs, an epoch."""
    print(f"{'Training' if is_new else 'Going on with the training of'} {settings.summary} ...")

    def show(epoch: Epoch, is_kept: bool) -> None:
        print(epoch.line(is_kept), flush=True)
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
