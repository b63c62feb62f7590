"""Why something signed is not believed: one exception, a stable reason, one sentence in two languages. Pure.

Whatever bytes are given, the functions of this package return what they promise or raise `Untrusted`.
"""

from __future__ import annotations

from typing import Literal, get_args

from fusioncmd.errors import BadInput

Reason = Literal[
    "size", "bytes", "algorithm", "key", "signature", "root", "chain", "delegation", "scope", "mode", "purpose",
    "validity", "issuer", "form", "id_time", "future", "expired", "revoked", "same_person", "second_person", "stale",
    "full", "subject", "unwitnessed", "login_time", "login_again",
]  # fmt: skip

_SENTENCES: dict[Reason, tuple[str, str]] = {
    "size": ("It is larger than anything signed may be.", "签名内容超过大小上限。"),
    "bytes": ("It is not written as it must be.", "签名内容的编码不合规范。"),
    "algorithm": ("It names a signature algorithm that is not known here.", "所用签名算法未知。"),
    "key": ("A key in it is no proper public key.", "其中的公钥无效。"),
    "signature": ("A signature in it does not hold.", "其中的签名无效。"),
    "root": ("It goes back to a root key that is not trusted here.", "其根密钥不受本系统信任。"),
    "chain": ("Its grants do not follow from one another.", "其授权链前后不相接。"),
    "delegation": ("A key in its chain may not grant others.", "授权链中有密钥无权转授。"),
    "scope": ("It reaches beyond the place that its key was granted.", "超出密钥获授的地域范围。"),
    "mode": (
        "Its key was not granted for this mode: exercise and actual have different keys.",
        "密钥未获授此类别：演练与实战须用不同密钥。",
    ),
    "purpose": ("Its key was not granted for this purpose.", "密钥未获授此用途。"),
    "validity": ("It was not made while its key was valid.", "不在密钥有效期内。"),
    "issuer": ("It names another issuer than the holder of its key.", "签发人与密钥持有人不符。"),
    "form": ("The order in it is not one that may be issued.", "其中的指令不符合下达要求。"),
    "id_time": ("The order's number and its time do not agree.", "指令编号与签发时间不符。"),
    "future": ("It was made in the future.", "签发时间在未来。"),
    "expired": ("The order has expired.", "指令已过期。"),
    "revoked": ("A key in its chain was revoked.", "授权链中有密钥已被撤销。"),
    "same_person": ("An approval must come from another person with another key.", "批准须由另一人用另一密钥作出。"),
    "second_person": ("An order to so many people needs a second commander.", "面向此规模的指令须第二人批准。"),
    "stale": ("It is about something else.", "所涉内容不符。"),
    "subject": ("It came on another subject than its audience's.", "所在主题与指令对象不符。"),
    "unwitnessed": (
        "No node said that it accepted this order, and whom it means.",
        "没有节点声明已受理该指令及其对象。",
    ),
    "login_time": (
        "The login was not made now; look at the clock.",
        "登录时间与节点不符，请检查时钟。",
    ),
    "login_again": ("The login was used already.", "该登录凭证已被使用。"),
    "full": ("No further revocation of this branch can be kept.", "该分支的撤销记录已满。"),
}
REASONS: tuple[Reason, ...] = get_args(Reason)


class Untrusted(BadInput):
    """Nothing was changed, nobody was told; `reason` is for the audit and for programs."""

    def __init__(self, en: str, zh: str, reason: Reason = "bytes") -> None:
        super().__init__(en, zh)
        self.reason: Reason = reason


class SecondNeeded(Untrusted):
    """Nothing else is wrong with the order: who asked may propose it to a second commander."""

    def __init__(self, en: str, zh: str, reason: Reason = "second_person") -> None:
        super().__init__(en, zh, reason)


def refusal(reason: Reason) -> Untrusted:
    kind = SecondNeeded if reason == "second_person" else Untrusted
    return kind(*_SENTENCES[reason], reason)


assert set(_SENTENCES) == set(REASONS)
