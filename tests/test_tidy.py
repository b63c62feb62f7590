"""The house rules, as a test: layers, cycles, sizes, purity, and what the repository does not say."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("fusioncmd", "tiers", "gateways", "loadtest")
LINES_MAX = 250
FUNCTION_LINES_MAX = 60
MAY_IMPORT = {
    "fusioncmd": {"fusioncmd"},
    "tiers": {"fusioncmd", "tiers"},
    "gateways": {"fusioncmd", "gateways"},
    "loadtest": {"fusioncmd", "tiers", "gateways", "loadtest"},
}
ONE_FILE_PER_LIBRARY = {
    "aioice": {"gateways/video/rtc.py"},
    "aiortc": {"gateways/video/rtc.py"},
    "argon2": {"fusioncmd/accounts/passwords.py"},
    "cryptography": {
        "fusioncmd/trust/signatures.py",
        "fusioncmd/tls.py",
        "fusioncmd/ladder/vapid.py",
        "fusioncmd/locked.py",
    },
    "av": {
        "fusioncmd/voice/codecs.py",
        "fusioncmd/voice/ogg.py",
        "fusioncmd/video/mp4.py",
        "fusioncmd/video/cutting.py",
    },
    "litestar": {  # a folder is its one place: routes are declared with its decorators
        f"gateways/console/http/{name}.py"
        for name in (
            "app",
            "asking",
            "exports",
            "kept",
            "live",
            "looking",
            "orders",
            "pages",
            "sessions",
            "talk",
            "video",
        )
    }
    | {"gateways/video/http.py"},
    "nkeys": {"fusioncmd/bus/nkey.py"},
    "jwt": {"fusioncmd/accounts/oidc.py", "gateways/channels/push_crypto.py"},
    "http_ece": {"gateways/channels/push_crypto.py"},
    "httpx": {"gateways/channels/http.py"},
    "pyotp": {"fusioncmd/accounts/passwords.py"},
    "nats": {
        "fusioncmd/bus/nats.py",
        "fusioncmd/bus/nats_connect.py",
        "fusioncmd/bus/nats_errors.py",
        "fusioncmd/bus/nats_streams.py",
        "fusioncmd/bus/nats_tail.py",
    },
    "pylibsrtp": {"gateways/radio/srtp.py", "gateways/video/way.py"},
    "fontTools": {"gateways/console/fonts.py"},
    "reportlab": {"gateways/console/pdf.py"},
    "uvicorn": {"gateways/console/__main__.py", "gateways/video/__main__.py"},
    "wsproto": {"gateways/responder/odd.py"},
}
PURE = (
    "fusioncmd/access.py", "fusioncmd/accounts/account.py", "fusioncmd/accounts/limiter.py",
    "fusioncmd/accounts/proofs.py", "fusioncmd/accounts/sessions.py", "fusioncmd/trust/shares.py",
    "fusioncmd/api/calling.py", "fusioncmd/api/cut.py", "fusioncmd/api/devices.py", "fusioncmd/api/keys.py",
    "fusioncmd/api/logins.py", "fusioncmd/api/proposals.py", "fusioncmd/api/question.py", "fusioncmd/api/records.py",
    "fusioncmd/audit/chain.py", "fusioncmd/audit/entries.py", "fusioncmd/audit/heads.py", "fusioncmd/audit/proof.py",
    "fusioncmd/audit/refused.py", "loadtest/forge_audit.py",    "fusioncmd/audit/waiting.py", "tiers/roster_burst.py",
    "fusioncmd/codes.py", "fusioncmd/envelope.py",
    "fusioncmd/floor/arbiter.py", "fusioncmd/floor/bursts.py", "fusioncmd/floor/codec.py", "fusioncmd/floor/frames.py",
    "fusioncmd/floor/messages.py", "fusioncmd/floor/participant.py", "fusioncmd/floor/priority.py",
    "fusioncmd/floor/queue.py", "fusioncmd/floor/relay.py", "fusioncmd/floor/seat.py", "fusioncmd/floor/sides.py",
    "fusioncmd/floor/timers.py", "fusioncmd/floor/known.py", "gateways/radio/calls.py",
    "fusioncmd/voice/activity.py", "fusioncmd/voice/bounds.py", "fusioncmd/voice/dtmf.py", "fusioncmd/voice/frames.py",
    "fusioncmd/voice/jitter.py", "fusioncmd/voice/listening.py", "fusioncmd/voice/rtcp.py", "fusioncmd/voice/rtp.py",
    "fusioncmd/voice/joined.py", "fusioncmd/voice/speak.py", "gateways/radio/places.py", "gateways/radio/wire.py",
    "gateways/radio/player.py", "gateways/radio/tones.py", "fusioncmd/voice/recorded.py", "fusioncmd/api/voice.py",
    "tiers/bursts.py", "fusioncmd/voice/faults.py",
    "gateways/radio/downlink.py", "gateways/radio/leg.py", "gateways/radio/talkgroup.py",
    "gateways/radio/uplink.py", "tiers/floors.py", "fusioncmd/passes.py", "gateways/video/bounds.py",
    "gateways/video/guard.py", "gateways/video/negotiation.py", "gateways/video/offers.py", "gateways/video/ended.py",
    "gateways/video/sources.py", "gateways/video/who.py",
    "fusioncmd/voice/groups.py", "fusioncmd/api/talkgroups.py",
    "fusioncmd/guessable.py", "fusioncmd/devices.py", "gateways/responder/lost.py",
    "gateways/responder/sessions.py", "gateways/responder/strikes.py",
    "fusioncmd/api/course.py", "fusioncmd/api/roles.py",
    "fusioncmd/api/escalation.py", "fusioncmd/ladder/behalf.py", "fusioncmd/ladder/replies.py", "tiers/previewing.py",
    "fusioncmd/ladder/config.py", "gateways/channels/errand.py", "gateways/channels/sms_pdu.py",
    "gateways/channels/sms_text.py", "gateways/channels/webhook.py",
    "fusioncmd/ladder/bounds.py", "fusioncmd/ladder/climb.py", "fusioncmd/ladder/steps.py", "fusioncmd/ladder/wire.py",
    "fusioncmd/ids.py", "fusioncmd/messages.py", "fusioncmd/pulse.py", "fusioncmd/steady.py", "fusioncmd/orders.py",
    "fusioncmd/reachable.py", "fusioncmd/subjects.py", "fusioncmd/tally.py", "fusioncmd/terminal.py",
    "fusioncmd/tickets.py", "fusioncmd/bus/sequence.py", "fusioncmd/roster/directory.py", "fusioncmd/roster/numbers.py",
    "fusioncmd/roster/slices.py", "gateways/responder/board.py", "gateways/responder/fanout.py",
    "gateways/responder/gather.py", "gateways/responder/odd.py", "gateways/responder/reader.py",
    "gateways/responder/websocket.py", "fusioncmd/roster/plan.py", "fusioncmd/roster/people_csv.py",
    "gateways/responder/confirmations.py", "gateways/responder/pace.py", "gateways/responder/doorway.py",
    "gateways/responder/distrust.py", "gateways/responder/early.py", "gateways/responder/gate.py",
    "gateways/responder/replies.py", "gateways/responder/pages.py",
    "gateways/console/after.py", "gateways/console/shapes.py", "fusioncmd/course.py", "tiers/course_desk.py",
    "gateways/responder/rota.py", "gateways/responder/seats.py", "gateways/responder/shortcuts.py",
    "loadtest/compare/configurations.py", "loadtest/compare/dialect_mqtt.py", "loadtest/compare/dialect_terminal.py",
    "loadtest/compare/dialects.py", "loadtest/compare/payloads.py", "loadtest/compare/publishing.py",
    "loadtest/checker.py", "loadtest/swarm/orders.py", "loadtest/swarm/record.py", "loadtest/swarm/wire.py",
    "loadtest/link/packets.py", "loadtest/link/quantities.py", "loadtest/link/schedule.py", "loadtest/link/shaper.py",
    "fusioncmd/locked.py", "fusioncmd/camera_urls.py", "fusioncmd/cameras.py", "fusioncmd/api/cameras.py",
    "gateways/camera/bounds.py", "gateways/camera/coming.py", "gateways/camera/command.py", "gateways/camera/life.py",
    "gateways/camera/signs.py", "gateways/camera/troubles.py",
    "fusioncmd/radios.py", "fusioncmd/api/radios.py", "gateways/radio/accounts.py", "gateways/radio/bounds.py",
    "gateways/radio/calls.py", "gateways/radio/dialling.py", "gateways/radio/sip_agent.py",
    "gateways/radio/sip_book.py", "gateways/radio/sip_checks.py", "gateways/radio/sip_dialog.py",
    "gateways/radio/sip_digest.py", "gateways/radio/sip_events.py", "gateways/radio/sip_message.py",
    "gateways/radio/sip_registrar.py", "gateways/radio/sip_reply.py", "gateways/radio/sip_sdp.py",
    "gateways/radio/sip_stream.py", "gateways/radio/sip_syntax.py", "gateways/radio/sip_transactions.py",
    "gateways/radio/sip_uac.py", "gateways/radio/sip_uas.py", "gateways/radio/strangers.py",
    "tiers/ledger.py", "fusioncmd/networks.py", "gateways/responder/proxy_protocol.py",
    "fusioncmd/exchange/belief.py", "fusioncmd/exchange/containers.py", "fusioncmd/exchange/digests.py",
    "fusioncmd/exchange/evidence.py", "fusioncmd/exchange/exchange.py", "fusioncmd/exchange/flow.py",
    "fusioncmd/exchange/intake.py", "fusioncmd/exchange/items.py", "fusioncmd/exchange/merging.py",
    "fusioncmd/exchange/outbox.py", "fusioncmd/exchange/pace.py", "fusioncmd/exchange/packing.py",
    "fusioncmd/exchange/replica.py", "fusioncmd/exchange/rounds.py", "fusioncmd/exchange/scope.py",
    "fusioncmd/exchange/sets.py", "fusioncmd/exchange/varints.py", "fusioncmd/exchange/waiting.py",
    "fusioncmd/exchange/wire.py",
    "tiers/nats_config.py", "fusioncmd/plan/asked.py", "fusioncmd/plan/costs.py", "fusioncmd/plan/nation.py",
    "fusioncmd/plan/province.py", "fusioncmd/plan/steps.py", "fusioncmd/plan/storage.py", "fusioncmd/cli/plan_view.py",
    "fusioncmd/cli/cut_lines.py", "fusioncmd/cli/speed.py", "fusioncmd/canary.py", "tiers/order_account.py",
    "fusioncmd/cli/ladder_view.py", "fusioncmd/ladder/superiors.py",
    "fusioncmd/ladder/vapid.py",
    "fusioncmd/cli/plan_words.py", "fusioncmd/trust/canonical.py", "fusioncmd/trust/chains.py",
    "fusioncmd/trust/expiry.py", "fusioncmd/trust/form.py", "fusioncmd/trust/grants.py",
    "fusioncmd/trust/heartbeats.py", "fusioncmd/trust/judge.py", "fusioncmd/trust/refusals.py",
    "fusioncmd/trust/notices.py", "fusioncmd/trust/losses.py", "fusioncmd/trust/requests.py", "fusioncmd/trust/roll.py",
    "fusioncmd/trust/revocations.py", "tiers/problems.py",
    "fusioncmd/trust/seals.py", "fusioncmd/trust/signatures.py", "fusioncmd/trust/statements.py",
    "fusioncmd/trust/witnesses.py", "fusioncmd/bus/consumers.py", "fusioncmd/bus/nkey.py", "tiers/bus_rights.py",
    "tiers/link_rights.py", "fusioncmd/video/subjects.py",
    "fusioncmd/video/source.py", "fusioncmd/video/bundle.py", "fusioncmd/video/roll.py", "fusioncmd/video/heard.py",
    "fusioncmd/api/video.py",
    "fusioncmd/voice/subjects.py",
    "fusioncmd/video/boxes.py", "fusioncmd/video/copying.py", "fusioncmd/video/keeping.py", "fusioncmd/video/kept.py",
    "fusioncmd/video/keeping_bounds.py", "fusioncmd/video/wall.py", "fusioncmd/api/kept.py",
    "fusioncmd/video/bounds.py", "fusioncmd/video/codecs.py", "fusioncmd/video/h264.py", "fusioncmd/video/packet.py",
    "fusioncmd/video/rtcp.py", "fusioncmd/video/units.py", "fusioncmd/video/vp8.py", "gateways/video/asked.py",
    "gateways/video/incoming.py", "gateways/video/media_bounds.py", "gateways/video/missing.py",
    "gateways/video/outgoing.py", "gateways/video/source_clock.py", "gateways/video/stream.py",
    "gateways/video/upstream.py", "gateways/video/viewer.py",
)  # fmt: skip
IMPURE = {"asyncio", "random", "secrets", "select", "socket", "subprocess", "threading", "time"}
RUN_LOOPS = {"tiers/folding.py", "tiers/serving.py"}  # the only places that may catch Exception

SOURCES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def module_of(path: Path) -> str:
    return relative(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")


MODULES = {module_of(path) for path in SOURCES}


@cache
def imports(path: Path) -> frozenset[str]:
    """Modules that a file imports when it is loaded, in full."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & MODULES or {node.module}
    return frozenset(found)


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=relative)
def test_a_file_has_a_promise_a_size_and_no_unfinished_business(path: Path) -> None:
    text = path.read_text("utf-8")
    lines = text.splitlines()
    assert len(lines) <= LINES_MAX, f"{len(lines)} lines"
    if lines:
        assert ast.get_docstring(tree(path)), "no module docstring"
    marks = "TO" + "DO|FIX" + "ME|X" + "XX"
    assert not re.search(marks, text)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            assert size <= FUNCTION_LINES_MAX, f"{node.name} has {size} lines"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_imports_only_what_its_layer_may(path: Path) -> None:
    layer = relative(path).split("/")[0]
    ours = {name.split(".")[0] for name in imports(path)} & {*PACKAGES, "tests"}
    assert ours <= MAY_IMPORT[layer]
    for library, files in ONE_FILE_PER_LIBRARY.items():
        if any(name.split(".")[0] == library for name in imports(path)) and layer != "loadtest":
            assert relative(path) in files, f"{library} belongs in {files}"


def test_there_is_no_import_cycle() -> None:
    graph = {module_of(p): imports(p) for p in SOURCES}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, f"cycle: {' → '.join((*trail[trail.index(module) :], module))}"
        if module not in done:
            for imported in graph.get(module, set()) & graph.keys():
                visit(imported, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_knows_no_socket_clock_or_chance(name: str) -> None:
    assert not {i.split(".")[0] for i in imports(ROOT / name)} & IMPURE


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_nothing_is_swallowed(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler):
            caught = "everything" if node.type is None else ast.unparse(node.type)
            reraises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            if caught in ("everything", "Exception", "BaseException") and not reraises:
                assert relative(path) in RUN_LOOPS, f"line {node.lineno} catches {caught}"


def test_the_repository_speaks_of_the_project_alone() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    forbidden = re.compile(r"(?<![\w.])/(work|root|farm|opt)/\w|/tmp/\w|pypi\.org|registry\.npmjs|files\.pythonhosted")
    for name in listed.decode().split("\0"):
        path = ROOT / name
        if (
            name
            and path.is_file()
            and path.suffix in (".py", ".md", ".toml", ".lock", ".in", "", ".yml")
            and path != Path(__file__)
        ):
            found = forbidden.search(path.read_text("utf-8", "ignore"))
            assert found is None, f"{name}: {found and found.group()}"
