"""The console's page and its files, as `make pages` built them; until they are there, one sentence says so.

Who asks for the page is served it as soon as it is built, whether the console was started before or after.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Callable, Mapping
from hashlib import sha256

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from fusioncmd.errors import NotFound
from gateways.console.http.asking import Asked

TYPES = {
    "html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml", "png": "image/png", "json": "application/json", "geojson": "application/geo+json",
    "webmanifest": "application/manifest+json", "woff2": "font/woff2",
}  # fmt: skip
INDEX = "console.html"


class Files:
    """`read` gives all files by path, or none as long as they are not built."""

    def __init__(self, read: Callable[[], Mapping[str, bytes]]) -> None:
        self._read, self.data, self.tags = read, dict[str, bytes](), dict[str, str]()
        self.look()

    def look(self) -> None:
        """Whether they are there now."""
        if INDEX not in self.data:
            self.data = dict(self._read())
            self.tags = {name: _tag(data) for name, data in self.data.items()}


def routes(read: Callable[[], Mapping[str, bytes]]) -> list[HTTPRouteHandler]:
    """`x.gz` among the files is x, compressed. Names below assets/ hold a hash of what is in them."""
    kept = Files(read)

    @get(["/", "/{path:path}"], include_in_schema=False)
    async def page(request: Asked, path: str = "/") -> Response[bytes]:
        name = path.strip("/") or INDEX
        if name == INDEX:
            kept.look()
        files = kept.data
        if name not in files or (kind := TYPES.get(name.rpartition(".")[2])) is None:
            raise _absent(name)
        data, etag = files[name], kept.tags[name]
        age = "public, max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"
        head = {"ETag": etag, "Cache-Control": age, "Vary": "Accept-Encoding"}
        if etag in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, headers=head)
        packed = files.get(f"{name}.gz")
        if packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, media_type=kind, headers=head | {"Content-Encoding": "gzip"})
        return Response(data, media_type=kind, headers=head)

    return [page]


def _tag(data: bytes) -> str:
    return f'"{b32encode(sha256(data).digest()[:10]).decode().lower()}"'


def _absent(name: str) -> NotFound:
    if name == INDEX:
        return NotFound(
            "The console's page is not built: `make pages`, where Node.js is. Its API is here, below /api.",
            "指挥台页面尚未构建：请在装有 Node.js 的机器上执行 make pages。接口位于 /api。",
        )
    return NotFound("There is nothing here.", "没有该页面。")
