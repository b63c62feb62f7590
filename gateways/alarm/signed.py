"""Alerts as their sources have to send them: of one with a certificate, only what that has signed is read. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fusioncmd.alarm import cap_signature, cap_xml
from fusioncmd.alarm.cap import CapAlert
from fusioncmd.errors import BadInput
from gateways.alarm.sources import CapSource


class Signed:
    """`certificates`: by the names of sources."""

    def __init__(self, certificates: Mapping[str, Any]) -> None:
        self._certificates = certificates

    def alert(self, source: CapSource, element: Any) -> CapAlert:
        """BadMessage, Forbidden."""
        if source.certificate:
            element = cap_signature.signed(element, self._certificates[source.name])
        return cap_xml.from_element(element)


def signers(sources: Iterable[CapSource], bytes_of: Callable[[str], bytes]) -> Signed:
    """`bytes_of`: of a file by its name. BadInput, with whose certificate cannot be read: such a source is not taken
    without one."""
    found = {}
    for source in sources:
        if source.certificate:
            try:
                found[source.name] = cap_signature.certificates(bytes_of(source.certificate))
            except BadInput as problem:
                raise BadInput(
                    f"The certificate of {source.name}, {source.certificate}: {problem.en}",
                    f"来源 {source.name} 的证书 {source.certificate}：{problem.zh}",
                ) from None
    return Signed(found)
