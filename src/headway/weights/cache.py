"""The cache: where fetched models lie, checked against the catalog's hashes. With all files here, nothing
opens a socket.

The folder is $HEADWAY_CACHE, else $XDG_CACHE_HOME/headway, else ~/.cache/headway; each model has a folder in
it. Beside them `hashes.json` remembers, of files whose hash the catalog does not know, the hash of what came first:
other bytes are refused from then on.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from headway.core.errors import FetchError, WeightsError
from headway.core.files import disk_errors, read_json, require_free_space, sha256_file, write_json
from headway.core.progress import Progress, Silent
from headway.weights.published import Published
from headway.weights.sources import PARTIAL, LocalFolder, PublishedFile, Source

HASHES = "hashes.json"


def cache_folder() -> Path:
    """Return the folder that holds all fetched models; it need not exist."""
    if own := os.environ.get("HEADWAY_CACHE"):
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "headway"


def model_folder(entry: Published) -> Path:
    """Return the folder of one model; it need not exist."""
    return cache_folder() / entry.name


def is_cached(entry: Published) -> bool:
    """Return whether all files of the model are here, by name and size (`fetch` checks their hashes)."""
    folder = model_folder(entry)
    return all(_has_size(folder / file.name, file) for file in _expected(entry))


def fetch(
    entry: Published, progress: Progress | None = None, *, offline: bool = False, folder: Path | None = None
) -> Path:
    """Bring a model's files here, unless they are, and return their folder. Every byte has been checked.

    progress: watches the download; offline: only sources on this machine are asked; folder: one that holds
    the files and is asked before all others.
    Raises WeightsError (a cached file is damaged), FetchError (no source delivered; says what was tried),
    ResourceError (disk).
    """
    target = model_folder(entry)
    files = _expected(entry)
    if all((target / file.name).is_file() for file in files) and all(file.sha256 for file in files):
        damage = _damage(target, files)
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


def _fetch(
    entry: Published, target: Path, sources: Sequence[Source], progress: Progress, offline: bool
) -> None:
    """Ask one source after the other, and place the files of the first that delivers the right bytes."""
    tried: list[str] = []
    files = _expected(entry)
    with disk_errors(target):
        target.mkdir(parents=True, exist_ok=True)
        require_free_space(target, 2 * entry.size)  # an archive and what is taken out of it
        for source in sources:
            if offline and source.online:
                tried.append(f"{source.describe()}: not asked, offline")
                continue
            with _workplace(target) as temporary:
                try:
                    source.deliver(files, temporary, progress)
                except FetchError as error:
                    tried.append(f"{source.describe()}: {error.problem}")
                    continue
                damage = _damage(temporary, files)
                if damage is not None:
                    tried.append(f"{source.describe()}: {damage}")
                    continue
                _remember(entry, temporary)
                for file in files:
                    (temporary / file.name).replace(target / file.name)
            shutil.rmtree(target / PARTIAL, ignore_errors=True)  # what another source had begun
            progress.say(f"Fetched {entry.title} from: {source.describe()}")
            return
        if not any(target.iterdir()):
            shutil.rmtree(target)
    tries = "\n    ".join(tried)
    names = " and ".join(file.name for file in entry.files)
    by_hand = f"put {names} into a folder {entry.name}/ below $HEADWAY_WEIGHTS."
    online = any(source.online for source in entry.sources)
    raise FetchError(
        f"could not be fetched. Tried:\n    {tries}",
        where=entry.name,
        remedy=f"With a connection, run: headway zoo fetch {entry.name}\n  Or {by_hand}"
        if online
        else f"No address is known that delivers it with its hash. If you have its files, {by_hand}",
    )


@contextmanager
def _workplace(target: Path) -> Iterator[Path]:
    """Yield a folder for one delivery. The parts of files that a broken one leaves are found there by the next."""
    temporary = Path(tempfile.mkdtemp(dir=target, prefix=".fetch."))
    kept = target / PARTIAL
    with suppress(OSError):  # there is none, or another process has taken it
        kept.replace(temporary)
    try:
        yield temporary
    finally:
        for path in temporary.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif not path.name.endswith(PARTIAL) or path.stat().st_size == 0:
                path.unlink(missing_ok=True)
        if any(temporary.iterdir()):
            with suppress(OSError):
                temporary.replace(kept)
        shutil.rmtree(temporary, ignore_errors=True)


def _expected(entry: Published) -> list[PublishedFile]:
    """Return the model's files with the hashes and sizes that the catalog knows, or else the cache remembers."""
    if all(file.sha256 for file in entry.files):
        return list(entry.files)
    remembered = _remembered().get(entry.name, {})
    return [file if file.sha256 else replace(file, **remembered.get(file.name, {})) for file in entry.files]


def _remember(entry: Published, folder: Path) -> None:
    """Write down the hashes and sizes of files whose hash the catalog does not know."""
    found = {
        file.name: {"sha256": sha256_file(folder / file.name), "size": (folder / file.name).stat().st_size}
        for file in entry.files
        if file.sha256 is None
    }
    if found:
        write_json(cache_folder() / HASHES, {**_remembered(), entry.name: found})


def _remembered() -> dict[str, dict[str, dict[str, Any]]]:
    """Return model -> file -> its sha256 and size."""
    path = cache_folder() / HASHES
    stored: dict[str, dict[str, dict[str, Any]]] = read_json(path) if path.exists() else {}
    return stored


def _damage(folder: Path, files: Sequence[PublishedFile]) -> str | None:
    """Say what is wrong with the files in a folder, or return None."""
    for file in files:
        path = folder / file.name
        if not path.is_file():
            return f"{file.name} is missing"
        size = path.stat().st_size
        if file.size is not None and size != file.size:
            return f"{file.name} is damaged: {size} bytes instead of {file.size}"
        found = sha256_file(path) if file.sha256 else None
        if found != file.sha256:
            return f"{file.name} is damaged or another file: its sha256 is {found}, not {file.sha256}"
    return None


def _has_size(path: Path, file: PublishedFile) -> bool:
    return file.sha256 is not None and path.is_file() and file.size in (None, path.stat().st_size)
