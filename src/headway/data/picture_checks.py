"""What is wrong with labelled pictures: each is decoded once, what cannot be used is counted by reason and name, and
pictures that are the same are found, so that they never stand on both sides of a split.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from headway.core.device import cores
from headway.core.errors import DataError, PictureError, UsageError
from headway.core.progress import Progress, Silent
from headway.data.images import decode, in_threads, size_of
from headway.data.pictures import Picture, PictureSet
from headway.data.table import counted, listed, shorten

LEAST_PICTURES = 20
HASH_SIDE = 8  # a perceptual hash has 2 x 8 x 8 bits
NEAR = 3  # of its 128 bits may differ in what counts as the same picture,
SMALL_SIDE, LEAST_CORRELATION = 16, 0.995  # if also the two correlate so when made 16 x 16 pixels of grey
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Look:
    """What one decoding tells of a picture."""

    width: int
    height: int
    sha256: bytes
    bits: npt.NDArray[np.uint8]  # the perceptual hash, 16 bytes
    small: npt.NDArray[np.float32]  # [256], its pixels of grey, of mean 0 and length 1


@dataclass(frozen=True, kw_only=True, eq=False)
class CheckedPictures:
    """Pictures that can be learned from, and an account of every file that is not among them."""

    pictures: PictureSet
    groups: npt.NDArray[np.int64]  # pictures of one group are the same, exactly or to the eye
    sizes: npt.NDArray[np.int64]  # [N, 2], width and height
    hashes: tuple[str, ...]  # the SHA-256 of each one's bytes
    dropped: dict[str, int]  # reason -> files
    dropped_names: dict[str, tuple[str, ...]]  # reason -> the first few
    exact_duplicates: int  # pictures whose bytes stand earlier
    near_duplicates: int  # further ones that look like an earlier one
    conflicting: int  # pictures whose group stands under more than one label
    across: int  # test pictures whose group is in the training part too
    notes: tuple[str, ...]


def check_pictures(
    pictures: PictureSet,
    *,
    drop_limit: float = 0.05,
    drop_rare: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> CheckedPictures:
    """Decode every picture once, leave out what cannot be used, and find the same ones.

    DataError is raised when more than ``drop_limit`` (a share) cannot be used, when a class has fewer than two
    different pictures (unless ``drop_rare`` leaves it out), when there is one class, or fewer than 20 pictures.
    """
    if not 0 <= drop_limit <= 1:
        raise UsageError(f"must be a share from 0 to 1, not {drop_limit}", where="--drop-limit")
    watcher = progress or Silent()
    watcher.begin("looking at the pictures", len(pictures), "pictures")
    kept: list[int] = []
    looks: list[Look] = []
    faults = list(pictures.faults)
    results = in_threads(lambda row: _look(pictures, row), range(len(pictures)), threads or cores())
    for row, result in enumerate(results):
        watcher.advance()
        if isinstance(result, PictureError):
            faults.append(PictureError(result.reason, where=pictures.paths[row]))
        else:
            kept.append(row)
            looks.append(result)
    watcher.end()
    dropped = _account(faults)
    _refuse_dropped(pictures, dropped, len(faults), len(faults) + len(kept), drop_limit)
    found = pictures.take(kept)
    groups = same_pictures(looks)
    mask, rare_note = _settle_rare(found, groups, drop_rare)
    chosen = np.flatnonzero(mask)
    found = _named_anew(found.take(chosen))
    groups = groups[chosen]
    looks = [looks[row] for row in chosen.tolist()]
    _require(found)
    return _checked(found, groups, looks, dropped, [*rare_note, *_fault_notes(dropped)])


def usable(pictures: Sequence[Picture], threads: int | None = None) -> tuple[list[int], list[PictureError]]:
    """Return the places of the pictures that can be decoded, and what is wrong with the others, each named."""
    kept, faults = [], []
    results = in_threads(lambda one: decode(one.read(), side=8 * HASH_SIDE), pictures, threads or cores())
    for place, (picture, result) in enumerate(zip(pictures, results, strict=True)):
        if isinstance(result, PictureError):
            faults.append(PictureError(result.reason, where=str(picture)))
        else:
            kept.append(place)
    return kept, faults


def fault_notes(faults: Sequence[PictureError]) -> list[str]:
    """Say by reason and name which pictures are left out."""
    return _fault_notes(_account(faults))


def perceptual_hash(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Return 128 bits that a changed size, compression or brightness hardly alters, uint8 [16].

    The picture is made 9 x 9 pixels of grey; each bit says whether a pixel is brighter than its right, or its lower,
    neighbour (the difference hash, N. Krawetz 2013).
    """
    side = HASH_SIDE + 1
    small = np.asarray(image.convert("L").resize((side, side), Image.Resampling.BOX), dtype=np.int16)
    right = small[:-1, :-1] > small[:-1, 1:]
    below = small[:-1, :-1] > small[1:, :-1]
    return np.packbits(np.stack([right, below]))


def same_pictures(looks: Sequence[Look]) -> npt.NDArray[np.int64]:
    """Return each picture's group: those of equal bytes share one, and those that look the same.

    These have perceptual hashes with at most NEAR different bits, and small copies that correlate: the hash alone would
    take many drawings on plain ground for one. Hashes so near agree in at least one of NEAR + 1 equal pieces, so that
    only pictures that share a piece are compared.
    """
    parents = np.arange(len(looks))

    def root(row: int) -> int:
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = int(parents[row])
        return row

    def join(a: int, b: int) -> None:
        low, high = sorted((root(a), root(b)))
        parents[high] = low

    first: dict[bytes, int] = {}
    for row, look in enumerate(looks):
        join(first.setdefault(look.sha256, row), row)
    if looks:
        hashes = np.stack([look.bits for look in looks])
        small = np.stack([look.small for look in looks])
        for piece in np.split(hashes, NEAR + 1, axis=1):
            for rows in _buckets(piece):
                for place, row in enumerate(rows[:-1]):
                    rest = rows[place + 1 :]
                    distance = np.bitwise_count(hashes[rest] ^ hashes[row]).sum(axis=1)
                    near = rest[distance <= NEAR]
                    for other in near[small[near] @ small[row] >= LEAST_CORRELATION].tolist():
                        join(int(row), other)
    return np.array([root(row) for row in range(len(looks))], dtype=np.int64)


def _buckets(piece: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.int64]]:
    """Return the rows, two or more, that have the same bytes."""
    _, numbers, counts = np.unique(piece, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(numbers, kind="stable")
    rows = np.split(order, np.cumsum(counts)[:-1])
    return [bucket for bucket in rows if len(bucket) > 1]


def _look(pictures: PictureSet, row: int) -> Look:
    data = pictures.read(row)
    image = decode(data, side=8 * HASH_SIDE)
    width, height = size_of(data)
    digest = hashlib.sha256(data).digest()
    return Look(width, height, digest, perceptual_hash(image), _small(image))


def _small(image: Image.Image) -> npt.NDArray[np.float32]:
    grey = image.convert("L").resize((SMALL_SIDE, SMALL_SIDE), Image.Resampling.BOX)
    pixels = np.asarray(grey, dtype=np.float32).flatten()
    pixels -= pixels.mean()
    return pixels / max(float(np.linalg.norm(pixels)), 1e-6)


def _account(faults: Sequence[PictureError]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for fault in faults:
        found.setdefault(fault.reason, []).append(fault.where or "")
    return found


def _refuse_dropped(
    pictures: PictureSet, dropped: dict[str, list[str]], lost: int, total: int, limit: float
) -> None:
    if lost <= limit * total:
        return
    told = "; ".join(f"{len(names):,}: {reason} ({_names(names)})" for reason, names in dropped.items())
    raise DataError(
        f"{lost:,} of {total:,} pictures ({lost / total:.1%}) cannot be used: {told}",
        where=pictures.store.source,
        remedy=f"Replace or remove them, or allow more to be left out with --drop-limit (now {100 * limit:g} %).",
    )


def _fault_notes(dropped: dict[str, list[str]]) -> list[str]:
    return [
        f"{counted(len(names), 'picture')} left out, as each {reason}: {_names(names)}"
        for reason, names in dropped.items()
    ]


def _names(names: list[str]) -> str:
    return listed(tuple(names), _SHOWN)


def _settle_rare(
    pictures: PictureSet, groups: npt.NDArray[np.int64], drop_rare: bool
) -> tuple[npt.NDArray[np.bool_], list[str]]:
    """Refuse, or leave out, classes that have fewer than two different pictures."""
    pairs = np.unique(np.stack([pictures.labels, groups], axis=1), axis=0)
    different = np.bincount(pairs[:, 0], minlength=len(pictures.names))
    rare = np.flatnonzero(different < 2)
    mask = ~np.isin(pictures.labels, rare)
    if not len(rare):
        return mask, []
    names = tuple(pictures.names[label] for label in rare.tolist())
    if not drop_rare:
        own = np.bincount(pictures.labels, minlength=len(pictures.names))[rare[0]]
        told = {0: "has no picture that can be used", 1: "has one picture only"}
        others = f" (and {len(names) - 1:,} more: {listed(names[1:], 4)})" if len(names) > 1 else ""
        raise DataError(
            f"the class {shorten(names[0])!r} {told.get(int(own), f'has {own} pictures, all the same')}{others};"
            " it needs one to learn from and one to test on",
            where=pictures.store.source,
            remedy="Add pictures, remove the class, or leave such classes out with --drop-rare.",
        )
    lost = int((~mask).sum())
    return mask, [
        f"{counted(len(names), 'class') if len(names) == 1 else f'{len(names):,} classes'} with fewer than two"
        f" pictures left out ({listed(names, 5)}): {counted(lost, 'picture')}"
    ]


def _named_anew(pictures: PictureSet) -> PictureSet:
    """Return the pictures with those class names only that any of them has."""
    there, labels = np.unique(pictures.labels, return_inverse=True)
    names = tuple(pictures.names[label] for label in there.tolist())
    return replace(pictures, labels=labels.astype(np.int64), names=names)


def _require(pictures: PictureSet) -> None:
    if len(pictures) < LEAST_PICTURES:
        raise DataError(
            f"{counted(len(pictures), 'usable picture')}; at least {LEAST_PICTURES} are needed",
            where=pictures.store.source,
            remedy="Label more pictures; some hundreds are better.",
        )
    if len(pictures.names) < 2:
        raise DataError(
            f"all {len(pictures):,} pictures are of the class {shorten(pictures.names[0])!r}; two are needed",
            where=pictures.store.source,
            remedy="Make one folder for each class: photos/bees/1.jpg, photos/ants/2.jpg.",
        )


def _checked(
    pictures: PictureSet,
    groups: npt.NDArray[np.int64],
    looks: list[Look],
    dropped: dict[str, list[str]],
    notes: list[str],
) -> CheckedPictures:
    exact = len(looks) - len({look.sha256 for look in looks})
    near = len(looks) - len(np.unique(groups)) - exact
    pairs = np.unique(np.stack([groups, pictures.labels], axis=1), axis=0)
    contested = [group for group, count in Counter(pairs[:, 0].tolist()).items() if count > 1]
    conflicting = np.flatnonzero(np.isin(groups, contested))
    across = np.empty(0, dtype=np.int64)
    if pictures.test is not None:
        across = np.flatnonzero(pictures.test & np.isin(groups, groups[~pictures.test]))
    for rows, told in (
        (conflicting, "are the same as one of another class"),
        (across, "of the test part stand in the training part too"),
    ):
        if len(rows):
            names = [pictures.paths[row] for row in rows.tolist()]
            notes.append(f"{counted(len(rows), 'picture')} {told}: {_names(names)}")
    if exact or near:
        notes.append(
            f"{counted(exact, 'picture')} repeat an earlier one byte for byte, {near:,} more to the eye"
            " (kept, never split between parts)"
        )
    return CheckedPictures(
        pictures=pictures,
        groups=groups,
        sizes=np.array([(look.width, look.height) for look in looks], dtype=np.int64),
        hashes=tuple(look.sha256.hex() for look in looks),
        dropped={reason: len(names) for reason, names in dropped.items()},
        dropped_names={reason: tuple(names[:_SHOWN]) for reason, names in dropped.items()},
        exact_duplicates=exact,
        near_duplicates=near,
        conflicting=len(conflicting),
        across=len(across),
        notes=(*pictures.notes, *notes),
    )
