"""`headway fit`: climb the ladder on a table of texts and labels."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headway.cli.options import AsRecord, LabelColumn, Quiet, Seed, TextColumns

if TYPE_CHECKING:
    from headway.bundle.run import Run
    from headway.weights.published import Published

Data = Annotated[
    Path | None,
    typer.Argument(
        help="CSV, TSV, JSONL, Parquet: one row an example; CoNLL; SQuAD's JSON; a folder or zip of pictures."
    ),
]
TaskName = Annotated[
    str | None,
    typer.Option(
        help="What the labels are: classes, numbers, labels (several a row), tags (of words) or answers (SQuAD). "
        "[recognised]"
    ),
]
Test = Annotated[Path | None, typer.Option(metavar="FILE", help="Hold out these rows instead of a fifth.")]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|DIR",
        help="The pretrained encoder: of the zoo, or a folder. [minilm; for pictures mobilenet-v2]",
    ),
]
Student = Annotated[
    str | None,
    typer.Option(metavar="LAYERS|NAME|DIR", help="What the distilled rung teaches. [half the layers]"),
]
Unlabelled = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Texts without labels, for the rungs distilled, vectors and ulmfit."),
]
Vectors = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE|DIR", help="Word vectors for the rung vectors. [glove-6b-50d]"),
]
LanguageModels = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME|DIR",
        help="What the rung ulmfit tunes; twice for the ensemble of a forward and a backward one. [awd-tiny]",
    ),
]
Recipe = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting of fine-tuning: epochs=5, layer_decay=0.9."),
]
MetricName = Annotated[
    str | None,
    typer.Option(
        help="The deciding metric: accuracy or macro-f1, pearson or spearman, answer-f1 or exact-match. "
        "[by the labels]"
    ),
]
RungNames = Annotated[
    str | None,
    typer.Option(
        help="majority,ngrams,embeddings,vectors,static,ulmfit,frozen,mixed,distilled,finetuned or all, "
        "whatever they cost; of pictures majority,pixels,frozen,scratch,finetuned; of questions "
        "unanswered,lexical,finetuned. [without embeddings, vectors, static and ulmfit, as far as they fit]"
    ),
]
Budget = Annotated[str, typer.Option(metavar="TIME", help="Time for all rungs together: 90s, 5m, 1h.")]
Tolerance = Annotated[
    float,
    typer.Option(metavar="POINTS", help="A cheaper rung ships if surely less than this much worse."),
]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="The run folder. [DATA-run]")]
Fetch = Annotated[
    bool | None, typer.Option("--fetch/--offline", help="Fetch missing weights, or never. [ask]")
]
Refit = Annotated[bool, typer.Option("--refit/--no-refit", help="Train what ships again on all rows.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda or mps. [fastest]")]
MaxRows = Annotated[
    int, typer.Option(metavar="N", min=100, help="Learn from at most this many rows; the rest is said.")
]
DropLimit = Annotated[
    float, typer.Option(metavar="PERCENT", help="Stop when more rows than this have no text or label.")
]
DropRare = Annotated[bool, typer.Option("--drop-rare", help="Leave out labels that are seen once.")]
Resume = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Go on with a run that did not finish; give no DATA.")
]
AllowInexact = Annotated[
    bool, typer.Option("--allow-inexact", help="Go on although the machine is not as it was.")
]


def fit(
    data: Data = None,
    text: TextColumns = None,
    label: LabelColumn = None,
    task: TaskName = None,
    test: Test = None,
    model: Model = None,
    student: Student = None,
    unlabelled: Unlabelled = None,
    vectors: Vectors = None,
    language_model: LanguageModels = None,
    recipe: Recipe = None,
    metric: MetricName = None,
    rungs: RungNames = None,
    budget: Budget = "10m",
    tolerance: Tolerance = 1.0,
    seed: Seed = 0,
    out: Out = None,
    fetch: Fetch = None,
    refit: Refit = True,
    device: Device = None,
    max_rows: MaxRows = 100_000,
    drop_limit: DropLimit = 5.0,
    drop_rare: DropRare = False,
    resume: Resume = None,
    allow_inexact: AllowInexact = False,
    quiet: Quiet = False,
    json: AsRecord = False,
) -> None:
    """Try the ladder on labelled texts and keep the smallest model that is really good."""
    asked: dict[str, Any] = dict(locals())
    del asked["quiet"], asked["json"]
    asked |= {
        "text": text[0] if text and len(text) == 1 else text or None,
        "student": int(student) if student is not None and student.isdigit() else student,
        "language_model": language_model or None,
        "recipe": _settings(recipe),
        "fetch": _asker() if fetch is None else fetch,
    }
    from headway import api
    from headway.cli import display

    others = os.environ.get("RANK", "0") != "0"  # under torchrun only the first process shows anything
    with display.watcher(quiet=quiet or json or others) as progress:
        run = api.fit(**asked, progress=progress)
    if not others:
        print_run(run, json=json)


def print_run(run: "Run", *, json: bool) -> None:
    """Print what a run came to; raises Exit where it was interrupted."""
    from headway.cli import display

    if json:
        display.print_json(run.record.to_dict())
    else:
        _print_result(run)
    if any(rung.status == "interrupted" for rung in run.record.rungs):
        typer.echo(f"Interrupted; go on with: headway fit --resume {run.folder}", err=True)
        raise typer.Exit(130)


def _settings(words: list[str] | None) -> dict[str, Any] | None:
    """Read NAME=VALUE words; a value is a whole number, a number or a word."""
    from headway.core.errors import UsageError

    settings: dict[str, Any] = {}
    for word in words or ():
        name, equals, value = word.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"expected NAME=VALUE, found {word!r}", where="--set")
        settings[name.replace("-", "_")] = _plain(value)
    return settings or None


def _plain(value: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _asker() -> "Callable[[Published], bool] | None":
    """Return a question for the terminal, or None where nobody can answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(entry: "Published") -> bool:
        from headway.core.files import human_bytes

        question = f"Fetch {entry.title} ({human_bytes(entry.size)}, {entry.licence})?"
        return typer.confirm(question, default=True, err=True)

    return ask


def _print_result(run: "Run") -> None:
    from headway.cli import display

    display.print_ladder(run.record)
    display.print_verdict(run.record)
    typer.echo(f"\nReport:  {run.report}")
    example = '"one text" "another"' if run.reads_pairs else '"some text"'
    example = '"a sentence"' if run.reads_words else example
    example = '"a question" "its context"' if run.answers_questions else example
    example = "photo.jpg" if run.reads_pictures else example
    typer.echo(f"Use it:  headway predict {run.folder} {example}")
