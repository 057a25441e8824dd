"""The hub source against a server on this machine that speaks the hub's download protocol."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from hub_server import Hub, serve

REVISION = "0123456789abcdef0123456789abcdef01234567"
CONTENT = {"model.safetensors": bytes(range(256)) * 2000, "vocab.txt": b"[PAD]\n"}

# Run in a process of its own: the hub's client reads HF_ENDPOINT once, when it is imported.
SCRIPT = """
import dataclasses, json, sys
from headway.core.errors import FetchError
from headway.core.progress import Silent
from headway.weights import cache, catalog
from headway.weights.sources import HubRepo, LocalFolder, PublishedFile

class Counter(Silent):
    total = 0
    def advance(self, count=1, note=""):
        Counter.total += count
    def say(self, text):
        print("said:", text)

files, revision = json.loads(sys.argv[1])
entry = dataclasses.replace(
    catalog.find("minilm"), name="toy",
    files=tuple(PublishedFile(*file) for file in files),
    sources=(HubRepo("someone/toy", revision), LocalFolder(variable="HEADWAY_WEIGHTS", subfolder="toy")),
)
try:
    print("folder:", cache.fetch(entry, Counter()))
except FetchError as error:
    print("error:", error)
print("counted:", Counter.total)
"""


@pytest.fixture
def hub() -> Iterator[str]:
    with serve("someone/toy", REVISION, CONTENT, {"model.safetensors"}) as endpoint:
        yield endpoint


KNOWN = [(name, hashlib.sha256(data).hexdigest(), len(data)) for name, data in CONTENT.items()]
UNKNOWN = [(name,) for name in CONTENT]


def _fetch(tmp_path: Path, endpoint: str, files: Sequence[tuple[object, ...]] = KNOWN, **more: str) -> str:
    source = Path(__file__).parents[3] / "src"
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment |= {
        "PYTHONPATH": str(source),
        "HEADWAY_CACHE": str(tmp_path / "cache"),
        "HF_HOME": str(tmp_path / "hf"),
        "HF_ENDPOINT": endpoint,
        "HEADWAY_WEIGHTS": str(tmp_path / "weights"),
    }
    command = [sys.executable, "-W", "error", "-c", SCRIPT, json.dumps([files, REVISION])]
    done = subprocess.run(
        command, env=environment | more, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" or Hub.fail_after, done.stderr  # of a broken download the client speaks itself
    return done.stdout


def _cached(tmp_path: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(tmp_path / "cache")): p.read_bytes()
        for p in (tmp_path / "cache").rglob("*")
        if p.is_file()
    }


WHOLE = {f"toy/{name}": data for name, data in CONTENT.items()}


def test_files_come_from_the_hub_at_the_fixed_revision(hub: str, tmp_path: Path) -> None:
    out = _fetch(tmp_path, hub)
    assert _cached(tmp_path) == WHOLE
    assert f"counted: {sum(map(len, CONTENT.values()))}" in out
    assert all(f"/resolve/{REVISION}/" in request for request in Hub.files())
    asked = len(Hub.requests)
    assert asked
    assert "folder:" in _fetch(tmp_path, hub)
    assert len(Hub.requests) == asked  # the second time nobody is asked


def test_other_bytes_are_refused_and_the_next_source_is_tried(hub: str, tmp_path: Path) -> None:
    Hub.served["vocab.txt"] = b"[pad]\n"
    out = _fetch(tmp_path, hub)
    assert "someone/toy at 0123456789ab: vocab.txt is damaged or another file" in out
    assert _cached(tmp_path) == {}
    own = tmp_path / "weights" / "toy"
    own.mkdir(parents=True)
    for name, data in CONTENT.items():
        (own / name).write_bytes(data)
    assert "said: Fetched all-MiniLM-L6-v2 from: folder" in _fetch(tmp_path, hub)
    assert _cached(tmp_path) == WHOLE


def test_a_file_of_another_size_is_not_downloaded(hub: str, tmp_path: Path) -> None:
    Hub.served["model.safetensors"] = bytes(1000)
    assert "model.safetensors: it has 1000 bytes instead of 512000" in _fetch(tmp_path, hub)
    assert not any(request.startswith("GET") for request in Hub.files())


def test_a_download_that_breaks_off_leaves_nothing_half_written(hub: str, tmp_path: Path) -> None:
    Hub.fail_after = 100_000
    assert "error:" in _fetch(tmp_path, hub)
    assert _cached(tmp_path) == {}


def test_a_broken_download_goes_on_where_it_stopped(hub: str, tmp_path: Path) -> None:
    """The client hands on 10 MiB at a time; what is left of a piece when the line breaks is lost."""
    mebibyte = 1 << 20
    large = os.urandom(24 * mebibyte)
    Hub.served["model.safetensors"] = large
    files = [("model.safetensors", hashlib.sha256(large).hexdigest(), len(large)), KNOWN[1]]
    Hub.fail_after = 15 * mebibyte
    assert "error:" in _fetch(tmp_path, hub, files)
    (part,) = _cached(tmp_path).items()
    assert part[0].startswith("toy/.partial/model.safetensors.") and part[1] == large[: 10 * mebibyte]
    Hub.requests.clear()
    Hub.fail_after = None
    out = _fetch(tmp_path, hub, files)
    downloads = [request for request in Hub.files() if request.startswith("GET")]
    assert downloads[0].endswith(f"model.safetensors bytes={10 * mebibyte}-")
    assert _cached(tmp_path) == WHOLE | {"toy/model.safetensors": large}
    assert f"counted: {len(large) + len(CONTENT['vocab.txt'])}" in out


def test_a_hash_that_the_catalog_does_not_know_is_the_hubs_and_then_remembered(
    hub: str, tmp_path: Path
) -> None:
    Hub.declared["vocab.txt"] = "0" * 40
    out = _fetch(tmp_path, hub, UNKNOWN)
    assert f"vocab.txt: the hub declares {'0' * 40}, which is not that of what came" in out
    assert _cached(tmp_path) == {}
    Hub.declared = {"model.safetensors": "0" * 64}
    assert "model.safetensors: the hub declares 000" in _fetch(tmp_path, hub, UNKNOWN)
    Hub.declared = {}
    assert "folder:" in _fetch(tmp_path, hub, UNKNOWN)
    remembered = json.loads((tmp_path / "cache" / "hashes.json").read_text())
    assert remembered == {"toy": {name: {"sha256": sha256, "size": size} for name, sha256, size in KNOWN}}
    asked = len(Hub.requests)
    assert "folder:" in _fetch(tmp_path, hub, UNKNOWN)
    assert len(Hub.requests) == asked
    shutil.rmtree(tmp_path / "cache" / "toy")
    Hub.served["vocab.txt"] = b"[pad]\n"  # declared rightly, but not what came first
    assert "vocab.txt is damaged or another file" in _fetch(tmp_path, hub, UNKNOWN)


def test_a_missing_file_and_a_hub_that_is_switched_off_are_reported(hub: str, tmp_path: Path) -> None:
    del Hub.served["vocab.txt"]
    assert "vocab.txt: 404" in _fetch(tmp_path, hub)
    Hub.requests.clear()
    out = _fetch(tmp_path, hub, HF_HUB_OFFLINE="1")
    assert "error:" in out
    assert "offline" in out.lower()
    assert Hub.requests == []


def test_a_host_that_cannot_be_reached_is_given_up_at_once(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    out = _fetch(tmp_path, endpoint)
    assert "someone/toy at 0123456789ab: model.safetensors:" in out
    assert "headway zoo fetch toy" in out
