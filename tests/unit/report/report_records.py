"""Run records to look at: a usual one, and one made of everything that could go wrong."""

from dataclasses import replace

import numpy as np

from headway.bundle.record import (
    ClassScore,
    DataFacts,
    Difference,
    ErrorExample,
    LabelFacts,
    RungRecord,
    RunRecord,
    Score,
)
from headway.data.examples import Examples
from headway.ladder.comparison import compare
from headway.ladder.judges import ClassJudge
from headway.ladder.verdict import decide
from headway.metrics.classification import confusion, per_class

# name, title, share right, training seconds, median ms, 95 % ms, bytes, parameters
LADDER = [
    ("majority", "Majority class", 0.0, 0.01, 0.002, 0.004, 410, 0),
    ("ngrams", "N-grams", 0.83, 2.4, 0.42, 0.9, 3_400_000, 410_000),
    ("vectors", "Averaged word vectors", 0.79, 1.1, 0.31, 0.5, 24_000_000, 6_000_000),
    ("bag", "Learned embeddings", 0.82, 14.0, 0.35, 0.6, 9_100_000, 2_300_000),
    ("frozen", "Frozen MiniLM", 0.9, 61.0, 7.9, 12.4, 90_900_000, 22_713_216),
    ("finetuned", "Fine-tuned MiniLM", 0.94, 840.0, 8.1, 13.0, 90_900_000, 22_713_216),
]


def usual(
    classes: int = 4, rows: int = 420, names: list[str] | None = None, texts: list[str] | None = None
) -> RunRecord:
    """A run over the whole ladder, two rungs not measured."""
    random = np.random.default_rng(3)
    names = names or [f"topic {i}" for i in range(classes)]
    true = np.arange(rows) % classes
    hard = random.random(rows)
    wrong = random.integers(0, classes, rows)
    predictions = {
        rung[0]: np.where(hard + random.normal(0, 0.03, rows) < rung[2], true, wrong if rung[2] else 0)
        for rung in LADDER
    }
    labels = tuple(LabelFacts(name=name, rows=5 * int(np.sum(true == i))) for i, name in enumerate(names))
    judge = ClassJudge(names)
    metric, why = judge.choose(Examples.of_texts([""] * rows, [names[i] for i in true], "test"))
    comparison = compare(true, predictions, judge.metrics, metric, seed=0, resamples=400)
    rungs = [
        RungRecord(
            name=name,
            title=title,
            status="measured",
            estimate_seconds=seconds,
            scores=comparison.scores[name],
            versus=comparison.versus[name],
            train_seconds=seconds,
            latency_ms=median,
            latency_p95_ms=slow,
            size_bytes=size,
            parameters=parameters,
            settings={"C": 4.0, "epochs": 3},
            texts_cut=3,
            opens_with="transformers" if "MiniLM" in title else None,
        )
        for name, title, _, seconds, median, slow, size, parameters in LADDER
    ]
    rungs += [
        RungRecord(
            name="distilled",
            title="Distilled student",
            status="not tried",
            estimate_seconds=4200.0,
            reason="would take about 1 h 10 m, 26 m of the budget are left",
        ),
        RungRecord(
            name="elmo",
            title="ELMo",
            status="failed",
            estimate_seconds=900.0,
            reason="needs about 9.0 GB of memory, 3.1 GB are free",
        ),
    ]
    verdict = decide(comparison, rungs, metric_why=why, split="holdout")
    shipped = predictions[verdict.ships]
    scores = per_class(true, shipped, classes)
    missed = np.flatnonzero(shipped != true)[:8]
    texts = texts or ["The parcel came two weeks late and nobody answered the phone."]
    return RunRecord(
        format=1,
        created="2026-11-22T10:24:05+00:00",
        command="headway fit tickets.csv --text message --label topic --seed 7",
        seed=7,
        machine={"processor": "Intel Xeon 2.2 GHz", "cores": "2", "threads": "2", "device": "cpu"},
        versions={"headway": "0.1.0", "torch": "2.13.0", "numpy": "2.4.6", "python": "3.11.7"},
        data=DataFacts(
            source="tickets.csv",
            sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            test_source=None,
            text_column="message",
            label_column="topic",
            rows_read=5 * rows + 31,
            rows_used=5 * rows,
            dropped={"no text": 19, "no label": 12},
            duplicate_rows=14,
            conflicting_rows=4,
            labels=labels,
            characters_median=84,
            characters_p95=310,
            characters_max=12_345,
            split=f"{4 * rows:,} rows to train, {rows:,} held out",
            training_rows=4 * rows,
            held_out_rows=rows,
            notes=("read as Windows-1252", "the text column was chosen because its texts are longest"),
        ),
        rungs=tuple(rungs),
        verdict=verdict,
        refitted=True,
        confusion=tuple(tuple(int(n) for n in row) for row in confusion(true, shipped, classes)),
        classes=tuple(
            ClassScore(
                name=name,
                rows=int(scores.rows[i]),
                precision=float(scores.precision[i]),
                recall=float(scores.recall[i]),
                f1=float(scores.f1[i]),
            )
            for i, name in enumerate(names)
        ),
        errors=tuple(
            ErrorExample(
                line=int(row) + 2,
                text=texts[i % len(texts)],
                label=names[true[row]],
                predicted=names[shipped[row]],
                probability=0.99 - 0.03 * i,
            )
            for i, row in enumerate(missed)
        ),
        calibration_error=0.021,
        seconds=1043.0,
    )


NASTY = [
    "<script>alert('x')</script>",
    "\"quotes' & <b>tags</b> {{ braces }} {% raw %}",
    "שלום עולם, עברית",
    "🎉🎊 fête & 漢字",
    "a" * 300,
    "",
    "nul \x00 and \x1b[31m and \u202e override \ud800",
]


def nasty() -> RunRecord:
    """Seven classes whose names and texts are hostile, long, blank or written from right to left."""
    texts = ["word " * 2469, "مرحبا " * 60, "<img src=x onerror=alert(1)>\n\tnew line", "x" * 900, *NASTY]
    return usual(classes=len(NASTY), rows=350, names=NASTY, texts=texts)


def single() -> RunRecord:
    """One rung with a perfect score, no figures of cost, no errors, and no shares to speak of."""
    names = ("ham", "spam")
    rung = RungRecord(
        name="ngrams",
        title="N-grams",
        status="measured",
        scores={"accuracy": Score(value=1.0, low=0.93, high=1.0)},
        versus=Difference(against="gone", value=0.0, low=0.0, high=0.0, p=1.0),
    )
    whole = usual(classes=2, rows=40, names=list(names))
    verdict = replace(whole.verdict, ships="ngrams", best="ngrams", metric="accuracy", undecided=())
    return replace(
        whole, rungs=(rung,), verdict=verdict, classes=(), errors=(), confusion=(), calibration_error=None
    )
