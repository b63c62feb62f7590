"""The key of a satellite link: made on this machine, and stated by the node's trust key to be this node's.

Who ends such a link holds no key of the node: only `satellite/link.key`, and beside it a certificate of its own (X.509,
RFC 5280), one extension of which is a statement (`statements`, purpose `link`) that names the link's key and the node.
The certificate is for TLS to carry; it is believed for that statement alone. Its dates say nothing, because the clock
of a kit is not to be trusted: what bounds it are the grants in the statement, set by the tiers that granted them.
"""

from __future__ import annotations

import datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.trust import keyfile, ring, statements
from fusioncmd.trust.canonical import Form
from fusioncmd.trust.chains import Anchors, Chain
from fusioncmd.trust.grants import Credential, PlaceCode
from fusioncmd.trust.refusals import refusal

# 2.25: an arc for whoever draws a UUID (ITU-T X.667).
EXTENSION = x509.ObjectIdentifier("2.25.87152337217046093124519472901358102411")
BEGINS, ENDS = datetime.datetime(2000, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59)
FOLDER, CERTIFICATE, KEY = "satellite", "link.pem", "link.key"


class LinkKey(Struct, frozen=True, array_like=True, tag="link-key.1"):
    code: PlaceCode  # of the node
    key: Annotated[bytes, Meta(min_length=32, max_length=32)]  # SHA-256 of its public key (SubjectPublicKeyInfo, DER)


_form = Form(LinkKey, limits.STATEMENT_BYTES_MAX)


def ensure_link_certificate(data: Path, code: str, now_ms: int) -> None:
    """`satellite/link.key` (0600; kept when it is there) and `link.pem`, stated anew by the node's key in `data`.

    `Untrusted` for a node key of another place; `NotFound` where there is none.
    """
    folder = data / FOLDER
    key_file, file = folder / KEY, folder / CERTIFICATE
    if not key_file.exists():
        made = Ed25519PrivateKey.generate()
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        keyfile.make_file(key_file, made.private_bytes(encoding, form, serialization.NoEncryption()), 0o600)
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise refusal("key")
    certificate = make(key, code, ring.node_key(ring.folder_of(data)))
    file.unlink(missing_ok=True)  # one that is missing after a crash is made at the next start
    keyfile.make_file(file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def make(key: Ed25519PrivateKey, code: str, node: Credential) -> x509.Certificate:
    """The certificate of `key` as the link key of `code`, stated by `node`; `Untrusted` where it is another's."""
    if node.grant.path != code or "node" not in node.grant.purposes:
        raise refusal("scope")
    statement = statements.state("link", _form.encode(LinkKey(code, _digest(key.public_key()))), node)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"fusioncmd link {code}")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGINS)
        .not_valid_after(ENDS)
        .add_extension(x509.UnrecognizedExtension(EXTENSION, statement), critical=False)
        .sign(key, None)
    )


def statement_in(certificate: x509.Certificate) -> bytes:
    """`Untrusted` when there is none, or it names another key than the certificate's, which its holder proved."""
    try:
        found = certificate.extensions.get_extension_for_oid(EXTENSION).value
        key = certificate.public_key()
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError, TypeError):
        raise refusal("bytes") from None
    if not isinstance(found, x509.UnrecognizedExtension) or len(found.value) > limits.STATEMENT_BYTES_MAX:
        raise refusal("bytes")
    if _form.decode(statements.body_of(found.value)).key != _digest(key):
        raise refusal("key")
    return found.value


def read(statement: bytes, anchors: Anchors) -> tuple[str, Chain]:
    """Whose link key it is and by what right; `Untrusted`. Time and what was revoked are for the reader to ask."""
    body, chain = statements.read(statement, "link", anchors)
    code = _form.decode(body).code
    if "node" not in chain.leaf.purposes:
        raise refusal("purpose")
    if chain.leaf.path != code:
        raise refusal("scope")
    return code, chain


def _digest(public: CertificatePublicKeyTypes) -> bytes:
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return sha256(public.public_bytes(encoding, form)).digest()


def claimed(statement: bytes) -> str:
    """The code in a statement that nobody has judged."""
    return _form.decode(statements.body_of(statement)).code
