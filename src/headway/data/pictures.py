"""Labelled pictures: class folders, with or without train and test above them, a zip of such, or a table of paths.

What is found is a `PictureSet`: paths, labels, and which of them belong to a given test part. Nothing is decoded here;
`data.picture_checks` does that.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from headway.core.device import cores
from headway.core.errors import DataError, PictureError, UsageError
from headway.data.columns import Columns
from headway.data.images import SUFFIXES, in_threads
from headway.data.picture_stores import Archive, Folder, Joined, Store
from headway.data.readers import read_table
from headway.data.table import Table, counted, did_you_mean, listed, shorten

Result = TypeVar("Result")

NO_CLASS = "lies in no class folder"
NO_LABEL = "has no label"
NO_PATH = "has no path"
_TRAIN, _TEST, _VALIDATION = {"train", "training"}, {"test", "testing"}, {"val", "valid", "validation"}
_PATH_NAMES = ("path", "file", "filename", "file_name", "image", "image_path", "picture", "photo", "img")
_LABEL_NAMES = ("label", "class", "category", "target", "species")


@dataclass(frozen=True)
class Picture:
    """One picture, read when it is needed: a file in a folder or an archive.

    ``known`` is the SHA-256 of its bytes where these have been read before.
    """

    store: Store
    path: str
    known: str | None = None

    @classmethod
    def file(cls, path: str | Path) -> Self:
        """Return the picture in a file."""
        return cls(Folder(Path(path).parent), Path(path).name)

    def read(self) -> bytes:
        """Return its bytes. Raises PictureError."""
        return self.store.read(self.path)

    @cached_property
    def sha256(self) -> str:
        """The hash of its bytes, by which it is told from others."""
        return self.known or hashlib.sha256(self.read()).hexdigest()

    @property
    def identity(self) -> tuple[str, str]:
        """Its path and its bytes' hash."""
        return self.path, self.sha256

    def __str__(self) -> str:
        return self.path


def are_pictures(inputs: Sequence[Any]) -> bool:
    """Return whether these inputs are pictures; all inputs of a run are of one kind."""
    return bool(inputs) and isinstance(inputs[0], Picture)


def read_each(work: Callable[[bytes], Result], pictures: Sequence[Picture]) -> Iterator[Result]:
    """Yield ``work(the picture's bytes)`` of each picture, computed in threads.

    Raises PictureError, which names the picture.
    """
    found = in_threads(lambda picture: work(picture.read()), pictures, cores())
    for picture, result in zip(pictures, found, strict=True):
        if isinstance(result, PictureError):
            raise PictureError(result.reason, result.detail, where=str(picture))
        yield result


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

    def picture(self, row: int, known: str | None = None) -> Picture:
        """Return one picture; ``known`` is its hash."""
        return Picture(self.store, self.paths[row], known)

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


def list_pictures(source: Any, *, path: str | None = None, label: str | None = None) -> PictureSet:
    """List the pictures of a folder, a zip file, or a table (CSV, TSV, JSON lines, Parquet) of paths and labels.

    A data frame's paths begin in the working folder, a file's beside it. path, label: the table's columns, where their
    names do not tell. Raises DataError where there are no pictures or no classes, UsageError on a column that is not
    there.
    """
    if not isinstance(source, str | Path):
        return _from_table(read_table(source), Path(), path, label)
    where = Path(source)
    if is_picture_source(where):
        if path is not None or label is not None:
            raise UsageError(
                "a folder or zip of pictures has no columns",
                where="--text, --label",
                remedy="Leave them out: the folders name the classes.",
            )
        return _from_folders(_store(where))
    return _from_table(read_table(where), where.parent, path, label)


def find_pictures(source: str | Path) -> tuple[list[Picture], list[PictureError]]:
    """Return the pictures in a file, or anywhere below a folder or in a zip file, and what there must not be read.

    No classes are looked for. Raises DataError where there is nothing.
    """
    where = Path(source)
    if where.is_file() and not is_picture_source(where):
        return [Picture.file(where)], []
    store = _store(where)
    paths, faults, _ = _walked(store)
    if not paths and not faults:
        raise DataError("holds no pictures", where=store.source)
    return [Picture(store, path) for path in paths], faults


def with_test(training: PictureSet, test: PictureSet) -> PictureSet:
    """Join two sets, the second as the test part. Raises DataError on a class that the first does not have,
    UsageError where the first has a test part already.
    """
    if training.test is not None:
        raise UsageError(
            f"{training.store.source} has a test part of its own",
            where="--test",
            remedy="Leave --test out, or give the training folder alone.",
        )
    unknown = tuple(name for name in test.names if name not in training.names)
    if unknown:
        near = did_you_mean(unknown[0], training.names)
        raise DataError(
            f"the class {shorten(unknown[0])!r} is not among the training classes{near}",
            where=test.store.source,
            remedy=f"Rename it, or add training pictures. Training has: {listed(training.names)}.",
        )
    number = np.array([training.names.index(name) for name in test.names], dtype=np.int64)
    parts = {"train": training, "test": test}
    faults = [
        PictureError(fault.reason, where=f"{name}/{fault.where}")
        for name, part in parts.items()
        for fault in part.faults
    ]
    return PictureSet(
        store=Joined({name: part.store for name, part in parts.items()}),
        paths=tuple(f"{name}/{path}" for name, part in parts.items() for path in part.paths),
        labels=np.concatenate([training.labels, number[test.labels]]),
        names=training.names,
        test=np.repeat([False, True], [len(training), len(test)]),
        faults=tuple(faults),
        notes=(*training.notes, *(f"{test.store.source}: {note}" for note in test.notes)),
    )


def looks_like_paths(table: Table, column: str) -> bool:
    """Return whether most of a column's values are named like pictures."""
    values = [value for value in table.texts(column, slice(0, 200)) if value]
    named = sum(PurePosixPath(value.replace("\\", "/")).suffix.lower() in SUFFIXES for value in values)
    return bool(values) and named > len(values) / 2


def _store(source: Path) -> Store:
    return Folder(source) if source.is_dir() else Archive(source)


# Class folders


def _from_folders(store: Store) -> PictureSet:
    paths, faults, others = _walked(store)
    if not paths and not faults:
        raise DataError(
            f"holds no pictures ({', '.join(sorted(SUFFIXES)[:8])}, ...)",
            where=store.source,
            remedy="Put them into one folder for each class: photos/bees/1.jpg, photos/ants/2.jpg.",
        )
    found = [(path, PurePosixPath(path).parts) for path in paths]
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


def _walked(store: Store) -> tuple[list[str], list[PictureError], list[str]]:
    """Return the paths of a store's pictures, what must not be read, and the files that are not named as pictures."""
    paths, faults, others = [], [], []
    for path, fault in store.files():
        parts = PurePosixPath(path).parts
        if any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in parts):
            continue  # what file managers leave behind
        if fault is not None:
            faults.append(fault)
        elif PurePosixPath(path).suffix.lower() in SUFFIXES:
            paths.append(path)
        else:
            others.append(path)
    return paths, faults, others


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


def path_column(table: Table, path: str | None = None) -> str:
    """Return the column that holds the paths of pictures: as told, by name, or by content.

    Raises UsageError on a column that is not there, DataError where there is none.
    """
    if path is not None:
        table.require(path, "--text")
        return path
    plain = {name.strip().lower(): name for name in reversed(table.names)}
    named = [plain[name] for name in _PATH_NAMES if name in plain]
    found = next((name for name in [*named, *table.names] if looks_like_paths(table, name)), None)
    if found is None:
        raise _untold(table, "the paths of pictures")
    return found


def _columns(table: Table, path: str | None, label: str | None) -> Columns:
    path = path_column(table, path)
    if label is None:
        plain = {name.strip().lower(): name for name in reversed(table.names)}
        rest = [name for name in table.names if name != path]
        named = [plain[name] for name in _LABEL_NAMES if plain.get(name, path) != path]
        label = named[0] if named else rest[0] if len(rest) == 1 else None
    else:
        table.require(label, "--label")
    if label is None:
        raise _untold(table, "the labels")
    return Columns(
        texts=(path,), label=label, why=f"the pictures are named in {path!r}, the labels in {label!r}"
    )


def _untold(table: Table, what: str) -> DataError:
    return DataError(
        f"no column can be told to hold {what}; its columns are {listed(table.names)}",
        where=table.source,
        remedy="Name the two columns path and label.",
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
