"""The plan: what depends on the user, the machine or the clock, decided once and written before the first step."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from headway.core.errors import UsageError
from headway.core.files import write_json

PLAN_FILE = "plan.json"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that the bytes of a run depend on beside the data and the code."""

    seed: int
    metric: str
    metric_why: str
    tolerance: float  # a fraction of one
    budget_seconds: float
    rungs: tuple[str, ...] | None  # None: those whose estimates fit the budget
    refit: bool
    device: str
    threads: int
    split: str
    data_sha256: str | None
    versions: dict[str, str]

    def save(self, folder: Path) -> None:
        """Write ``plan.json``."""
        write_json(folder / PLAN_FILE, asdict(self))


def choose_rungs(asked: str | Sequence[str] | None, known: Sequence[str]) -> tuple[str, ...] | None:
    """Read ``--rungs``: None, "all", "a,b" or a sequence; raises UsageError on an unknown name."""
    import difflib

    if asked is None:
        return None
    names = [name.strip() for name in asked.split(",")] if isinstance(asked, str) else list(asked)
    if names == ["all"]:
        return tuple(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise UsageError(
                f"unknown rung {name!r}", where="--rungs", remedy=f"{hint}Known: {', '.join(known)}, all."
            )
    return tuple(name for name in known if name in names)
