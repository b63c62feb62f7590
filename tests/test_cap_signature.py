"""Signed alerts: taken when the source's certificate has signed all of it, and refused with the reason otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml import CanonicalizationMethod, DigestAlgorithm, SignatureMethod, XMLSigner

from fusioncmd.alarm import cap_signature, cap_xml
from fusioncmd.errors import BadInput, Forbidden, Problem
from gateways.alarm import feeds
from gateways.alarm.signed import Signed, signers
from gateways.alarm.sources import CapSource
from tests.test_cap import PLAIN, SAMPLES

SOURCE = CapSource("weather", token="x" * 24, certificate="weather.pem")
EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
DS = "{http://www.w3.org/2000/09/xmldsig#}"


class Office:
    """A weather service with a key and its certificate."""

    def __init__(self, ended: bool = False) -> None:
        self.key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "weather")])
        made = x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(9)).not_valid_after(now + timedelta(-1 if ended else 9))
        self.certificate = made.sign(self.key, hashes.SHA256())
        self.pem = self.certificate.public_bytes(Encoding.PEM)

    def sign(self, text: str = PLAIN, **how: Any) -> bytes:
        signer = XMLSigner(
            signature_algorithm=SignatureMethod.ECDSA_SHA256, digest_algorithm=DigestAlgorithm.SHA256,
            c14n_algorithm=EXCLUSIVE,
        )  # fmt: skip
        made: bytes = etree.tostring(
            signer.sign(etree.fromstring(text.encode()), key=self.key, cert=[self.certificate], **how)
        )
        return made


OFFICE, OTHER = Office(), Office()


def signed_by(*offices: Office) -> Signed:
    return signers([SOURCE], lambda _: b"\n".join(office.pem for office in offices))


def read(data: bytes, *offices: Office) -> Any:
    return signed_by(*offices or (OFFICE,)).alert(SOURCE, cap_xml.parsed(data))


def test_what_the_sources_certificate_has_signed_is_read() -> None:
    assert read(OFFICE.sign()) == cap_xml.read(PLAIN.encode())
    assert read(OFFICE.sign(), OTHER, OFFICE).identifier == "A1"  # one certificate takes the place of another


def test_without_a_certificate_signatures_are_not_looked_at() -> None:
    anybody = CapSource("weather", token="x" * 24)
    assert signers([anybody], lambda _: b"").alert(anybody, cap_xml.parsed(PLAIN.encode())).identifier == "A1"


def wrapped() -> bytes:
    """The signed alert hidden in another of the forger's words, with the signature where it is looked for."""
    outer = etree.fromstring(PLAIN.replace("暴雨", "海啸").encode())
    inner = etree.fromstring(OFFICE.sign())
    signature = inner.find(f"{DS}Signature")
    outer.append(signature)
    etree.SubElement(signature, f"{DS}Object").append(inner)
    return etree.tostring(outer)


def of_a_part() -> bytes:
    """Signed is the info alone, which says by its Id that it is meant."""
    marked = PLAIN.replace("<info>", '<info Id="part">')
    return OFFICE.sign(marked, reference_uri="#part")


def lower() -> bytes:
    root = etree.fromstring(OFFICE.sign())
    root[-2].append(root[-1])
    return etree.tostring(root)


def twice() -> bytes:
    root = etree.fromstring(OFFICE.sign())
    root.append(etree.fromstring(etree.tostring(root[-1])))
    return etree.tostring(root)


def with_sha_1() -> bytes:
    class Old(XMLSigner):
        def check_deprecated_methods(self) -> None:
            pass

    how = {"signature_algorithm": SignatureMethod.ECDSA_SHA1, "digest_algorithm": DigestAlgorithm.SHA1}
    made: bytes = etree.tostring(
        Old(**how).sign(etree.fromstring(PLAIN.encode()), key=OFFICE.key, cert=[OFFICE.certificate])
    )
    return made


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (PLAIN.encode, "it bears no signature"),
        (lambda: OFFICE.sign().replace(b">Extreme<", b">Minor<"), "changed after"),
        (OTHER.sign, "not signed by the certificate of this source"),
        (wrapped, "changed after"), (of_a_part, "covers something else than the alert"),
        (lower, "one signature, right below"), (twice, "one signature, right below"), (with_sha_1, "SHA1"),
        (SAMPLES.joinpath("canada_signed.cap").read_bytes, "one signature, right below"),
        (SAMPLES.joinpath("earthquake_signed.cap").read_bytes, "SHA1"),
    ],
    ids=["unsigned", "changed", "another's", "wrapped", "a part", "lower", "twice", "sha-1", "canada", "earthquake"],
)  # fmt: skip
def test_what_is_not_signed_as_a_whole_by_that_certificate_is_refused(make: Callable[[], bytes], why: str) -> None:
    with pytest.raises(Forbidden) as caught:
        read(make())
    assert why in caught.value.en and len(caught.value.en) < 240


def test_a_certificate_that_has_ended_signs_nothing() -> None:
    ended = Office(ended=True)
    with pytest.raises(Forbidden, match="not valid now"):
        read(ended.sign(), ended)


def test_of_a_feed_only_what_is_signed_is_taken() -> None:
    inside = OFFICE.sign().decode(), PLAIN.partition("?>")[2]
    entries = "".join(f"<entry><content>{each}</content></entry>" for each in inside)
    feed = f'<feed xmlns="http://www.w3.org/2005/Atom">{entries}</feed>'.encode()
    signed = signed_by(OFFICE)
    found = feeds.read(feed, "http://river/feed", lambda element: signed.alert(SOURCE, element))
    assert len(found.alerts) == 1 and ["no signature" in problem.en for problem in found.bad] == [True]


def test_a_signature_in_which_something_was_changed_is_refused_or_what_it_covers_is_the_same() -> None:
    random, signed, refused = Random(4), OFFICE.sign(), 0
    for _ in range(200):
        root = etree.fromstring(signed)
        nodes = [*root[-1].iter()][1:]
        node, other = random.choice(nodes), random.choice(nodes)
        match random.randrange(4):
            case 0:
                node.getparent().remove(node)
            case 1:
                node.text = random.choice((None, "", "!!!", "AAAA", "水"))
            case 2:
                node.append(etree.fromstring(etree.tostring(other)))
            case _:
                node.set("Algorithm", other.get("Algorithm", "http://www.w3.org/2000/09/xmldsig#hmac-sha256"))
        try:
            assert read(etree.tostring(root)) == cap_xml.read(PLAIN.encode())
        except Problem:
            refused += 1
    assert 100 < refused < 200


@pytest.mark.parametrize("pem", [b"", b"nothing", OFFICE.pem * 9, OFFICE.pem[:200] + OFFICE.pem[260:]])
def test_a_source_whose_certificate_cannot_be_read_is_named(pem: bytes) -> None:
    with pytest.raises(BadInput, match=r"The certificate of weather, weather\.pem"):
        signers([SOURCE], lambda _: pem)


@pytest.mark.parametrize("name", [each.name for each in Path(SAMPLES).glob("*.*") if each.suffix != ".md"])
def test_nothing_of_anybody_is_taken_unsigned(name: str) -> None:
    with pytest.raises(Problem):
        cap_signature.signed(cap_xml.parsed(SAMPLES.joinpath(name).read_bytes()), [OFFICE.certificate])
