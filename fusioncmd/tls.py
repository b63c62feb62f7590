"""Certificates for development: an authority of one's own, and a server's certificate that it vouches for (RFC 5280).

For a real deployment, take those of an authority that the organisation has; these are made to try TLS with.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fusioncmd import limits
from fusioncmd.errors import BadInput, Conflict
from fusioncmd.trust.keyfile import make_file

LOCAL = ("localhost", "127.0.0.1", "::1")
USES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)  # servers of a cluster join each other
CA, CA_KEY, SERVER, SERVER_KEY = "ca.pem", "ca.key", "server.pem", "server.key"


def make(folder: Path, hosts: Sequence[str], now: datetime.datetime) -> None:
    """Authority and server certificate in `folder`, the latter for `hosts` (names and addresses) and this machine.

    `Conflict` when one of the files is there: an authority that is replaced has to be brought to every client anew.
    """
    names = [_name(host) for host in dict.fromkeys((*LOCAL, *hosts))]
    for file in (CA, CA_KEY, SERVER, SERVER_KEY):
        if (folder / file).exists():
            raise Conflict(f"{folder / file} is there already.", f"{folder / file} 已存在。")
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    subject = _called("fusioncmd development CA")
    begin = now - datetime.timedelta(seconds=limits.CLOCK_SKEW_MS_MAX // 1000)
    authority = (
        _certificate(subject, subject, authority_key, begin, limits.DEVELOPMENT_CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    own = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    server = (
        _certificate(_called((*hosts, *LOCAL)[0][:64]), subject, server_key, begin, limits.DEVELOPMENT_CERTIFICATE_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(USES), critical=False)
        .add_extension(own, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    for file, key in ((CA_KEY, authority_key), (SERVER_KEY, server_key)):
        make_file(folder / file, _private(key), 0o600)
    for file, certificate in ((CA, authority), (SERVER, server)):
        make_file(folder / file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begin: datetime.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=sign_certificates, crl_sign=sign_certificates,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host.encode("idna").decode())
    except (UnicodeError, ValueError):
        raise BadInput(f"{host!r} is no name of a machine.", f"“{host}”不是主机名或地址。") from None


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())
