"""Progress: what long work tells whoever watches. The command line draws it; a library call ignores it."""

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
