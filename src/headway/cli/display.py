"""What a terminal shows: progress while a run goes on, the ladder and the verdict when it is done."""

import json
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from headway.core.files import human_bytes
from headway.core.progress import Progress, Silent
from headway.core.times import human_seconds
from headway.ladder.wording import METRIC_TITLES, figure, score_words, seeds_words, signed_points, span

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from headway.bundle.record import DataFacts, Difference, RungRecord, RunRecord
    from headway.bundle.run import Run
    from headway.ladder.benchmarks import BenchmarkResult
    from headway.ladder.scoring import TableScore

LINE_SECONDS = 15.0  # without a terminal, long work says one line in this time


@contextmanager
def watcher(quiet: bool) -> Iterator[Progress]:
    """Yield what shows progress on standard error: nothing, a live bar on a terminal, or plain lines."""
    if quiet:
        yield Silent()
    elif sys.stderr.isatty():
        with _bars() as bars:
            yield LiveBar(bars)
    else:
        yield PlainLines()


def _bars() -> "Bars":
    """Make the live display: name, bar, count, figure, time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    return Bars(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}  {task.fields[speed]}  {task.fields[note]}"),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
    )


class LiveBar:
    """One bar for the stretch in work; lines that stay are printed above it."""

    def __init__(self, bars: "Bars") -> None:
        self.bars = bars
        self.task: Any = None
        self.started = 0.0
        self.done = 0

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self.bars.console.print(text, markup=False, highlight=False)

    def begin(self, name: str, total: int, unit: str) -> None:
        """Show a new bar in the place of the one before."""
        self.end()
        self.started, self.done = time.monotonic(), 0
        self.task = self.bars.add_task(name, total=total, unit=unit, speed="", note="")

    def advance(self, count: int = 1, note: str = "") -> None:
        """Move the bar on."""
        if self.task is None:
            return
        self.done += count
        speed = f"{self.done / max(time.monotonic() - self.started, 1e-9):,.1f}/s"
        self.bars.update(self.task, advance=count, note=note, speed=speed)

    def end(self) -> None:
        """Take the bar away."""
        if self.task is not None:
            self.bars.remove_task(self.task)
            self.task = None


class PlainLines:
    """Lines for a log: what is said, and now and then how far long work has come."""

    def __init__(self) -> None:
        self.name, self.unit, self.total, self.done = "", "", 0, 0
        self.started = self.said = 0.0

    def say(self, text: str) -> None:
        """Print the line."""
        print(text, file=sys.stderr, flush=True)

    def begin(self, name: str, total: int, unit: str) -> None:
        """Remember what is in work."""
        self.name, self.unit, self.total, self.done = name, unit, total, 0
        self.started = self.said = time.monotonic()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Say how far it is, when the last line is long enough ago."""
        self.done += count
        now = time.monotonic()
        if now - self.said < LINE_SECONDS or not self.done:
            return
        self.said = now
        left = (now - self.started) / self.done * max(self.total - self.done, 0)
        figure = f", {note}" if note else ""
        self.say(f"  {self.name}: {self.done}/{self.total} {self.unit}{figure}, {human_seconds(left)} left")

    def end(self) -> None:
        """Forget it."""


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_ladder(record: "RunRecord") -> None:
    """Print the ladder as a table, the rungs that were not measured below it."""
    metric = record.verdict.metric
    measured = [rung.scores for rung in record.rungs if rung.scores is not None]
    other = next(name for name in measured[0] if name != metric)
    header = [
        "",
        "rung",
        f"{METRIC_TITLES[metric]} (95 %)",
        METRIC_TITLES[other],
        "against the best cheaper rung",
    ]
    lines = [[*header, "training", f"one {record.data.row}", "size"]]
    for rung in record.rungs:
        if rung.scores is not None:
            lines.append(_cells(rung, metric, other, ships=rung.name == record.verdict.ships))
    print()
    _print_table(lines)
    for rung in record.rungs:
        if rung.scores is None:
            print(f"  {rung.title}: {rung.status}; {rung.reason}")
        elif weights := (rung.settings or {}).get("weights"):
            print(f"  {rung.title}: {weights}")
        if rung.seed_scores:
            print(f"  {rung.title}: {seeds_words(rung.seed_scores)}")


def _cells(rung: "RungRecord", metric: str, other: str, *, ships: bool) -> list[str]:
    assert rung.scores is not None and rung.train_seconds is not None
    return [
        ">" if ships else "",
        rung.title,
        score_words(rung.scores[metric], metric),
        figure(rung.scores[other].value, other),
        _versus(rung.versus) if rung.versus else "",
        human_seconds(rung.train_seconds),
        f"{rung.latency_ms:.2g} ms"
        if rung.latency_ms is not None and rung.latency_ms < 9.95
        else f"{rung.latency_ms:.0f} ms",
        human_bytes(rung.size_bytes or 0),
    ]


def _versus(difference: "Difference") -> str:
    shown = "p < 0.001" if difference.p < 0.001 else f"p = {difference.p:.3f}"
    interval = span(difference.low, difference.high)
    return f"{signed_points(difference.value)} ({interval}), {shown}"


def _print_table(lines: list[list[str]]) -> None:
    """Print rows of cells in aligned columns; the first row is the header."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_verdict(record: "RunRecord") -> None:
    """Print what ships and why, and what is not decided."""
    print()
    _print_wrapped(record.verdict.sentence)
    for sentence in record.verdict.undecided:
        _print_wrapped(sentence)


def _print_wrapped(text: str) -> None:
    print(textwrap.fill(text, width=min(100, shutil.get_terminal_size((100, 24)).columns)))


def _labels(data: "DataFacts") -> str:
    """Return the classes and their rows (of tags the types and their spans), or how the numbers lie."""
    if data.numbers is not None:
        facts = data.numbers
        return f"numbers from {facts.lowest:g} to {facts.highest:g}, mean {facts.mean:.3g}"
    more = f" and {len(data.labels) - 12} more" if len(data.labels) > 12 else ""
    return ", ".join(f"{label.name} {label.rows:,}" for label in data.labels[:12]) + more


def print_scores(found: "TableScore") -> None:
    """Print what a run reaches on a table."""
    for note in found.notes:
        print(f"headway: {note}", file=sys.stderr)
    width = max(len(METRIC_TITLES[name]) for name in found.scores)
    for name, score in found.scores.items():
        print(f"{METRIC_TITLES[name].ljust(width)}  {score_words(score, name)}")
    print(f"{found.rung} on {found.rows:,} rows of {found.source}; 95 % intervals")


def print_benchmark(found: "BenchmarkResult") -> None:
    """Print the official figures of each file, and which submission files were written."""
    lines = [
        [part.part, METRIC_TITLES[name], score_words(score, name), f"{part.rows:,} rows"]
        for part in found.scores
        for name, score in part.scores.items()
    ]
    if lines:
        _print_table([["", "", "95 % interval", ""], *lines])
    for part in found.scores:
        if part.left_out:
            print(f"{part.part}: {part.left_out:,} pairs without a gold label are not scored")
    if not lines:
        print("Not scored: the answers are hidden, and only the benchmark's server knows them")
    for path in found.written:
        print(f"Answers for the server: {path}")


def print_facts(run: "Run") -> None:
    """Print a run's data and files."""
    record, data = run.record, run.record.data
    dropped = "".join(f", {count:,} left out ({reason})" for reason, count in data.dropped.items())
    rows = "pictures" if data.pictures else "rows"
    print(f"\nData     {data.source}: {data.rows_read:,} {rows}{dropped}; {data.split}")
    print(f"Labels   {_labels(data)}")
    print(
        f"Made     {record.created} with seed {record.seed} in {human_seconds(record.seconds)}: {record.command}"
    )
    print(f"Report   {run.report}")
    for rung in record.rungs:
        if rung.status == "measured":
            opens = f"; {rung.opens_with}" if rung.opens_with else ""
            print(f"Rung     {rung.name}: {run.folder / 'rungs' / rung.name}{opens}")
