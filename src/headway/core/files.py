"""Files: writes that happen whole or not at all, hashes, sizes, free space."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headway.core.errors import DiskError, ResourceError, RunError


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; on success it replaces ``target``, else it is removed."""
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            _flush(temporary)
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``target``; on success it takes ``target``'s place, else it is removed."""
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            if target.exists():
                shutil.rmtree(target)
            temporary.replace(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder, if it is there: for whoever looks for it all at once, even where the process is killed."""
    if folder.is_dir():
        gone = folder.with_name(f".{folder.name}.gone")  # `sweep` removes what a kill leaves of it
        shutil.rmtree(gone, ignore_errors=True)
        folder.replace(gone)
        shutil.rmtree(gone, ignore_errors=True)


@contextmanager
def disk_errors(target: Path) -> Iterator[None]:
    """Turn the operating system's disk errors into DiskError that names ``target``."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskError(
                "no space left on the disk",
                where=str(target),
                remedy="Free some space or choose another folder.",
            ) from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}:
            raise DiskError(
                f"cannot be written: {error.strerror}",
                where=str(target),
                remedy="Choose a folder that you may write to.",
            ) from error
        raise


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` while the work goes on; the system lets go of it when the process ends, however.

    Raises RunError when another process holds it.
    """
    import fcntl

    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(
                "another process is at work in it",
                where=str(path.parent),
                remedy="Wait until it has ended, or end it.",
            ) from error
        yield


def sweep(folder: Path) -> None:
    """Remove the temporary files and folders that killed writers left anywhere below a folder of ours."""
    for path in sorted(folder.rglob(".*"), reverse=True):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any, indent: int | None = 2) -> None:
    """Write ``value`` as JSON with its keys in their order, whole or not at all."""
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; raises RunError when it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError("is missing", where=str(path)) from error
    except ValueError as error:
        raise RunError(f"is damaged: {error}", where=str(path)) from error


def sha256_file(path: Path) -> str:
    """Return the file's SHA-256 as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_size(path: Path) -> int:
    """Return the bytes that a file, or all files below a folder, hold."""
    if path.is_file():
        return path.stat().st_size
    return sum(entry.stat().st_size for entry in path.rglob("*") if entry.is_file())


def require_free_space(folder: Path, needed: int) -> None:
    """Raise ResourceError unless the disk that holds ``folder`` has ``needed`` bytes left."""
    existing = next(path for path in [folder, *folder.resolve().parents] if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise ResourceError(
            f"needs {human_bytes(needed)} of disk, {human_bytes(free)} are free",
            where=str(folder),
            remedy="Free some space or choose another folder.",
        )


def human_bytes(count: float) -> str:
    """Format a number of bytes for reading: 912 B, 1.4 kB, 90.9 MB (powers of 1000)."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.5 or unit == "GB":
            return f"{count:.0f} {unit}" if count >= 99.5 else f"{count:.1f} {unit}"
    raise AssertionError("unreachable")


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
