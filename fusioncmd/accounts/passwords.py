"""Passwords by argon2id (RFC 9106) and codes by TOTP (RFC 6238): the one place that knows their libraries.

The parameters are above what OWASP asks for (19 MiB, 2 passes): one check takes 50 to 100 ms of a core.
"""

from __future__ import annotations

import base64
import os
import unicodedata

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fusioncmd import limits
from fusioncmd.errors import BadInput

MEMORY_KIB, PASSES, LANES = 32 * 1024, 2, 1
TOTP_SECRET_BYTES = 20
TOTP_STEP_S = 30
TOTP_STEPS_APART = 1  # the clock of a phone may be so many steps off
DIFFERENT_CHARS_MIN = 5
_WORST = frozenset(
    (
        "passwordpassword",
        "password1234",
        "password12345",
        "password123456",
        "password123!",
        "administrator",
        "administrator1",
        "qwertyuiop12",
        "qwertyuiop123",
        "qwertyuiopasdf",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "1qaz2wsx3edc4rfv",
        "q1w2e3r4t5y6",
        "123456789012",
        "1234567890123",
        "1234567890abc",
        "abcdefghijkl",
        "abcdefghijklm",
        "abc123456789",
        "woaini123456",
        "woaini1314520",
        "aa123456789a",
        "changemechangeme",
        "letmeinletmein",
        "welcome12345",
        "welcome123456",
        "fusioncmd1234",
        "fusioncmdfusioncmd",
        "zaq12wsxcde3",
    )
)
_hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


def check_new(password: str, name: str) -> None:
    """`BadInput` for a password that an account may not have."""
    if not limits.PASSWORD_CHARS_MIN <= len(password) <= limits.PASSWORD_CHARS_MAX:
        raise BadInput(
            f"A password has {limits.PASSWORD_CHARS_MIN} to {limits.PASSWORD_CHARS_MAX} characters.",
            f"密码须为 {limits.PASSWORD_CHARS_MIN} 至 {limits.PASSWORD_CHARS_MAX} 个字符。",
        )
    folded = password.casefold()
    if folded == name.casefold() or folded in _WORST or len(set(folded)) < DIFFERENT_CHARS_MIN:
        raise BadInput("That password is among the first to be tried; take another.", "该密码极易被猜中，请更换。")


def hashed(password: str) -> str:
    """In PHC form, salted at random. Takes its time: not for an event loop."""
    return _hasher.hash(_bytes(password))


def fits(hash_: str, password: str) -> bool:
    """Whether it is the password. Takes its time: not for an event loop."""
    try:
        return _hasher.verify(hash_, _bytes(password))
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(hash_: str) -> bool:
    """Made with other parameters than those of today."""
    return _hasher.check_needs_rehash(hash_)


def new_totp_secret() -> bytes:
    return os.urandom(TOTP_SECRET_BYTES)


def totp_text(secret: bytes) -> str:
    """The secret as a person types it into an app."""
    return base64.b32encode(secret).decode()


def totp_uri(secret: bytes, name: str, place: str) -> str:
    """`otpauth://…`, which an app reads as a QR code."""
    return pyotp.TOTP(totp_text(secret)).provisioning_uri(name=name, issuer_name=f"fusioncmd {place}")


def code_now(secret: bytes, now_s: float) -> str:
    """What an app shows at that time."""
    return pyotp.TOTP(totp_text(secret)).at(int(now_s))


def totp_step(secret: bytes, code: str, now_s: float, after: int) -> int | None:
    """The step that `code` is of, when it is of one about now and after the step `after`; None otherwise."""
    totp, now = pyotp.TOTP(totp_text(secret)), int(now_s) // TOTP_STEP_S
    given = code.strip().replace(" ", "")
    found = None
    for step in range(now - TOTP_STEPS_APART, now + TOTP_STEPS_APART + 1):
        if pyotp.utils.strings_equal(given, totp.at(step * TOTP_STEP_S)) and step > after:
            found = step
    return found


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
