"""One file from an address on the web. A download that breaks off is kept, and goes on the next time."""

from __future__ import annotations

import hashlib
import http
import http.client
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from headway.core.errors import FetchError
from headway.core.progress import Progress
from headway.weights.sources import PARTIAL

_CHUNK = 1 << 20


def download(address: str, target: Path, size: int | None, progress: Progress, *, timeout: float) -> None:
    """Write what the address has to ``target``; a part is kept beside it, under a name that ends in ``PARTIAL``.

    size: the bytes that it must have, None where they are not known. The part belongs to the address's ETag: of
    another version nothing is taken over. Raises FetchError.
    """
    if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
        raise FetchError(f"{address} is no web address")
    try:
        with _open(address, {}, timeout, method="HEAD") as offered:
            length, tag = offered.headers.get("Content-Length"), offered.headers.get("ETag") or ""
        found = int(length) if length is not None else None
        if size is not None and found not in (None, size):
            raise FetchError(f"{target.name}: it has {found} bytes instead of {size}")
        mark = hashlib.sha256(tag.encode()).hexdigest()[:16]
        partial = target.with_name(f"{target.name}.{mark}{PARTIAL}")
        progress.begin(f"{target.name} from {urllib.parse.urlsplit(address).hostname}", found or 0, "B")
        try:
            _go_on(address, partial, tag, progress, timeout)
        finally:
            progress.end()
        if found is not None and partial.stat().st_size != found:
            raise FetchError(f"{target.name}: broke off after {partial.stat().st_size} of {found} bytes")
        partial.replace(target)
    except (OSError, http.client.HTTPException) as error:  # refused, timed out, not found, broken off
        raise FetchError(f"{target.name}: {error or type(error).__name__}") from error


def _go_on(address: str, partial: Path, tag: str, progress: Progress, timeout: float) -> None:
    """Fetch what is missing; all of it where the server gives no parts or its file has changed."""
    begun = partial.stat().st_size if tag and partial.exists() else 0
    headers = {"Range": f"bytes={begun}-", "If-Range": tag} if begun else {}
    with _open(address, headers, timeout) as answer:
        whole = answer.status != http.HTTPStatus.PARTIAL_CONTENT
        with partial.open("wb" if whole else "ab") as sink:
            progress.advance(sink.tell())
            while chunk := answer.read(_CHUNK):
                sink.write(chunk)
                progress.advance(len(chunk))


def _open(address: str, headers: dict[str, str], timeout: float, *, method: str = "GET") -> Any:
    return urllib.request.urlopen(
        urllib.request.Request(address, headers=headers, method=method), timeout=timeout
    )
