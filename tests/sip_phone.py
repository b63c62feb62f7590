"""A radio for tests of SIP: it writes requests and reads answers by itself, with nothing of the gateway's but bytes."""

from __future__ import annotations

import re
from hashlib import md5, sha256

from fusioncmd.radios import hashes
from gateways.radio.calls import LocalMedia
from gateways.radio.sip_agent import Agent
from gateways.radio.sip_digest import Secrets
from gateways.radio.sip_events import Invited
from gateways.radio.sip_reply import Flow

REALM = "440106"
LOCAL = LocalMedia("192.0.2.1", 20_000, None, None)
REG = {"uri": "sip:192.0.2.1"}
SECRET = "correct horse battery"
OFFER = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
)


class Chance:
    """Bytes that are different each time, and the same in each run."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return sha256(str(self._count).encode()).digest()[:size]


def agent(accounts: tuple[str, ...] = ("radio-1", "radio-2", "radio-old")) -> Agent:
    known = {name: Secrets(*hashes(name, REALM, SECRET)) for name in accounts}
    known = {name: Secrets(s.sha256, s.md5 if name == "radio-old" else "") for name, s in known.items()}
    return Agent(
        REALM, b"k" * 32, known.get, Chance(), lambda flow: "192.0.2.1:5060",
        lambda flow: f"sip:gateway@192.0.2.1:5060;transport={flow.transport}", 0.0,
    )  # fmt: skip


class Phone:
    """`say` gives bytes to the agent, and what it sends back is read; `now_s` is moved by tests."""

    def __init__(self, to: Agent, name: str = "radio-1", transport: str = "udp", host: str = "192.0.2.9") -> None:
        self.agent, self.name = to, name
        self.flow = Flow(transport, host, 5060, 7)
        self.now_s, self._number, self._branch = 0.0, 0, 0
        self.call_id, self.tag, self.their_tag = f"call-{name}", f"tag-{name}", ""
        self.heard: list[str] = []

    @property
    def now_ms(self) -> int:
        return 1_700_000_000_000 + round(self.now_s * 1000)

    def say(self, text: str | bytes) -> list[str]:
        data = text if isinstance(text, bytes) else text.encode()
        self.agent.receive(data, self.flow, self.now_s, self.now_ms)
        return self.take()

    def take(self) -> list[str]:
        found = [
            data.decode("utf-8", "surrogateescape") for flow, data in self.agent.out if flow.host == self.flow.host
        ]
        self.agent.out[:] = [(flow, data) for flow, data in self.agent.out if flow.host != self.flow.host]
        self.heard += found
        return found

    def pass_s(self, seconds: float, step_s: float = 0.1) -> list[str]:
        found: list[str] = []
        end = self.now_s + seconds
        while self.now_s < end:
            self.now_s = min(end, self.now_s + step_s)
            self.agent.tick(self.now_s)
            found += self.take()
        return found

    def request(
        self, method: str, uri: str = "sip:440106@192.0.2.1", body: str = "", fields: tuple[str, ...] = (),
        number: int | None = None, branch: str = "", to_tag: str = "",
    ) -> str:  # fmt: skip
        self._number = number if number is not None else self._number + 1
        self._branch += 1
        to = f"<sip:{self.name}@192.0.2.1>" if method == "REGISTER" else f"<{uri}>"
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{self.flow.transport.upper()} {self.flow.host}:5060;rport;branch="
            + (branch or f"z9hG4bK{self.name}{self._branch}"),
            f"From: <sip:{self.name}@192.0.2.1>;tag={self.tag}",
            f"To: {to}{f';tag={to_tag}' if to_tag else ''}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self._number} {method}",
            f"Contact: <sip:{self.name}@{self.flow.host}:5060>",
            "Max-Forwards: 70",
            *fields,
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", body])

    def proven(self, method: str, secret: str = SECRET, algorithm: str = "SHA-256", **given: object) -> list[str]:
        """The request, and again with what its 401 asks for."""
        uri = str(given.pop("uri", "sip:440106@192.0.2.1"))
        fields = tuple(given.pop("fields", ()))  # type: ignore[arg-type]
        [challenge] = self.say(self.request(method, uri, fields=fields, **given))  # type: ignore[arg-type]
        assert status(challenge) == 401, challenge
        assert challenge.count("WWW-Authenticate") == 1 and f"algorithm={algorithm}" in challenge
        claim = self.claim(challenge, method, uri, secret, algorithm)
        return self.say(self.request(method, uri, fields=(*fields, claim), **given))  # type: ignore[arg-type]

    def claim(
        self, challenge: str, method: str, uri: str, secret: str = SECRET, algorithm: str = "SHA-256", count: int = 1
    ) -> str:
        nonce = re.findall(r'nonce="([^"]+)"', challenge)[0]

        def hashed(text: str) -> str:
            return (sha256 if algorithm == "SHA-256" else md5)(text.encode()).hexdigest()

        first, second = hashed(f"{self.name}:{REALM}:{secret}"), hashed(f"{method}:{uri}")
        response = hashed(f"{first}:{nonce}:{count:08x}:c:auth:{second}")
        return (
            f'Authorization: Digest username="{self.name}", realm="{REALM}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm={algorithm}, qop=auth, nc={count:08x}, cnonce="c"'
        )

    def acknowledge(self, uri: str = "sip:440106@192.0.2.1") -> list[str]:
        return self.say(self.request("ACK", uri, number=self._number, to_tag=self.their_tag))

    def learn_tag(self, answer: str) -> None:
        self.their_tag = re.findall(r"^To: .*;tag=(\S+)\r$", answer, re.M)[0]


def status(answer: str) -> int:
    return int(answer.split(" ", 2)[1])


def value(answer: str, name: str) -> str:
    return next(
        (line.partition(": ")[2] for line in answer.split("\r\n") if line.lower().startswith(f"{name.lower()}:")), ""
    )


def called(phone: Phone) -> Invited:
    """A call of a radio that proved itself, not answered yet."""
    answers = phone.proven("INVITE", body=OFFER)
    assert [status(answer) for answer in answers] == [100]
    invited = phone.agent.events.pop()
    assert isinstance(invited, Invited)
    return invited


def up(phone: Phone) -> Invited:
    invited = called(phone)
    phone.agent.callee.accept(invited.call, LOCAL, phone.now_s)
    [answer] = phone.take()
    assert status(answer) == 200
    phone.learn_tag(answer)
    assert phone.acknowledge() == []
    return invited
