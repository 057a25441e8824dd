"""A 3-layer student of the fine-tuned MiniLM, on trec (6 questions) and banking77 (77 intents), seeds 0 to 2.

    python recipes/distil/run.py           # every cell, then the table
    python recipes/distil/run.py --table   # the table of what is there
    taskset -c 0 python recipes/distil/run.py --only trec   # one set's, on one core

Hardware: 2 cores. Measured: 8 minutes of one core a seed of trec, 28 of banking77; each cell is written as JSON when it
ends, and a cell that is there is not run again. A cell trains, on the official training rows, the teacher (the rung
`finetuned`), the student (the rung `distilled`) and the same small network without a teacher: the same layers of the
published MiniLM, for as many epochs and at the same rates. All three predict the official test rows.

Expected: the student keeps at least 97 % of the teacher's accuracy on both sets at no more than 60 % of its latency,
and the student minus the small network alone, paired, is not below 0. The weights of the losses and the temperature are
a choice beforehand (`tasks/distillation.py`); these test rows took no part in it.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rows import load

from headway.core.device import cores
from headway.core.progress import Silent
from headway.core.seeding import derive
from headway.data.examples import Examples
from headway.ladder.distillation import Distillation, student_settings
from headway.ladder.encoder_training import FineTuning, fine_tune, settings_for
from headway.models.student import student_of
from headway.tasks import classification
from headway.tasks.distillation import DistillationConfig
from headway.tasks.encoder import TextEncoder
from headway.tasks.finetuned import FineTunedClassifier

SETS = ("trec", "banking77")
SEEDS = range(3)
WHO = ("teacher", "student", "alone")
LAYERS = 3
TIMED_TEXTS = 300
RESULTS = Path(__file__).parent / "results"


class GivenTeacher(Distillation):
    """The rung, with a teacher that is there already."""

    teacher: FineTunedClassifier

    def _teacher(self, *_: object) -> FineTunedClassifier:
        return self.teacher


def small_alone(training: Examples, seed: int, device: torch.device) -> FineTunedClassifier:
    """Fine-tune the student's layers of the published encoder, without a teacher."""
    encoder = TextEncoder.open("minilm", device)
    encoder = replace(encoder, backbone=student_of(encoder.backbone, LAYERS))
    model = classification.build(encoder, len(training.names), derive(seed, "head"))
    settings = student_settings(settings_for(len(training), len(training.names)))
    fine_tune(model, encoder, training.inputs, training.targets, settings, seed, Silent())
    return FineTunedClassifier(training.names, encoder, model, settings.to_dict())


def train_all(
    training: Examples, seed: int, config: DistillationConfig | None = None
) -> tuple[dict[str, FineTunedClassifier], dict[str, float]]:
    """Train teacher, student and the small network alone; return them and their seconds."""
    device = torch.device("cpu")
    found, seconds = {}, {}
    started = time.perf_counter()
    found["teacher"] = FineTuning("minilm", device).fit(training, seed, Silent())
    seconds["teacher"] = time.perf_counter() - started
    started = time.perf_counter()
    rung = GivenTeacher(FineTuning("minilm", device), LAYERS, config=config)
    rung.teacher = found["teacher"]
    found["student"] = rung.fit(training, seed, Silent())
    seconds["student"] = time.perf_counter() - started
    started = time.perf_counter()
    found["alone"] = small_alone(training, seed, device)
    seconds["alone"] = time.perf_counter() - started
    return found, seconds


def milliseconds(models: dict[str, FineTunedClassifier], texts: list[str]) -> dict[str, float]:
    """Return each model's median time for one text, the models taking turns."""
    times: dict[str, list[float]] = {name: [] for name in models}
    for text in texts[:TIMED_TEXTS]:
        for name, model in models.items():
            started = time.perf_counter()
            model.predict([text])
            times[name].append(time.perf_counter() - started)
    return {name: 1e3 * float(np.median(values)) for name, values in times.items()}


def cell(name: str, seed: int) -> dict[str, object]:
    """Train and predict the test rows of one set with one seed."""
    (texts, labels), (test_texts, _) = load(name)
    models, seconds = train_all(Examples.of_texts(texts, labels, "recipe"), seed)
    predicted = {
        who: [model.labels[best] for best in model.predict(test_texts).argmax(axis=1)]
        for who, model in models.items()
    }
    return {
        "predicted": predicted,
        "seconds": seconds,
        "milliseconds": milliseconds({who: models[who] for who in ("teacher", "student")}, test_texts),
        "parameters": {who: model.parameters for who, model in models.items()},
    }


def table() -> None:
    """Print accuracies by seed, what the student keeps, its latency, and what the teacher was worth to it."""
    random = np.random.default_rng(0)
    for name in SETS:
        cells = [json.loads(path.read_text()) for path in sorted(RESULTS.glob(f"{name}-*.json"))]
        if len(cells) < len(SEEDS):
            print(f"{name}: {len(cells)} of {len(SEEDS)} cells")
            continue
        truth = load(name)[1][1]
        right = {
            who: np.array([np.equal(cell["predicted"][who], truth) for cell in cells], dtype=float)
            for who in WHO
        }  # [seeds, rows]
        for who in WHO:
            seeds = " ".join(f"{100 * value:.2f}" for value in right[who].mean(axis=1))
            print(f"{name:9} {who:8} accuracy {100 * right[who].mean():.2f}   seeds {seeds}")
        picks = random.integers(len(truth), size=(10_000, len(truth)))
        by_row = {who: right[who].mean(axis=0) for who in WHO}
        kept = by_row["student"][picks].mean(axis=1) / by_row["teacher"][picks].mean(axis=1)
        gain = (by_row["student"] - by_row["alone"])[picks].mean(axis=1)
        share = [cell["milliseconds"]["student"] / cell["milliseconds"]["teacher"] for cell in cells]
        for what, value, spread, unit in (
            ("kept of the teacher's accuracy", right["student"].mean() / right["teacher"].mean(), kept, "%"),
            (
                "student minus the small network alone",
                (right["student"] - right["alone"]).mean(),
                gain,
                "points",
            ),
        ):
            low, high = 100 * np.quantile(spread, [0.025, 0.975])
            print(f"{name:9} {what}: {100 * value:.2f} {unit} (95 % {low:.2f} to {high:.2f})")
        print(f"{name:9} latency, student / teacher, by seed: {' '.join(f'{value:.2f}' for value in share)}")


def main() -> None:
    """Run the missing cells, then print the table."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--table", action="store_true", help="only print what is there")
    options.add_argument("--only", choices=SETS, help="only this set's cells, so that a process can do each")
    asked = options.parse_args()
    if not asked.table:
        torch.set_num_threads(cores())
        RESULTS.mkdir(exist_ok=True)
        for seed in SEEDS:
            for name in [asked.only] if asked.only else SETS:
                path = RESULTS / f"{name}-{seed}.json"
                if not path.is_file():
                    found = cell(name, seed)
                    path.write_text(json.dumps(found))
                    print(f"{path.stem}: {found['seconds']}", file=sys.stderr, flush=True)
    table()


if __name__ == "__main__":
    main()
