"""Fitting: the ladder on labelled texts, going on with it, distillation, and learning rates."""

import inspect
import os
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headway.api.climbing import Climbing, Fetch
from headway.api.folders import new_folder, require_alone
from headway.bundle.run import RECORD_FILE, Run
from headway.core import device as machine
from headway.core.errors import FetchError, RunError, UsageError
from headway.core.progress import Progress, Silent

if TYPE_CHECKING:
    from headway.ladder.plan import Plan
    from headway.ladder.preparation import Prepared
    from headway.training.range_test import RangeTest


def fit(
    data: Any | None = None,
    *,
    text: str | Sequence[str] | None = None,
    label: str | None = None,
    task: str | None = None,
    test: Any | None = None,
    model: str | Path | None = None,
    student: str | Path | int | None = None,
    unlabelled: str | Path | None = None,
    vectors: str | Path | None = None,
    language_model: str | Path | Sequence[str | Path] | None = None,
    recipe: Mapping[str, Any] | None = None,
    metric: str | None = None,
    rungs: str | Sequence[str] | None = None,
    budget: str | float = "10m",
    tolerance: float = 1.0,
    seed: int = 0,
    out: str | Path | None = None,
    fetch: Fetch = None,
    refit: bool = True,
    device: str | None = None,
    max_rows: int = 100_000,
    drop_limit: float = 5.0,
    drop_rare: bool = False,
    resume: str | Path | None = None,
    allow_inexact: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Climb the ladder on labelled texts, pairs of texts, or pictures, and return the finished run.

    Arguments:
        data, test: paths (CSV, TSV, JSONL, Parquet, SQuAD's JSON) or data frames; or pictures: a folder of class
            folders, with or without train and test above them, a zip file of such, a table of paths. ``test`` replaces
            the held-out rows.
        text, label: the columns; inferred and said when left out. Two names in ``text`` make pairs of texts.
        task: "classes", "numbers", "labels" (several a row) or "answers" (to questions on contexts); recognised from
            the data and said when left out.
        model: the pretrained encoder: a name in the zoo, or a folder in a published layout, such as `pretrain` makes;
            minilm for texts and mobilenet-v2 for pictures when left out.
        student: what the distilled rung teaches: so many layers of the model (half of them when left out), or another
            model as ``model`` names one.
        unlabelled: a table or a .txt file with texts that it is taught on as well, word vectors are trained on, and
            the rung ulmfit tunes its language model on.
        vectors: word vectors for the rung of that name in their place: a file (word2vec, GloVe, fastText with its
            subwords, safetensors), a folder that `headway vectors train` made, or a name of the zoo.
        language_model: what the rung ulmfit tunes: an AWD-LSTM of the zoo, or in a folder (fastai's published wt103, or
            what `pretrain` made); of several, such as a forward and a backward one, the ensemble. awd-tiny when left
            out.
        recipe: settings of fine-tuning that are not to be chosen by the rows, by the names of
            `headway.training.settings.TrainingSettings`: {"epochs": 5, "layer_decay": 0.9}; for pictures those of
            `headway.training.picture_settings.PictureSettings` too: {"side": 160, "augmentation": "strong"}.
        metric: "accuracy" or "macro-f1", by the class balance when left out; of numbers "pearson" or "spearman".
        rungs: names, or "all"; when left out, those of the usual ones whose estimates fit ``budget``.
        budget: seconds, or "90s", "5m", "1h", for all rungs together.
        tolerance: points (of 100) by which a cheaper rung that ships may be worse.
        out: the run folder; beside nothing else, ``<data>-run`` in the working folder.
        fetch: whether to fetch missing weights: True, False (never open a connection), or a function that is asked;
            None skips the rungs that need them and says how to fetch.
        refit: train the rung that ships again on all rows.
        max_rows: a stratified sample of this many rows is used when there are more.
        drop_limit: percent of the rows that may lack a text or a label.
        resume: the folder of a run that did not finish: go on where it stood, as its plan says. Nothing else is given
            with it but ``fetch``, ``allow_inexact`` and, where the run was made from a data frame, that one again.
        allow_inexact: go on although processor, threads or versions are not what they were.

    A run that fails or is interrupted keeps what was finished, unless that is nothing, and says how to go on.
    Raises HeadwayError: DataError, UsageError, WeightsError, FetchError, ResourceError, TrainingError, RunError.
    """
    asked = dict(locals())
    progress = progress or Silent()
    if resume is not None:
        return _resume(Path(resume), asked, progress)
    if data is None:
        raise UsageError("no data given", where="data", remedy="Give a table, or --resume and a run folder.")
    from headway.ladder.preparation import Options

    wanted = Options(**{name: _plain(asked[name]) for name in Options.__dataclass_fields__})
    wanted.check()
    stem = Path(data).name.split(".")[0] if isinstance(data, str | Path) else "frame"
    climbing = Climbing(new_folder(out, f"{stem}-run"), fetch, progress)
    prepared = wanted.prepare(progress)
    prepared = replace(prepared, plan=replace(prepared.plan, command=_command(data, asked)))
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return _fit_together(prepared, climbing)
    return climbing.begin(prepared)


def distill(
    run: str | Path,
    *,
    layers: int | None = None,
    student: str | Path | None = None,
    unlabelled: str | Path | None = None,
    out: str | Path | None = None,
    fetch: Fetch = None,
    progress: Progress | None = None,
) -> Run:
    """Teach a small student what a run's fine-tuned encoder knows, and return a new run that compares the two.

    Arguments:
        run: a finished run; its data, model and settings are taken from its plan.
        layers: how many of the model's layers the student has (half of them when left out).
        student: another model in their place, as ``fit`` names one.
        unlabelled: a table or a .txt file with texts that the student is taught on as well.
        out: the new run folder; ``<run>-distilled`` when left out.

    The teacher is trained again on the training rows only, from the same seed, since what the run ships may have
    learned from the held-out rows. Raises what `fit` does.
    """
    from headway.ladder.plan import Plan
    from headway.ladder.preparation import Options

    if layers is not None and student is not None:
        raise UsageError("give one of them", where="--layers, --student")
    source = Path(run)
    Run.open(source)
    plan = Plan.load(source)
    wanted = Options.restored(plan, None, None)
    plan.require_same_data(wanted.hashes(), source)
    options = vars(wanted) | {
        "rungs": ("distilled", "finetuned"),
        "student": student if layers is None else layers,
        "unlabelled": unlabelled,
    }
    folder = new_folder(out, f"{source.name}-distilled")
    return fit(**options, out=folder, fetch=fetch, progress=progress)


def learning_rates(
    data: Any,
    *,
    text: str | None = None,
    label: str | None = None,
    model: str | Path = "minilm",
    recipe: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str | None = None,
    progress: Progress | None = None,
) -> "RangeTest":
    """Try rising learning rates on the training rows of a table in one short run, for ``fit``'s recipe.

    The arguments are those of `fit`; the model's weights must be cached. Raises DataError, UsageError, FetchError.
    """
    from headway.ladder.encoder_training import FineTuning
    from headway.ladder.intake import Intake, take_in

    progress = progress or Silent()
    rows, _ = take_in(Intake(data=data, text=text, label=label, seed=seed), progress)
    if rows.examples.task == "answers":
        raise UsageError("rates are tried on texts with labels, and these are questions", where="data")
    training = rows.examples.take(rows.parts[0].train)
    return FineTuning(str(model), machine.choose_device(device), recipe).try_rates(training, seed, progress)


def _resume(folder: Path, asked: dict[str, Any], progress: Progress) -> Run:
    """Go on with a run that did not finish."""
    from headway.ladder.plan import PLAN_FILE, Plan

    climbing = Climbing(folder, asked["fetch"], progress)
    frames = {name for name in ("data", "test") if not isinstance(asked[name], str | Path)}
    require_alone(fit, asked, {"resume", "fetch", "allow_inexact", "progress", *frames}, "fit", "data")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError(
            "a run is resumed in one process",
            where="--resume",
            remedy="Resume without torchrun, and with --allow-inexact where it began in several.",
        )
    if not climbing.kept.folder.is_dir():
        run = Run.open(folder)  # says what is wrong where it did not finish
        progress.say(f"{folder}: this run is finished")
        return run
    with climbing.kept.held():
        if not (folder / PLAN_FILE).is_file():
            raise RunError(
                "was ended before its plan stood",
                where=str(folder),
                remedy="Remove it and make the run again: nothing was trained yet.",
            )
        prepared = _prepared_again(Plan.load(folder), climbing, asked)
        # an interrupted climb's record goes: the run is unfinished until it is written again
        (folder / RECORD_FILE).unlink(missing_ok=True)
        with climbing.left_resumable():
            return climbing.climb(prepared)


def _prepared_again(plan: "Plan", climbing: Climbing, asked: dict[str, Any]) -> "Prepared":
    """Prepare a run as its plan says; raises where data, machine or weights are not what they were."""
    from headway.ladder.preparation import Options, require_same_machine

    wanted = Options.restored(plan, asked["data"], asked["test"])
    require_same_machine(plan, wanted.device, asked["allow_inexact"], climbing.progress)
    plan.require_same_data(wanted.hashes(), climbing.folder)
    prepared = wanted.prepare(climbing.progress)
    plan.require_same_data(prepared.plan.hashes, climbing.folder)
    tried = {decision.rung for decision in plan.decisions if decision.tried}
    lacking = climbing.missing_weights([rung for rung in prepared.rungs if rung.name in tried])
    if lacking:
        raise FetchError("weights of this run are no longer cached", where="; ".join(lacking.values()))
    return replace(prepared, plan=plan)


def _fit_together(prepared: "Prepared", climbing: Climbing) -> Run:
    """Climb in the processes that torchrun started, which see one file system: the first one writes and is watched.

    The others go the same way in a temporary folder; the encoder's fine-tuning is shared out among all.
    """
    from headway.ladder.plan import Plan
    from headway.training.processes import Processes

    with Processes.joining() as processes:
        processes.wait()  # all have found the same folder's name free
        if processes.rank == 0:
            with climbing.new_folder():
                prepared = climbing.decided(prepared)
                processes.wait()
                climbing.climb(prepared)
        else:
            processes.wait()
            planned = replace(prepared, plan=Plan.load(climbing.folder))
            with tempfile.TemporaryDirectory() as name:
                follower = Climbing(Path(name), climbing.fetch, Silent())
                with follower.kept.held():
                    follower.climb(planned)
    return Run.open(climbing.folder)


def _plain(value: Any) -> Any:
    """Return paths as words, also those in a list."""
    if isinstance(value, list | tuple):
        return tuple(_plain(one) for one in value)
    return str(value) if isinstance(value, Path) else value


_NO_PART_OF_A_RUN = {"data", "progress", "fetch", "out", "resume", "allow_inexact"}


def _command(data: Any, options: dict[str, Any]) -> str:
    """Return the command line that makes the same run: the options that differ from their defaults."""
    words = ["headway", "fit", str(data) if isinstance(data, str | Path) else "DATA"]
    for name, parameter in inspect.signature(fit).parameters.items():
        value = options[name]
        if name in _NO_PART_OF_A_RUN or value == parameter.default:
            continue
        option = name.replace("_", "-")
        if name == "recipe":
            words += [word for key, setting in value.items() for word in ("--set", f"{key}={setting}")]
        elif name == "text" and not isinstance(value, str):
            words += [word for column in value for word in ("--text", str(column))]
        elif name == "language_model" and not isinstance(value, str | Path):
            words += [word for model in value for word in ("--language-model", str(model))]
        elif isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words += [f"--{option}", ",".join(value) if isinstance(value, list | tuple) else str(value)]
    return shlex.join(words)
