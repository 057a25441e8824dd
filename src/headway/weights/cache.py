"""The cache: where fetched models lie, checked against the catalog's hashes. With all files here, nothing
opens a socket.

The folder is $HEADWAY_CACHE, else $XDG_CACHE_HOME/headway, else ~/.cache/headway; each model has a folder in
it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from headway.core.errors import FetchError, WeightsError
from headway.core.files import disk_errors, require_free_space, sha256_file
from headway.core.progress import Progress, Silent
from headway.weights.catalog import Entry
from headway.weights.sources import LocalFolder, PublishedFile, Source


def cache_folder() -> Path:
    """Return the folder that holds all fetched models; it need not exist."""
    if own := os.environ.get("HEADWAY_CACHE"):
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "headway"


def model_folder(entry: Entry) -> Path:
    """Return the folder of one model; it need not exist."""
    return cache_folder() / entry.name


def is_cached(entry: Entry) -> bool:
    """Return whether all files of the model are here, by name and size (`fetch` checks their hashes)."""
    folder = model_folder(entry)
    return all(_has_size(folder / file.name, file) for file in entry.files)


def fetch(
    entry: Entry, progress: Progress | None = None, *, offline: bool = False, folder: Path | None = None
) -> Path:
    """Bring a model's files here, unless they are, and return their folder. Every byte has been checked.

    progress: watches the download; offline: only sources on this machine are asked; folder: one that holds
    the files and is asked before all others.
    Raises WeightsError (a cached file is damaged), FetchError (no source delivered; says what was tried),
    ResourceError (disk).
    """
    target = model_folder(entry)
    if all((target / file.name).is_file() for file in entry.files):
        damage = _damage(target, entry.files)
        if damage is None:
            return target
        raise WeightsError(
            damage,
            where=str(target),
            remedy=f"Delete this folder, then fetch it again: headway zoo fetch {entry.name}",
        )
    sources: list[Source] = [*([LocalFolder(folder)] if folder else []), *entry.sources]
    _fetch(entry, target, sources, progress or Silent(), offline)
    return target


def _fetch(entry: Entry, target: Path, sources: Sequence[Source], progress: Progress, offline: bool) -> None:
    """Ask one source after the other, and place the files of the first that delivers the right bytes."""
    tried: list[str] = []
    with disk_errors(target):
        target.mkdir(parents=True, exist_ok=True)
        require_free_space(target, 2 * entry.size)  # an archive and what is taken out of it
        for source in sources:
            if offline and source.online:
                tried.append(f"{source.describe()}: not asked, offline")
                continue
            with tempfile.TemporaryDirectory(dir=target, prefix=".fetch.") as temporary:
                try:
                    source.deliver(entry.files, Path(temporary), progress)
                except FetchError as error:
                    tried.append(f"{source.describe()}: {error.problem}")
                    continue
                damage = _damage(Path(temporary), entry.files)
                if damage is not None:
                    tried.append(f"{source.describe()}: {damage}")
                    continue
                for file in entry.files:
                    (Path(temporary) / file.name).replace(target / file.name)
            progress.say(f"Fetched {entry.title} from: {source.describe()}")
            return
        if not any(target.iterdir()):
            shutil.rmtree(target)
    tries = "\n    ".join(tried)
    names = " and ".join(file.name for file in entry.files)
    raise FetchError(
        f"could not be fetched. Tried:\n    {tries}",
        where=entry.name,
        remedy=f"With a connection, run: headway zoo fetch {entry.name}\n"
        f"  Or put {names} into a folder {entry.name}/ below $HEADWAY_WEIGHTS.",
    )


def _damage(folder: Path, files: Sequence[PublishedFile]) -> str | None:
    """Say what is wrong with the files in a folder, or return None."""
    for file in files:
        path = folder / file.name
        if not path.is_file():
            return f"{file.name} is missing"
        size = path.stat().st_size
        if size != file.size:
            return f"{file.name} is damaged: {size} bytes instead of {file.size}"
        found = sha256_file(path)
        if found != file.sha256:
            return f"{file.name} is damaged or another file: its sha256 is {found}, not {file.sha256}"
    return None


def _has_size(path: Path, file: PublishedFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size
