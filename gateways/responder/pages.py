"""The responder's page and its files, as whole HTTP answers that are made once (RFC 9110). Pure.

Whoever asks gets bytes that all share. Without a page, or beyond its files, a GET is what it was: no way to /terminal.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
}
# CSP level 3. `self` stands for the WebSocket of the same origin, too; pictures that a person has chosen are blobs.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'%s; "
    "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
COMMON = (
    "Connection: close\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
)
FOR_EVER, ASKED_AGAIN = "public, max-age=31536000, immutable", "no-cache"
HASHED = "/assets/"  # names there hold a hash of what is in them


class _Page(NamedTuple):
    etag: str
    plain: bytes
    packed: bytes  # the same as gzip; as plain as that, where it is not packed
    head: bytes
    unchanged: bytes


class Pages:
    """`files` by their path below the page's folder; `x.gz` is x, compressed. `index` is what / names; `reaches` what
    else its scripts may connect to."""

    def __init__(
        self, files: Mapping[str, bytes] | None = None, index: str = "responder.html", reaches: str = ""
    ) -> None:
        self._pages: dict[str, _Page] = {}
        files, policy = files or {}, POLICY % (reaches and f" {reaches}")
        for name, data in files.items():
            if (kind := TYPES.get(name.rpartition(".")[2])) is not None:
                path = "/" if name == index else f"/{name}"
                self._pages[path] = _made(path, kind, data, files.get(f"{name}.gz"), policy)

    def __len__(self) -> int:
        return len(self._pages)

    def answer(self, request: bytes) -> bytes | None:
        """To a whole request head; None where it is not for one of the files, or is not to be understood."""
        line, _, rest = request.partition(b"\r\n")
        method, _, target = line.partition(b" ")
        if not self._pages or method not in (b"GET", b"HEAD"):
            return None
        path = target.partition(b" ")[0].partition(b"?")[0].decode("latin-1")
        page = self._pages.get(path)
        if page is None:
            return None
        fields = _fields(rest)
        if page.etag in fields.get("if-none-match", ""):
            return page.unchanged
        if method == b"HEAD":
            return page.head
        return page.packed if "gzip" in fields.get("accept-encoding", "") else page.plain


NO_PAGES = Pages()


def _made(path: str, kind: str, data: bytes, gzipped: bytes | None, policy: str) -> _Page:
    etag = f'"{b32encode(sha256(data).digest()[:10]).decode().lower()}"'
    kept = f"Cache-Control: {FOR_EVER if path.startswith(HASHED) else ASKED_AGAIN}\r\nETag: {etag}\r\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{COMMON}Content-Security-Policy: {policy}\r\n{kept}"
    if gzipped is not None:
        head += "Vary: Accept-Encoding\r\n"
    plain = f"{head}Content-Length: {len(data)}\r\n\r\n".encode()
    packed = plain + data
    if gzipped is not None:
        packed = f"{head}Content-Encoding: gzip\r\nContent-Length: {len(gzipped)}\r\n\r\n".encode() + gzipped
    unchanged = f"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n{kept}\r\n".encode()
    return _Page(etag, plain + data, packed, plain, unchanged)


def _fields(lines: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines.decode("latin-1").split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
