"""Several labels on one row: a JSON list in a cell, or names between separators; and which row has which."""

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from headway.core.errors import DataError
from headway.data.table import did_you_mean, listed, shorten

SEPARATORS = "|;,"  # between names, where the cells are no lists; the first that stands in any cell


def is_list(cell: str) -> bool:
    """Return whether a cell holds a JSON list of names."""
    return names_in(cell) is not None


def read_sets(cells: Sequence[str], where: Sequence[str]) -> list[tuple[str, ...]]:
    """Return each row's names, sorted and without repeats; ``where`` names the rows.

    Cells are JSON lists when the first one is; else names between separators. Raises DataError on a cell that is no
    list where the first one is.
    """
    if not cells or not cells[0].startswith("["):
        separator = next((mark for mark in SEPARATORS if any(mark in cell for cell in cells)), SEPARATORS[0])
        return [_tidy(cell.split(separator)) for cell in cells]
    sets = []
    for cell, place in zip(cells, where, strict=True):
        names = names_in(cell)
        if names is None:
            raise DataError(
                f"the label {shorten(cell)!r} is no list of names",
                where=place,
                remedy='Write each row\'s labels as a list, like ["a", "b"], or [] for none.',
            )
        sets.append(_tidy(names))
    return sets


def as_table(
    sets: Sequence[tuple[str, ...]], names: tuple[str, ...], where: Sequence[str]
) -> npt.NDArray[np.bool_]:
    """Return which row has which of the names, [B, C]. Raises DataError on a name that is none of them."""
    number = {name: place for place, name in enumerate(names)}
    table = np.zeros((len(sets), len(names)), dtype=np.bool_)
    for row, (own, place) in enumerate(zip(sets, where, strict=True)):
        for name in own:
            if name not in number:
                raise DataError(
                    f"the label {shorten(name)!r} is not among the training labels{did_you_mean(name, names)}",
                    where=place,
                    remedy=f"Correct it, or add training rows. Training has: {listed(names)}.",
                )
            table[row, number[name]] = True
    return table


def common_names(
    sets: Sequence[tuple[str, ...]], groups: npt.NDArray[np.int64]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names that at least two groups of rows have, sorted, and the rarer ones."""
    groups_of: dict[str, set[int]] = {}
    for own, group in zip(sets, groups.tolist(), strict=True):
        for name in own:
            groups_of.setdefault(name, set()).add(group)
    common = tuple(sorted(name for name, found in groups_of.items() if len(found) > 1))
    return common, tuple(sorted(set(groups_of) - set(common)))


def names_in(cell: str) -> list[str] | None:
    """Return the names of a JSON list of them; None where the cell is none."""
    if not (cell.startswith("[") and cell.endswith("]")):
        return None
    try:
        found = json.loads(cell)
    except ValueError:
        return None
    plain = isinstance(found, list) and all(isinstance(name, str | int) for name in found)
    return [str(name) for name in found] if plain else None


def _tidy(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({name.strip() for name in names if name.strip()}))


def names_cell(names: Sequence[str], chosen: npt.NDArray[np.bool_]) -> str:
    """Write the names that are chosen, [C], as a JSON list: what `read_sets` reads."""
    return json.dumps([name for name, own in zip(names, chosen, strict=True) if own], ensure_ascii=False)
