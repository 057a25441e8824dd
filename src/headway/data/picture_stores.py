"""Where the bytes of pictures lie: a folder, or a zip file that is read in place and never unpacked.

Both list every file by its path below the root and read one by that path. What must not be read is listed with the
reason instead.
"""

from __future__ import annotations

import os
import stat
import threading
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol

from headway.core.errors import DataError, PictureError
from headway.core.files import human_bytes
from headway.data.images import DAMAGED, UNREADABLE

MOST_BYTES = 200_000_000  # of one file; a camera's largest pictures have 50 to 100 MB
UNSAFE_NAME = "has a name that leads out of the archive"
LINK = "is a link inside an archive"
TWICE = "stands twice in the archive"
TOO_MANY_BYTES = "has too many bytes"


class Store(Protocol):
    """A place with files."""

    source: str  # for messages

    def files(self) -> Iterator[tuple[str, PictureError | None]]:
        """Yield each file's path below the root, with / between its parts, in sorted order, and what forbids it."""

    def read(self, path: str) -> bytes:
        """Return a file's bytes. Raises PictureError."""


class Folder:
    """The files below a folder. Links to files are followed, links to folders are not."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source = str(root)

    def files(self) -> Iterator[tuple[str, PictureError | None]]:
        """Yield each file; a folder that cannot be listed is itself yielded, as unreadable."""
        barred: list[OSError] = []
        found: list[tuple[str, PictureError | None]] = []
        for folder, folders, names in os.walk(self.root, onerror=barred.append):
            folders.sort()
            below = Path(folder).relative_to(self.root)
            found += [((below / name).as_posix(), None) for name in names]
        for error in barred:
            where = Path(error.filename).relative_to(self.root).as_posix()
            found.append((where, PictureError(UNREADABLE, error.strerror or "", where=where)))
        yield from sorted(found, key=lambda one: one[0])

    def read(self, path: str) -> bytes:
        """Return a file's bytes."""
        try:
            if not (self.root / path).is_file():  # opening a pipe would wait for ever
                raise PictureError(UNREADABLE, "no such file, or no regular one", where=path)
            with (self.root / path).open("rb") as file:
                return _bounded(file.read(MOST_BYTES + 1), path)
        except (OSError, ValueError) as error:
            raise PictureError(
                UNREADABLE, getattr(error, "strerror", None) or str(error), where=path
            ) from error


class Archive:
    """The files in a zip file."""

    def __init__(self, path: Path) -> None:
        self.source = str(path)
        try:
            self.archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            raise DataError(f"is no readable zip file: {error}", where=str(path)) from error
        self.lock = threading.Lock()

    def files(self) -> Iterator[tuple[str, PictureError | None]]:
        """Yield each member; one with an unsafe name, a link, or one that is too large is forbidden."""
        seen: set[str] = set()
        found = []
        for member in self.archive.infolist():
            if not member.is_dir():
                found.append((member.filename, _forbidden(member, seen)))
                seen.add(member.filename)
        yield from sorted(found, key=lambda one: (one[0], one[1] is not None))

    def read(self, path: str) -> bytes:
        """Return a member's bytes; never more than it states, which `files` has checked."""
        try:
            with self.lock:  # one file position for all threads; unpacking is a small part of decoding
                return _bounded(self.archive.read(path), path)
        except PictureError:
            raise
        except Exception as error:  # a damaged archive fails in whatever way its bytes lead to
            raise PictureError(DAMAGED, str(error) or type(error).__name__, where=path) from error


class Joined:
    """Several stores as one: each file's path begins with its store's name."""

    def __init__(self, stores: Mapping[str, Store]) -> None:
        self.stores = stores
        self.source = next(iter(stores.values())).source

    def files(self) -> Iterator[tuple[str, PictureError | None]]:
        """Yield the files of each."""
        for name, store in self.stores.items():
            yield from ((f"{name}/{path}", fault) for path, fault in store.files())

    def read(self, path: str) -> bytes:
        """Return a file's bytes."""
        name, _, rest = path.partition("/")
        return self.stores[name].read(rest)


def _forbidden(member: zipfile.ZipInfo, seen: set[str]) -> PictureError | None:
    name = member.filename
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0] == "/" or ":" in parts[0]:
        return PictureError(UNSAFE_NAME, where=name)
    if stat.S_ISLNK(member.external_attr >> 16):
        return PictureError(LINK, where=name)
    if name in seen:
        return PictureError(TWICE, where=name)
    if member.file_size > MOST_BYTES:
        return PictureError(TOO_MANY_BYTES, human_bytes(member.file_size), where=name)
    return None


def _bounded(data: bytes, path: str) -> bytes:
    if len(data) > MOST_BYTES:
        raise PictureError(TOO_MANY_BYTES, f"over {human_bytes(MOST_BYTES)}", where=path)
    return data
