"""A server on this machine that speaks the Hugging Face hub's download protocol."""

import hashlib
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


class Hub(BaseHTTPRequestHandler):
    """Enough of the hub: HEAD and GET of /{repo}/resolve/{revision}/{file}, with Range.

    It declares SHA-256 of the files in ``large``, and of the others Git's blob hash, as the hub does.
    """

    prefix: ClassVar[str]  # /{repo}/resolve/{revision}/
    served: ClassVar[dict[str, bytes]]
    large: ClassVar[set[str]]
    requests: ClassVar[list[str]]
    fail_after: ClassVar[int | None]  # bytes of a file after which a download breaks off
    fail_times: ClassVar[float]  # how often it does
    declared: ClassVar[dict[str, str]]  # hashes that are not those of the bytes

    @classmethod
    def files(cls) -> list[str]:
        """The requests for files; the client also asks the hub for things of its own."""
        return [request for request in cls.requests if "/api/" not in request]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        asked = self.headers.get("Range")
        Hub.requests.append(f"{self.command} {self.path}" + (f" {asked}" if asked else ""))
        name = self.path.removeprefix(Hub.prefix)
        if not self.path.startswith(Hub.prefix) or name not in Hub.served:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = Hub.served[name]
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("ETag", f'"{Hub.declared.get(name) or self._hash(name, data)}"')
        self.send_header("X-Repo-Commit", Hub.prefix.split("/")[-2])
        self.send_header("Content-Length", str(len(data) - start))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if body:
            fails = Hub.fail_times > 0 and Hub.fail_after is not None and Hub.fail_after < len(data)
            Hub.fail_times -= fails
            self.wfile.write(data[start : Hub.fail_after if fails else None])

    def _hash(self, name: str, data: bytes) -> str:
        if name in Hub.large:
            return hashlib.sha256(data).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def serve(repo: str, revision: str, files: dict[str, bytes], large: set[str]) -> Iterator[str]:
    """Serve the files of a repository at a revision, and yield the address for HF_ENDPOINT."""
    Hub.prefix = f"/{repo}/resolve/{revision}/"
    Hub.served, Hub.large, Hub.requests, Hub.fail_after, Hub.declared = dict(files), large, [], None, {}
    Hub.fail_times = math.inf
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()
