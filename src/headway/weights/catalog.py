"""The catalog of the zoo: for each model what it is, whose it is, the bytes it must have and who may deliver
them; looked up by name.

Importing this loads no torch and opens nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from headway.core.errors import UsageError
from headway.weights.picture_rows import PICTURES as PICTURES
from headway.weights.picture_rows import PictureEntry
from headway.weights.published import Published
from headway.weights.stand_in_rows import STAND_INS
from headway.weights.text_rows import TEXTS, Entry
from headway.weights.vector_rows import VECTORS as VECTORS

CATALOG: Mapping[str, Entry] = MappingProxyType({row.name: row for row in (*TEXTS, *STAND_INS)})


def find(name: str) -> Entry:
    """Return the network of that name; raises UsageError that suggests the nearest name."""
    if name in CATALOG:
        return CATALOG[name]
    raise _unknown(name, CATALOG)


def find_picture(name: str) -> PictureEntry:
    """Return the network for pictures of that name; raises UsageError that suggests the nearest name."""
    if name in PICTURES:
        return PICTURES[name]
    raise _unknown(name, PICTURES)


def published() -> dict[str, Published]:
    """Return all that the zoo has, of every kind, by name."""
    return {**CATALOG, **VECTORS, **PICTURES}


def find_published(name: str) -> Published:
    """Return what the zoo has of that name, of any kind; raises UsageError that suggests the nearest name."""
    known = published()
    if name in known:
        return known[name]
    raise _unknown(name, known)


def _unknown(name: str, known: Mapping[str, Published]) -> UsageError:
    near = difflib.get_close_matches(name.lower(), known, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    return UsageError(
        f"no model is called {name!r}",
        where="zoo",
        remedy=f"{meant}Known models: {', '.join(sorted(known))}.",
    )
