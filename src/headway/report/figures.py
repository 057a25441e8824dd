"""Figures and user's strings as a person reads them in the report."""

import re
import unicodedata
from datetime import datetime

TEXT_LIMIT = 500
LABEL_LIMIT = 60
_WITH_UNIT = re.compile(r"(?<=\d) (?=%|points?\b|times\b|rows\b|µs\b|ms\b|s\b|m\b|h\b|kB\b|MB\b|GB\b|B\b)")
_RANGE = re.compile(r"(?<=\d)–(?=\d)")
_SIGNED_RANGE = re.compile(r"(?<=\d) to (?=−?\d)")


def milliseconds(value: float) -> str:
    """0.004 -> '4 µs', 0.42 -> '0.42 ms', 34.2 -> '34 ms', 1200 -> '1.2 s'."""
    for limit, factor, unit in ((0.0995, 1e3, "µs"), (999.5, 1.0, "ms"), (float("inf"), 1e-3, "s")):
        if value < limit:
            scaled = value * factor
            return f"{scaled:.0f} {unit}" if scaled >= 9.95 else f"{scaled:.2g} {unit}"
    raise AssertionError("unreachable")


def millions(count: int) -> str:
    """912 -> '912', 40300 -> '40 k', 22713216 -> '22.7 M'."""
    if count < 10_000:
        return f"{count:,}"
    return f"{count / 1e6:.1f} M" if count >= 999_500 else f"{count / 1e3:.0f} k"


def p_value(p: float) -> str:
    """'p = 0.031' or 'p < 0.001'."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def day(created: str) -> str:
    """'2026-11-22T10:24:00+00:00' -> '22 November 2026, 10:24 UTC'; anything else stays as it is."""
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def file_name(source: str) -> str:
    """Return the last part of a path of either kind of slash."""
    return re.split(r"[\\/]", source.rstrip("\\/"))[-1] or source


def unbroken(text: str) -> str:
    """Keep each figure and its unit on one line, and each range, by no-break spaces and word joiners."""
    kept = _SIGNED_RANGE.sub("\u00a0to\u00a0", _WITH_UNIT.sub("\u00a0", text))
    return _RANGE.sub("\u2060–\u2060", kept)


def shown(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return a user's string, control characters made visible, cut in plain sight when it is too long.

    Not escaped: the template does that, everywhere.
    """
    cut = text if len(text) <= limit else f"{text[:limit].rstrip()} … ({len(text):,} characters)"
    return "".join(_visible(character) for character in cut)


def label(name: str) -> str:
    """Return a class name; an empty or blank one is said to be so."""
    return shown(name, LABEL_LIMIT) if name.strip() else "(blank)"


def _visible(character: str) -> str:
    if character in "\n\t":
        return character
    kind = unicodedata.category(character)
    if kind == "Cc":
        code = ord(character)
        return chr(0x2400 + code) if code < 0x20 else "\ufffd"
    return "\ufffd" if kind == "Cs" else character
