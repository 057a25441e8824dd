"""Lengths of time: read from what a person writes, written for a person to read."""

from headway.core.errors import UsageError


def parse_seconds(text: str | float, where: str = "--budget") -> float:
    """Read a length of time: 90, "90s", "5m", "1.5h"; raises UsageError."""
    words = str(text).strip().lower()
    factor = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(words[-1:])
    try:
        seconds = float(words[:-1]) * factor if factor else float(words)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise UsageError(
            f"cannot read {text!r} as a length of time", where=where, remedy="Write 90s, 5m or 1h."
        )
    return seconds


def human_seconds(seconds: float) -> str:
    """Format a length of time for reading: 0.4 s, 12 s, 3 m 20 s, 25 m, 2 h 5 m."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest} s" if rest and minutes < 10 else f"{minutes} m"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m" if minutes else f"{hours} h"
