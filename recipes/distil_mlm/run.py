"""Recipe: a student of a small BERT, taught on masked tokens before any task, as DistilBERT was.

    python -m recipes.distil_mlm.run           # every missing cell, then the table
    python -m recipes.distil_mlm.run --table   # the table of what is there

Hardware: 2 cores. The teacher is the BERT of recipes/pretrain_small (2 layers of 128; its own cell, about 30 minutes,
is run where it is not there yet); the rest takes about 12 minutes. Each cell is written as JSON when it ends, and one
that is there is not run again.

What it shows: what the teacher adds to masked-token training. Both arms begin with the same weights (every second layer
of the teacher, and its head), read the same masked texts in the same order at the same rates, and have the same steps;
"distilled" learns from soft targets, the true tokens and the vectors' directions (Sanh et al. 2019), "alone" from the
true tokens only. Both, their first weights and the teacher are measured on the masked tokens of the held-out lines.

Expected: the distilled student's loss is lower than that of the one alone, paired over masked tokens, and lies between
the teacher's and that of the first weights. MiniLM cannot be the teacher: its published file has no masked-token head.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recipes.cells import Cell, missing
from recipes.pretrain_small.backbone import BACKBONES
from torch import Tensor

from headway.cli.display import PlainLines
from headway.core.device import cores
from headway.data.corpus import read_corpus
from headway.metrics.row_bootstrap import mean, row_paired
from headway.models.pretraining_heads import MaskedLanguageModel
from headway.tasks import masked_distillation, masked_language
from headway.training.groups import parameter_groups
from headway.training.loop import train
from headway.training.pretrain_bert import BertOnText
from headway.training.pretraining import Order, arithmetic_on
from headway.weights.pretraining import load_masked_language

ARMS = ("distilled", "alone")
EPOCHS, SEED = 2, 0
CPU = torch.device("cpu")
RESULTS = Path(__file__).parent / "results"

Batches = Sequence[masked_language.Batch]


def prepared(teacher: Path, corpus: Path, epochs: int) -> tuple[MaskedLanguageModel, BertOnText]:
    """Return the teacher, and the texts as it was pretrained on them: its vocabulary, its length."""
    model, _ = load_masked_language(teacher)
    order = Order(
        corpus=corpus,
        architecture="bert",
        size="tiny",
        vocabulary=teacher / "tokenizer.json",
        epochs=epochs,
        seed=SEED,
    )
    return model, BertOnText.prepare(read_corpus(corpus), order, CPU)


def arm(name: str, teacher: Path, corpus: Path, epochs: int) -> dict[str, Any]:
    """Train a student and measure it."""
    model, work = prepared(teacher, corpus, epochs)
    pupil = masked_distillation.student(model)
    settings, arithmetic = replace(work.settings, epochs=epochs), arithmetic_on(CPU)
    losses: dict[str, Callable[[masked_language.Batch], Tensor]] = {
        "distilled": partial(masked_distillation.loss, pupil, model),
        "alone": partial(masked_language.loss, pupil),
    }

    def loss(batch: masked_language.Batch) -> Tensor:
        with arithmetic.forward():
            return losses[name](batch)

    started = time.perf_counter()
    with arithmetic.training():
        train(
            pupil,
            parameter_groups(pupil.parameters(), (), settings),
            loss,
            lambda epoch: [batch.masked for batch in work.epoch_batches(epoch)],
            settings,
            SEED,
            PlainLines(),
            name=name,
        )
    return {"seconds": time.perf_counter() - started} | measured(pupil, held_out(work))


def untrained(teacher: Path, corpus: Path, epochs: int) -> dict[str, Any]:
    """Measure the teacher, and the weights that both students begin with."""
    model, work = prepared(teacher, corpus, epochs)
    batches = held_out(work)
    return {
        "teacher": measured(model, batches),
        "first weights": measured(masked_distillation.student(model), batches),
    }


def held_out(work: BertOnText) -> Batches:
    """Return the held-out texts, masked once and for all."""
    return [batch.masked for batch in work.held_out_batches()]


def measured(model: MaskedLanguageModel, batches: Batches) -> dict[str, Any]:
    """Return size, time, and at each masked token the loss in nats and whether it was named rightly."""
    nats, right = [], []
    model.eval()
    started = time.perf_counter()
    with torch.inference_mode():
        for batch in batches:
            logits = model(batch.tokens, batch.places).double()
            nats += torch.nn.functional.cross_entropy(logits, batch.targets, reduction="none").tolist()
            right += (logits.argmax(1) == batch.targets).tolist()
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "reading seconds": time.perf_counter() - started,
        "nats": [round(value, 4) for value in nats],
        "right": [int(value) for value in right],
    }


def cells(teacher: Path, corpus: Path, epochs: int, results: Path) -> list[Cell]:
    """Return what is to be run, in its order."""
    todo = {"untrained": partial(untrained, teacher, corpus, epochs)}
    todo |= {name: partial(arm, name, teacher, corpus, epochs) for name in ARMS}
    return [Cell(results / f"{name}.json", work, lambda: 300.0) for name, work in todo.items()]


def table(todo: Sequence[Cell]) -> None:
    """Print what was measured, and the arms' paired difference."""
    stored = {cell.path.stem: cell.stored() for cell in todo}
    rows = stored.pop("untrained", {}) | stored
    for name, found in rows.items():
        if found:
            print(
                f"{name:14} {found['parameters']:10,} weights   loss {np.mean(found['nats']):.4f} nats   "
                f"rightly named {np.mean(found['right']):.2%}   read in {found['reading seconds']:.1f} s"
            )
    if all(rows.get(name) for name in ARMS):
        for what in ("nats", "right"):
            first, second = (np.array([[1.0, value] for value in rows[name][what]]) for name in ARMS)
            found = row_paired(first, second, mean, SEED)
            print(
                f"distilled minus alone, {what}: {found.difference:+.4f} ({found.low:+.4f} to {found.high:+.4f})"
            )


def main() -> None:
    """Run what is missing, print the table."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    backbone = BACKBONES["bert"]
    options.add_argument("--table", action="store_true", help="only print what is there")
    options.add_argument("--teacher", type=Path, default=backbone.folder, help="a pretrained BERT's folder")
    options.add_argument("--corpus", type=Path, default=backbone.corpus, help="what it was pretrained on")
    options.add_argument("--epochs", type=int, default=EPOCHS)
    options.add_argument("--results", type=Path, default=RESULTS)
    asked = options.parse_args()
    todo = cells(asked.teacher, asked.corpus, asked.epochs, asked.results)
    if not asked.table:
        torch.set_num_threads(min(2, cores()))
        if asked.teacher == backbone.folder and not backbone.cell().stored():
            backbone.gather()
            backbone.cell().run()
        for cell in missing(todo):
            started = time.perf_counter()
            cell.run()
            print(f"{cell.path.stem}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    table(todo)


if __name__ == "__main__":
    main()
