"""Progress: what long work tells whoever watches. The command line draws it; a library call ignores it."""

import time
from typing import Protocol


class Progress(Protocol):
    """A watcher. Long work calls these; a watcher never changes the result."""

    def say(self, text: str) -> None:
        """Show one line that stays."""

    def begin(self, name: str, total: int, unit: str) -> None:
        """Start a stretch of ``total`` units (steps, rows); it ends the one before."""

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count ``count`` more units as done; ``note`` is a short figure such as the loss."""

    def end(self) -> None:
        """End the stretch."""


class Silent:
    """A watcher that shows nothing."""

    def say(self, text: str) -> None:
        """Ignore."""

    def begin(self, name: str, total: int, unit: str) -> None:
        """Ignore."""

    def advance(self, count: int = 1, note: str = "") -> None:
        """Ignore."""

    def end(self) -> None:
        """Ignore."""


class Stopwatch(Silent):
    """Notes the time after each unit."""

    def __init__(self, times: list[float]) -> None:
        self.times = times

    def advance(self, count: int = 1, note: str = "") -> None:
        """Note it."""
        self.times.append(time.perf_counter())


class Prefixed:
    """Puts the name of the larger work before each stretch: "Fine-tuned encoder, 2 of 5: fine-tuning"."""

    def __init__(self, inner: Progress, prefix: str) -> None:
        self.inner = inner
        self.prefix = prefix

    def say(self, text: str) -> None:
        """Pass on."""
        self.inner.say(text)

    def begin(self, name: str, total: int, unit: str) -> None:
        """Pass on, with the prefix."""
        self.inner.begin(f"{self.prefix}: {name}", total, unit)

    def advance(self, count: int = 1, note: str = "") -> None:
        """Pass on."""
        self.inner.advance(count, note)

    def end(self) -> None:
        """Pass on."""
        self.inner.end()
