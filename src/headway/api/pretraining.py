"""Pretraining: a network on plain text or line pairs, and going on with it.

While it goes on, what it needs to go on after a kill lies beside the folder that it makes, in `FOLDER-unfinished`:
`plan.json`, checkpoints, a lock, and in the end the folder itself, which appears whole.
"""

import inspect
import shutil
from pathlib import Path
from typing import Any

from headway.api.folders import new_folder, require_alone
from headway.core import device as machine
from headway.core.errors import RunError, UsageError
from headway.core.files import disk_errors, exclusive, read_json, sweep, write_json
from headway.core.progress import Progress, Silent

_PLAN, _MADE, _CHECKPOINTS = "plan.json", "made", "checkpoints"


def pretrain(
    corpus: str | Path | None = None,
    *,
    arch: str = "bert",
    size: str = "tiny",
    vocabulary: str | Path | None = None,
    cased: bool = False,
    backward: bool = False,
    optimizer: str = "adamw",
    epochs: int = 10,
    seed: int = 0,
    out: str | Path | None = None,
    device: str | None = None,
    resume: str | Path | None = None,
    allow_inexact: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Pretrain a network on plain text or line pairs; return the folder with it, which ``fit`` takes as its model.

    Arguments:
        corpus: a text file, or a folder of .txt files, each a document; its last lines are held out to measure by.
            For a transformer each line is a pair: source, tab, target; the pairs of some sources are held out.
        arch, size: "awd-lstm", "bert", "elmo", "gpt2", "t5" or "transformer"; "tiny", "mini" or "small".
        vocabulary: a published vocabulary; made from the corpus when left out. For bert a `vocab.txt`, for t5 a
            `spiece.model`, else a `vocab.json` (with `merges.txt` beside it); for each its `tokenizer.json`.
        cased: keep capital letters in a BERT's or an AWD-LSTM's vocabulary that is made here, and a BERT's accents; the
            others do.
        backward: train an AWD-LSTM to read texts from their end, for the rung ulmfit.
        optimizer: "adamw", or for an AWD-LSTM "nt-asgd": plain steps, averaged once validation gets no better.
        epochs: how many times the corpus is gone through.
        out: the folder to make; ``<corpus>-<arch>-<size>`` in the working folder when left out.
        resume: the folder that a pretraining which did not finish was to make: go on where it stood, to the same bytes.
            Nothing else is given with it but ``allow_inexact``.
        allow_inexact: go on although processor, threads or versions are not what they were.

    The estimate of its time is said to ``progress`` before the first step; what came out stands in the folder's
    ``pretraining.json``.
    Raises HeadwayError: UsageError, DataError, TrainingError, ResourceError, RunError (the folder is there already).
    """
    options = {
        name: value for name, value in locals().items() if name in inspect.signature(pretrain).parameters
    }
    progress = progress or Silent()
    if resume is not None:
        require_alone(pretrain, options, {"resume", "allow_inexact", "progress"}, "pretrain", "corpus")
        return _resume(Path(resume), allow_inexact, progress)
    if corpus is None:
        raise UsageError("no corpus given", where="corpus", remedy="Give one, or --resume and a folder.")
    from headway.training.pretraining import Order, check

    order = Order(
        corpus=Path(corpus).absolute(),
        architecture=arch,
        size=size,
        vocabulary=None if vocabulary is None else Path(vocabulary).absolute(),
        cased=cased,
        backward=backward,
        optimizer=optimizer,
        epochs=epochs,
        seed=seed,
    )
    check(order)
    folder = new_folder(out, f"{order.corpus.name.split('.')[0]}-{arch}-{size}")
    unfinished = _unfinished(folder)
    if unfinished.is_dir():
        raise RunError(
            "an earlier pretraining did not finish",
            where=str(folder),
            remedy=f"Go on with: headway pretrain --resume {folder}, or remove {unfinished}.",
        )
    with exclusive(unfinished / "lock"):
        plan = {"order": order.to_dict(), "device": device, "circumstances": _circumstances(device)}
        write_json(unfinished / _PLAN, plan)
        return _go_on(plan, folder, progress)


def _resume(folder: Path, allow_inexact: bool, progress: Progress) -> Path:
    from headway.core.circumstances import require_same

    unfinished = _unfinished(folder)
    if not unfinished.is_dir():
        if folder.is_dir():
            progress.say(f"{folder}: this pretraining is finished")
            return folder
        raise RunError("no pretraining that did not finish", where=str(folder))
    with exclusive(unfinished / "lock"):
        sweep(unfinished)
        if folder.is_dir():  # killed when all was done
            shutil.rmtree(unfinished)
            return folder
        plan = read_json(unfinished / _PLAN)
        require_same(plan["circumstances"], _circumstances(plan["device"]), allow_inexact, progress)
        return _go_on(plan, folder, progress)


def _go_on(plan: dict[str, Any], folder: Path, progress: Progress) -> Path:
    """Train from the newest checkpoint on, or from the start; then the folder appears whole."""
    from headway.training.pretraining import Order
    from headway.training.pretraining import pretrain as run

    unfinished = _unfinished(folder)
    made, checkpoints = unfinished / _MADE, unfinished / _CHECKPOINTS
    try:
        with disk_errors(folder):
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            order = Order.from_dict(plan["order"])
            run(order, made, machine.choose_device(plan["device"]), progress, checkpoints)
            made.replace(folder)
    except BaseException as error:
        if any(checkpoints.glob("step-*")):
            error.add_note(f"What it has learned is kept; go on with: headway pretrain --resume {folder}")
        else:
            shutil.rmtree(unfinished, ignore_errors=True)
        raise
    shutil.rmtree(unfinished)
    return folder


def _circumstances(device: str | None) -> dict[str, str]:
    from headway.core.versions import installed_versions
    from headway.ladder.preparation import machine_facts

    machine.choose_device(device)  # loads torch, whose arithmetic is then among the facts
    return machine_facts(device) | installed_versions()


def _unfinished(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-unfinished")
