"""TLS as a client of the bus speaks it: 1.2 or later, and only with a server that a trusted authority vouches for."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from fusioncmd.errors import BadInput, NotFound
from fusioncmd.words import reason

SCHEME = "tls://"
CA_VARIABLE = "FUSIONCMD_TLS_CA"


def client_context(url: str, ca: Path | None) -> ssl.SSLContext | None:
    """None for a URL of a plain connection. Without `ca` FUSIONCMD_TLS_CA says which authority is trusted, else it is
    those that the system trusts."""
    secured = {each.startswith(SCHEME) for each in url.split(",")}
    if len(secured) > 1:
        raise BadInput(f"Of {url} all or none must be tls://.", f"{url} 须全部使用 tls://，或全部不用。")
    if secured == {False}:
        return None
    file = ca or (Path(given) if (given := os.environ.get(CA_VARIABLE)) else None)
    try:
        context = ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        raise BadInput(f"{file} holds no certificate of an authority.", f"{file} 中没有 CA 证书。") from None
    except OSError as error:
        en, zh = reason(error)
        raise NotFound(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
