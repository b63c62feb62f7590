"""Web Push, end to end: a device tells where it takes messages, is called while it is away, and comes back to answer.

The push service is an endpoint on the loopback; what it is given is encrypted, signed and decrypted for real. No
browser here reaches a real one: the page subscribes at this, and its service worker is handed what was decrypted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgpack
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from fusioncmd import terminal
from tests.browser import built, chromium, device, violations
from tests.http_ends import HttpEnd, Post
from tests.loops import InThread
from tests.push_devices import PushDevice, pem, signed_by
from tests.smoke.handset import Handset
from tests.smoke.phone_page import address, ask, enrolled
from tests.tier_process import TierProcess, until

VILLAGE, OTHERS, BESIDE = "440106001001", "440106002008", "440106002010"
LADDER = "push 1 received; exercise"
ANSWERS = ("--answer", "在岗", "--answer", "求援")
# What a browser's own `subscribe` gives, at a push service that can be reached from here.
SUBSCRIBE = """([endpoint, key, auth]) => {
  const bytes = (hex) => Uint8Array.from(hex.match(/../g), (two) => parseInt(two, 16)).buffer;
  let mine = null;
  PushManager.prototype.getSubscription = async () => mine;
  PushManager.prototype.subscribe = async (options) => {
    window.asked = [options.userVisibleOnly, Array.from(options.applicationServerKey)];
    return (mine = {
      endpoint, options: { applicationServerKey: options.applicationServerKey.buffer },
      getKey: (name) => bytes(name === "auth" ? auth : key), unsubscribe: async () => true,
    });
  };
}"""
NOTIFIED = """async () => (await self.registration.getNotifications())
  .map((one) => [one.tag, one.title, one.body, one.requireInteraction])"""


@pytest.fixture(scope="module")
def service() -> Iterator[HttpEnd]:
    with InThread(HttpEnd()) as end:
        yield end


@pytest.fixture(scope="module")
def tier(tmp_path_factory: pytest.TempPathFactory, service: HttpEnd) -> Iterator[TierProcess]:
    folder = tmp_path_factory.mktemp("push")
    tier = TierProcess(folder, "--gateways", 1)
    tier.data.mkdir(mode=0o700)
    (tier.data / "channels.toml").write_text(
        '[push]\ncontact = "mailto:duty@example.org"\nkey_file = "vapid.pem"\nhosts = ["127.0.0.1"]\nplain = true\n'
    )
    key = tier.data / "vapid.pem"
    key.write_bytes(pem())
    key.chmod(0o600)
    rows = (
        f"a1,甲,,{VILLAGE},flood\na2,乙,,{VILLAGE},flood\nb1,丙,,{OTHERS},flood\nc1,王主任,,{BESIDE},superior-county\n"
    )
    (folder / "people.csv").write_text(f"id,name,phone,village,roles\n{rows}")
    with tier:
        assert tier.ask("roster", "import", folder / "people.csv")["added"] == 4
        yield tier


def posts(service: HttpEnd, path: str) -> list[Post]:
    return [post for post in service.posts if post.path == path]


def step(tier: TierProcess, order: str) -> dict[str, Any]:
    found: dict[str, Any] = ask(tier, "ladder", order)["steps"][0]
    return found


def test_a_device_that_is_away_gets_the_order_by_push_and_who_is_there_gets_none(
    tier: TierProcess, service: HttpEnd
) -> None:
    out = tier.data.parent / "tickets.bin"
    tier.ask("ticket", "--all", "--node", "440106001", "--out", out)
    first, second = (ticket for _, ticket in sorted(msgpack.unpackb(out.read_bytes())))
    away, here = PushDevice(), PushDevice()
    with Handset(tier.terminals, first) as phone:
        key = phone.welcome.push_key
        phone.say(terminal.Subscribe(f"{service.url}/away", away.point, away.auth))
        phone.hear(terminal.Subscribed)
    with Handset(tier.terminals, second) as phone:
        phone.say(terminal.Subscribe(f"{service.url}/here", here.point, here.auth))
        phone.hear(terminal.Subscribed)
        words = ("--to", "440106001", "--text", "请到岗。", *ANSWERS, "--exercise", "--ladder", LADDER)
        order = tier.ask("call", *words)["id"]
        phone.order("请到岗。")
        (post,) = until(lambda: posts(service, "/away"), 20)
    told = away.read(post.body)
    assert (told["order"], told["text"], told["status"]) == (order, "请到岗。", "exercise")
    assert told["answers"] == ["在岗", "求援"] and 0 < int(post.headers["ttl"]) <= 86_400
    signer, claims = signed_by(post, service.url)
    assert signer == key and claims["sub"] == "mailto:duty@example.org"
    with Handset(tier.terminals, first) as phone:  # the notification was touched
        phone.answer(phone.order("请到岗。"), "在岗")
    row = until(lambda: (line := step(tier, order))["accepted"] and line)
    assert (row["chosen"], row["handed"], row["accepted"]) == (1, 1, 1) and not posts(service, "/here")

    service.gone.add("/away")  # the browser was removed: nothing is sent there again
    again = tier.ask("call", *words)["id"]
    until(lambda: step(tier, again)["failed"], 20)
    last = tier.ask("call", *words)["id"]
    until(lambda: step(tier, last)["without"], 20)
    assert len(posts(service, "/away")) == 2
    for ident in (order, again, last):
        tier.ask("cancel", ident)


@pytest.fixture(scope="module")
def browser(tier: TierProcess) -> Iterator[Browser]:
    built("responder")
    with chromium(whole=True) as browser:
        yield browser


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    with device(browser) as context:
        yield context


def pushed(phone: BrowserContext, page: Page, origin: str) -> Callable[..., dict[str, Any] | None]:
    """Hands messages to the page's worker, and gives what is shown then, by its tag; nothing, where one is missing.

    A browser forgets a notification for which it is asked before it is drawn: then it must be handed over again.
    """
    session = phone.new_cdp_session(page)
    registrations: list[dict[str, Any]] = []
    session.on("ServiceWorker.workerRegistrationUpdated", lambda told: registrations.extend(told["registrations"]))
    session.send("ServiceWorker.enable")
    page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    until(lambda: page.wait_for_timeout(50) or registrations)

    def push(*messages: str) -> dict[str, Any] | None:
        for text in messages:
            which = {"origin": origin, "registrationId": registrations[-1]["registrationId"]}
            session.send("ServiceWorker.deliverPushMessage", which | {"data": text})
        page.wait_for_timeout(200)
        (worker,) = phone.service_workers
        shown = {tag: more for tag, *more in worker.evaluate(NOTIFIED)}
        return shown if len(shown) == len(messages) else None

    return push


@pytest.mark.parametrize("mode", ["--exercise", "--yes"])
def test_the_page_subscribes_with_consent_and_its_worker_shows_which_mode_it_is(
    tier: TierProcess, service: HttpEnd, phone: BrowserContext, mode: str
) -> None:
    far, path = PushDevice(), f"/page{mode}"
    origin = address(tier).rstrip("/")
    phone.add_init_script(f"({SUBSCRIBE})({json.dumps([service.url + path, far.point.hex(), far.auth.hex()])})")
    phone.grant_permissions(["notifications"], origin=origin)
    page = enrolled(tier, phone, {"id": "b1"})
    expect(page.locator(".pushed")).to_be_visible()
    signer = page.evaluate("window.asked")
    push = pushed(phone, page, origin)
    page.goto("about:blank")  # closed: the worker alone is left
    words = ("--to", OTHERS, "--text", "请到堤上。", *ANSWERS, mode)
    order = ask(tier, "call", *words, "--ladder", LADDER)["id"]
    (post,) = until(lambda: posts(service, path), 20)
    ask(tier, "cancel", order)
    assert signer == [True, list(signed_by(post, service.url)[0])]
    data = json.dumps(far.read(post.body))
    shown = until(lambda: push(data, "no message"))
    title, body, stays = shown[json.loads(data)["id"]]
    assert title.startswith("演练 EXERCISE" if mode == "--exercise" else "实战 ACTUAL")
    assert body == "请到堤上。\n1 在岗  2 求援" and stays is (mode == "--yes")
    assert "An order waits" in shown["waits"][1] and shown["waits"][2]


def test_a_superior_sees_at_the_page_who_is_silent_and_answers_for_them(
    tier: TierProcess, phone: BrowserContext
) -> None:
    page = enrolled(tier, phone, {"id": "c1"})
    words = ("--to", OTHERS, "--text", "请到堤上。", *ANSWERS, "--exercise", "--ladder", "superior 1 answered")
    order = ask(tier, "call", *words)["id"]
    card = page.locator(".silent")
    expect(card.locator(".kind")).to_have_text("1 below you have not answered")
    expect(card.locator(".mode")).to_have_text("演练 EXERCISE")
    expect(card.locator(".said")).to_have_text("丙 ")
    assert violations(page) == []
    until(lambda: [line["fate"] for line in ask(tier, "ladder", order)["told"]] == ["delivered"])
    card.get_by_role("button", name="Answer for 丙").click()
    card.get_by_role("button", name="求援").click()
    expect(card).to_have_count(0)
    (person,) = ask(tier, "who", order)["people"]
    assert (person["answer"], person["on_behalf"]) == ("", "求援 (王主任)")
    ask(tier, "cancel", order)
