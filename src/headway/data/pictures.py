"""Labelled pictures: class folders, with or without train and test above them, a zip of such, or a table of paths.

What is found is a `PictureSet`: paths, labels, and which of them belong to a given test part. Nothing is decoded here;
`data.picture_checks` does that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Self

import numpy as np
import numpy.typing as npt

from headway.core.errors import DataError, PictureError
from headway.data.columns import Columns
from headway.data.images import SUFFIXES
from headway.data.picture_stores import Archive, Folder, Store
from headway.data.readers import read_table
from headway.data.table import Table, counted, listed

NO_CLASS = "lies in no class folder"
NO_LABEL = "has no label"
NO_PATH = "has no path"
_TRAIN, _TEST, _VALIDATION = {"train", "training"}, {"test", "testing"}, {"val", "valid", "validation"}
_PATH_NAMES = ("path", "file", "filename", "file_name", "image", "image_path", "picture", "photo", "img")
_LABEL_NAMES = ("label", "class", "category", "target", "species")


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureSet:
    """Pictures and their labels, in sorted order of their paths. ``labels[i]`` indexes ``names``, which are sorted.

    ``test`` is True for those of a given test part; None where the data states none. ``faults`` are the files that were
    asked for and cannot be used, each with its reason; ``notes`` are sentences that the user must hear.
    """

    store: Store
    paths: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    names: tuple[str, ...]
    test: npt.NDArray[np.bool_] | None
    faults: tuple[PictureError, ...]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, row: int) -> bytes:
        """Return a picture's bytes. Raises PictureError."""
        return self.store.read(self.paths[row])

    def where(self, row: int) -> str:
        """Name a picture for a message: ``photos, bees/17.jpg``."""
        return f"{self.store.source}, {self.paths[row]}"

    def take(self, index: npt.ArrayLike) -> Self:
        """Return the pictures at ``index`` (integers, in that order), with the same names."""
        chosen = np.asarray(index, dtype=np.int64)
        return replace(
            self,
            paths=tuple(self.paths[row] for row in chosen.tolist()),
            labels=self.labels[chosen],
            test=None if self.test is None else self.test[chosen],
        )


def is_picture_source(source: str | Path) -> bool:
    """Return whether this is a folder or a zip file of pictures, rather than a table."""
    path = Path(source)
    if path.is_dir():
        return True
    try:
        with path.open("rb") as file:
            beginning = file.read(4)
    except OSError:
        return False
    return beginning in (b"PK\x03\x04", b"PK\x05\x06") and path.suffix.lower() not in (
        ".xlsx",
        ".docx",
        ".npz",
    )


def list_pictures(source: str | Path, *, path: str | None = None, label: str | None = None) -> PictureSet:
    """List the pictures of a folder, a zip file, or a table (CSV, TSV, JSON lines, Parquet) of paths and labels.

    path, label: the table's columns, where their names do not tell. Raises DataError where there are no pictures or no
    classes, UsageError on a column that is not there.
    """
    where = Path(source)
    if is_picture_source(where):
        return _from_folders(Folder(where) if where.is_dir() else Archive(where))
    return _from_table(read_table(where), where.parent, path, label)


def looks_like_paths(table: Table, column: str) -> bool:
    """Return whether most of a column's values are named like pictures."""
    values = [value for value in table.texts(column, slice(0, 200)) if value]
    named = sum(PurePosixPath(value.replace("\\", "/")).suffix.lower() in SUFFIXES for value in values)
    return bool(values) and named > len(values) / 2


# Class folders


def _from_folders(store: Store) -> PictureSet:
    faults: list[PictureError] = []
    others: list[str] = []
    found: list[tuple[str, tuple[str, ...]]] = []
    for path, fault in store.files():
        parts = PurePosixPath(path).parts
        if any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in parts):
            continue  # what file managers leave behind
        if fault is not None:
            faults.append(fault)
        elif PurePosixPath(path).suffix.lower() in SUFFIXES:
            found.append((path, parts))
        else:
            others.append(path)
    if not found and not faults:
        raise DataError(
            f"holds no pictures ({', '.join(sorted(SUFFIXES)[:8])}, ...)",
            where=store.source,
            remedy="Put them into one folder for each class: photos/bees/1.jpg, photos/ants/2.jpg.",
        )
    top = _shared_top([parts for _, parts in found])
    rows: list[tuple[str, str, bool]] = []
    parted = {parts[top].lower() for _, parts in found if len(parts) > top + 1}
    splits = _TRAIN | _TEST | _VALIDATION
    has_parts = bool(parted & _TRAIN) and bool(parted & (_TEST | _VALIDATION)) and parted <= splits
    held_out = _TEST if parted & _TEST else _VALIDATION
    for path, parts in found:
        below = parts[top + has_parts :]
        if len(below) < 2:
            faults.append(PictureError(NO_CLASS, where=path))
        else:
            rows.append((path, below[0], has_parts and parts[top].lower() in held_out))
    notes = _folder_notes(rows, others, top + has_parts)
    if has_parts and held_out is _TEST and parted & _VALIDATION:
        notes.append("the validation folder's pictures are trained on too; the test folder's are held out")
    return _set(store, rows, has_parts, faults, notes)


def _shared_top(paths: list[tuple[str, ...]]) -> int:
    """Return how many folders all pictures lie in, one in the other: those above the classes or train and test."""
    folders = [parts[:-1] for parts in paths]
    top = 0
    while (
        folders
        and all(len(parts) > top + 1 for parts in folders)
        and len({parts[top] for parts in folders}) == 1
    ):
        top += 1
    return top


def _folder_notes(rows: list[tuple[str, str, bool]], others: list[str], above: int) -> list[str]:
    notes = []
    deep = [path for path, _, _ in rows if len(PurePosixPath(path).parts) > above + 2]
    if deep:
        notes.append(
            f"{counted(len(deep), 'picture')} in folders inside class folders taken into the class ({deep[0]}, ...)"
        )
    if others:
        notes.append(
            f"{counted(len(others), 'file')} not named as pictures passed over ({listed(tuple(others), 3)})"
        )
    return notes


# Tables of paths


def _from_table(table: Table, folder: Path, path: str | None, label: str | None) -> PictureSet:
    columns = _columns(table, path, label)
    rows: list[tuple[str, str, bool]] = []
    faults: list[PictureError] = []
    for place, (name, value) in enumerate(
        zip(table.texts(columns.texts[0]), table.texts(columns.label), strict=True)
    ):
        if not name or not value or not value.strip():
            line = f"{table.unit} {table.lines[place]}"
            faults.append(PictureError(NO_LABEL if name else NO_PATH, where=line))
        else:
            rows.append((name, value.strip(), False))
    twice = [name for name, count in Counter(row[0] for row in rows).items() if count > 1]
    notes = [*table.notes, columns.why]
    if twice:
        notes.append(f"{counted(len(twice), 'path')} in more than one row ({listed(tuple(twice), 3)})")
    store = Folder(folder)
    store.source = table.source
    return _set(store, rows, False, faults, notes)


def _columns(table: Table, path: str | None, label: str | None) -> Columns:
    plain = {name.strip().lower(): name for name in reversed(table.names)}
    if path is None:
        named = [plain[name] for name in _PATH_NAMES if name in plain]
        path = next((name for name in [*named, *table.names] if looks_like_paths(table, name)), None)
    else:
        table.require(path, "--text")
    if label is None:
        rest = [name for name in table.names if name != path]
        named = [plain[name] for name in _LABEL_NAMES if plain.get(name, path) != path]
        label = named[0] if named else rest[0] if len(rest) == 1 else None
    else:
        table.require(label, "--label")
    if path is None or label is None:
        missing = "the paths of pictures" if path is None else "the labels"
        raise DataError(
            f"no column can be told to hold {missing}; its columns are {listed(table.names)}",
            where=table.source,
            remedy="Name the two columns path and label.",
        )
    return Columns(
        texts=(path,), label=label, why=f"the pictures are named in {path!r}, the labels in {label!r}"
    )


def _set(
    store: Store,
    rows: list[tuple[str, str, bool]],
    has_test: bool,
    faults: list[PictureError],
    notes: list[str],
) -> PictureSet:
    rows.sort()
    names = tuple(sorted({label for _, label, _ in rows}))
    number = {name: place for place, name in enumerate(names)}
    return PictureSet(
        store=store,
        paths=tuple(path for path, _, _ in rows),
        labels=np.array([number[label] for _, label, _ in rows], dtype=np.int64),
        names=names,
        test=np.array([test for _, _, test in rows], dtype=np.bool_) if has_test else None,
        faults=tuple(faults),
        notes=tuple(notes),
    )
