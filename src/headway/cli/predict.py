"""`headway predict`: answer one text or pair of texts, or each row of a file."""

import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy as np

    from headway.bundle.predictors import Calibrated
    from headway.bundle.run import Passage, Run
    from headway.data.table import Table

CHUNK_ROWS = 1000
_TABLE_SUFFIXES = {".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".gz", ".conll"}


def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder made by `headway fit`.")],
    source: Annotated[
        str,
        typer.Argument(
            metavar="TEXT|FILE",
            help="A text, or a file: CSV, TSV, JSONL, CoNLL, SQuAD's JSON, Parquet; of pictures one, a folder, a zip "
            "or a table.",
        ),
    ],
    second: Annotated[
        str | None,
        typer.Argument(
            metavar="SECOND", help="The second text, where the run reads pairs; of a question the context."
        ),
    ] = None,
    rung: Annotated[str | None, typer.Option(help="Another rung than the one that ships.")] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="The file's column of texts; twice for pairs. [as trained]"),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Add each class's probability; of one question more answers.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the input's columns before ours.")] = False,
) -> None:
    """Predict one text or pair, or write CSV for a file: row, predicted, probability; of tagged words CoNLL."""
    from headway.bundle.run import Answer, LabelSet, Run, TaggedSentence

    opened = Run.open(run)
    if opened.reads_pictures and second is None and _of_many_pictures(source):
        from headway.cli.picture_rows import write_rows

        write_rows(opened, source, rung=rung, column=text[0] if text else None, every=every, keep=keep)
        return
    if second is None and not opened.reads_pictures and _names_a_file(source):
        if opened.reads_words:
            from headway.cli.tagged_words import tagged_lines

            for line in tagged_lines(opened, source, rung=rung, told=text, every=every, keep=keep):
                typer.echo(line)
            return
        writer = csv.writer(sys.stdout, lineterminator="\n")
        for cells in _rows(opened, source, rung=rung, told=text, every=every, keep=keep):
            writer.writerow(cells)
        return
    prediction = opened.predict(_given(opened, source, second), rung)
    if isinstance(prediction, float):
        from headway.data.recognition import number_words

        typer.echo(number_words(prediction))
        return
    if isinstance(prediction, TaggedSentence):
        for word, tag in zip(prediction.words, prediction.tags, strict=True):
            typer.echo(f"{word}\t{tag}")
        return
    if isinstance(prediction, Answer):
        _print_answers(prediction.likeliest if every else prediction.likeliest[:1])
        return
    if isinstance(prediction, LabelSet):
        typer.echo("\n".join(prediction.labels) or "(no label)")
    else:
        typer.echo(f"{prediction.label}  {100 * prediction.probability:.1f} %")
    if every:
        for label, probability in sorted(prediction.probabilities.items(), key=lambda item: -item[1]):
            typer.echo(f"  {label}  {100 * probability:.1f} %")


def _print_answers(answers: "Iterable[Passage]") -> None:
    for text, start, end, probability in answers:
        where = "" if start is None else f"  (characters {start} to {end})"
        typer.echo(f"{text or '(no answer)'}  {100 * probability:.1f} %{where}")


def _given(run: "Run", first: str, second: str | None) -> str | tuple[str, str]:
    """Return the input on the command line; raises UsageError where it is of another kind than the run's."""
    from headway.core.errors import UsageError

    if run.reads_pairs and second is None:
        columns = " and ".join(map(repr, run.record.data.text_columns))
        raise UsageError(f"the run reads pairs of texts ({columns}): give two, or a table", where="SECOND")
    if not run.reads_pairs and second is not None:
        raise UsageError("the run reads one text; put it in quotes if it has spaces", where="SECOND")
    return first if second is None else (first, second)


def _of_many_pictures(source: str) -> bool:
    """Say whether the argument is a folder, a zip file or a table, and not a picture's file."""
    return Path(source).is_dir() or Path(source).suffix.lower() in {".zip", *_TABLE_SUFFIXES}


def _names_a_file(source: str) -> bool:
    """Say whether the argument is a file: it exists, or it is one word that ends like a table's name."""
    try:
        if Path(source).exists():
            return True
    except OSError:  # a text longer than the system allows for a name
        return False
    return Path(source).suffix.lower() in _TABLE_SUFFIXES and not any(map(str.isspace, source))


def _rows(
    run: "Run", source: str, *, rung: str | None, told: list[str] | None, every: bool, keep: bool
) -> Iterator[list[str]]:
    """Yield the header and one row of cells for each row of the file, reading a chunk at a time."""
    from headway.core.errors import UsageError
    from headway.data.columns import choose_texts
    from headway.data.inputs import TextPair, parts

    predictor = run.predictor(rung)
    task = run.record.data.task
    confidence = {"classes": ["probability"], "answers": ["probability", "start", "end"]}.get(task, [])
    ours = ["row", "predicted", *confidence, *(f"p({label})" for label in predictor.labels if every)]
    done, empty = 0, 0
    for table in _tables(run, source):
        names = told = list(choose_texts(table, told, known=run.record.data.text_columns))
        kept = list(table.names) if keep else ["id"] if table.unit == "question" else []
        if done == 0:
            clash = [cell for cell in kept if cell in ours]
            if clash:
                raise UsageError(
                    f"the column {clash[0]!r} would be overwritten",
                    where=source,
                    remedy="Rename it, or leave --keep out: `row` says which line each prediction belongs to.",
                )
            yield kept + ours
        given = [[text or "" for text in table.texts(name)] for name in names]
        inputs: list[Any] = given[0] if len(given) == 1 else list(map(TextPair, *given))
        columns = [[cell or "" for cell in table.texts(name)] for name in kept]
        for place, output in enumerate(predictor.predict(inputs)):
            before = [cells[place] for cells in columns]
            answer = _answer(predictor, output, inputs[place], task, every=every)
            yield [*before, str(done + place + 1), *answer]
        done += len(inputs)
        empty += sum(not text.strip() for one in inputs for text in parts(one))
    if empty:
        print(f"headway: {empty:,} rows had no text; they were predicted as an empty text", file=sys.stderr)


def _tables(run: "Run", source: str) -> "Iterator[Table]":
    """Yield the file's rows, a chunk at a time; of SQuAD's JSON all questions at once."""
    from headway.data.readers import read_chunks
    from headway.data.recognition import is_squad
    from headway.data.squad import read_squad

    if run.record.data.task == "answers" and is_squad(source):
        yield read_squad(Path(source)).table()
    else:
        yield from read_chunks(source, CHUNK_ROWS)


def _answer(
    predictor: "Calibrated", output: "np.ndarray", given: Any, task: str, *, every: bool
) -> list[str]:
    """Return the cells of one answer: the number, the labels, the passage with its probability and place, or the label
    and its probability; then each label's.
    """
    from headway.data.label_sets import names_cell
    from headway.data.recognition import number_words

    if task == "numbers":
        return [number_words(float(output))]
    if task == "answers":
        from headway.bundle.run import Answer

        found = Answer.of(given.second, output)
        ends = ["" if place is None else str(place) for place in (found.start, found.end)]
        return [found.text, f"{found.probability:.6f}", *ends]
    shares = [f"{share:.6f}" for share in output] if every else []
    if task == "labels":
        return [names_cell(predictor.labels, output > 0.5), *shares]
    return [predictor.labels[output.argmax()], f"{output.max():.6f}", *shares]
