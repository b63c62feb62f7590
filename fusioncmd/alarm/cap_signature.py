"""Whether an alert is signed, all of it, by whom it should be (CAP 1.2, 3.3.4.1). The one file that knows signxml.

What comes back is what the signature covers and nothing else, so nothing that was wrapped around it or put beside it is
read. One enveloped signature at the alert itself, over the whole of it, by RSA or ECDSA with SHA-2; its key is the
certificate's that the operator gave, whatever the signature says of its own key. SHA-1 is refused: it can be forged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import Certificate, load_pem_x509_certificate
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidCertificate, InvalidDigest, InvalidSignature, SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from fusioncmd.alarm import cap_xml
from fusioncmd.errors import BadInput, Forbidden

CERTIFICATES_MAX = 8  # of one source, while one takes the place of another; reject
FILE_BYTES_MAX = 64 * 1024  # reject
_SHA2 = ("SHA256", "SHA384", "SHA512")
_METHODS = frozenset(
    m for m in SignatureMethod if m.name in {f"{kind}_{sha}" for kind in ("RSA", "ECDSA") for sha in _SHA2}
)
_DIGESTS = frozenset(d for d in DigestAlgorithm if d.name in _SHA2)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_AT_ALERT = SignatureConfiguration(
    location="./", expect_references=1, signature_methods=_METHODS, digest_algorithms=_DIGESTS
)


def certificates(pem: bytes) -> tuple[Certificate, ...]:
    """Those in a file, each of which may sign. BadInput."""
    found = _PEM.findall(pem)
    if not 1 <= len(found) <= CERTIFICATES_MAX:
        raise BadInput(
            f"It has {len(found)} certificates (PEM); 1 to {CERTIFICATES_MAX} are taken.",
            f"含 {len(found)} 个 PEM 证书，须为 1 至 {CERTIFICATES_MAX} 个。",
        )
    try:
        return tuple(load_pem_x509_certificate(each) for each in found)
    except (ValueError, UnsupportedAlgorithm):
        raise BadInput("A certificate in it cannot be read.", "其中有无法读取的证书。") from None


def signed(alert: Any, by: Sequence[Certificate]) -> Any:
    """The element that one of `by` has signed. `alert`: an element, as `cap_xml.parsed` gives it or as it lies in a
    feed. Forbidden, with why."""
    bearing = list(alert.iter(cap_xml.SIGNATURE))
    if not bearing:
        raise _refused("it bears no signature", "未签名")
    if len(bearing) > 1 or bearing[0].getparent() is not alert:
        raise _refused("it takes one signature, right below the alert", "须在 alert 下且仅含一个签名")
    data = cap_xml.bytes_of(alert)
    why: Exception = SignXMLException()
    for certificate in by:
        try:
            found = XMLVerifier().verify(data, x509_cert=certificate, expect_config=_AT_ALERT)
        except (SignXMLException, cap_xml.Faults, UnsupportedAlgorithm, ValueError, TypeError, LookupError) as error:
            why = error if not isinstance(why, InvalidDigest) else why
            continue
        covered = None if isinstance(found, list) else found.signed_xml
        if covered is None or covered.tag != alert.tag:
            raise _refused("its signature covers something else than the alert", "签名未覆盖整条预警")
        return covered
    raise _why(why)


def _why(error: Exception) -> Forbidden:
    if isinstance(error, InvalidDigest):
        return _refused("it was changed after it was signed", "签名后内容被改动")
    if isinstance(error, InvalidCertificate):
        return _refused("the certificate of its source is not valid now", "来源证书不在有效期内")
    if isinstance(error, InvalidSignature):
        return _refused("it is not signed by the certificate of this source", "并非由该来源的证书签署")
    return _refused(f"its signature cannot be taken ({' '.join(str(error).split())[:120]})", "签名方式不被接受")


def _refused(en: str, zh: str) -> Forbidden:
    return Forbidden(f"The alert is not taken: {en}.", f"预警不予接收：{zh}。")
