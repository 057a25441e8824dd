"""The hub source against a server on this machine that speaks the hub's download protocol."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

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


class Hub(BaseHTTPRequestHandler):
    """Enough of the hub: HEAD and GET of /{repo}/resolve/{revision}/{file}, with Range."""

    served: ClassVar[dict[str, bytes]]
    requests: ClassVar[list[str]]
    fail_after: ClassVar[int | None] = None  # bytes after which a download breaks off

    @classmethod
    def files(cls) -> list[str]:
        """The requests for files; the client also asks the hub for things of its own."""
        return [request for request in cls.requests if "/api/" not in request]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        Hub.requests.append(f"{self.command} {self.path}")
        prefix = f"/someone/toy/resolve/{REVISION}/"
        name = self.path.removeprefix(prefix)
        if not self.path.startswith(prefix) or name not in Hub.served:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = Hub.served[name]
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", REVISION)
        self.send_header("Content-Length", str(len(data) - start))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if body:
            self.wfile.write(data[start : Hub.fail_after])

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    Hub.served, Hub.requests, Hub.fail_after = dict(CONTENT), [], None
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def _fetch(tmp_path: Path, endpoint: str, **more: str) -> str:
    files = [(name, hashlib.sha256(data).hexdigest(), len(data)) for name, data in CONTENT.items()]
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
