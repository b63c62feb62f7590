"""TLS on the bus: nothing beyond this machine without it, and only with a server that the authority vouches for."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from fusioncmd import tls
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.cli.bus_way import own_way
from fusioncmd.errors import BadInput, BusDown, BusRefused, Conflict, NotFound
from tests.nats_server import free_port, insist
from tests.tier_process import PROGRAM, environment, run, until
from tiers.nats_config import NatsSettings, render
from tiers.nats_server import server_binary

HOST = "127.0.0.2"
NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    tls.make(folder, (HOST, "bus.example.org"), NOW)
    return folder


def serve(folder: Path, host: str, made: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A server with TLS, and its port."""
    user, port = users.ensure(folder, "node", "node", "44"), free_port()
    settings = NatsSettings("44", port, folder / "store", host, (made / tls.SERVER, made / tls.SERVER_KEY))
    (folder / "conf").write_text(render(settings, [user]), "utf-8")
    with (folder / "log").open("ab") as log:
        return subprocess.Popen([server_binary(None), "-c", folder / "conf"], stderr=log), port


@pytest.fixture(scope="module")
def secured(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port of a server with TLS on 127.0.0.2, and the key of a user."""
    folder = tmp_path_factory.mktemp("secured")
    process, port = serve(folder, HOST, made)
    until(lambda: listens(port))
    yield port, users.seed_file(folder, "node")
    process.kill()
    process.wait()


def listens(port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection((HOST, port), timeout=5):
        return True
    return False


async def test_over_tls_the_bus_does_all_that_it_does(made: Path, secured: tuple[int, Path]) -> None:
    port, key = secured
    bus = await open_bus(f"tls://{HOST}:{port}", "test", 10.0, key=key, ca=made / tls.CA)
    await bus.ensure_streams()
    assert await bus.store("fc.call.44", b"an order") == 1
    await bus.close()


async def test_who_does_not_know_the_authority_or_speaks_plainly_is_not_let_in(
    made: Path, secured: tuple[int, Path], tmp_path: Path
) -> None:
    port, key = secured
    url = f"tls://{HOST}:{port}"
    await (await open_bus(url, "test", 10.0, key=key, ca=made / tls.CA)).close()
    with pytest.raises(BusRefused, match="is not vouched for"):
        await open_bus(url, "test", key=key)
    tls.make(tmp_path, (HOST,), NOW)  # another authority, of the same name
    with pytest.raises(BusRefused, match="is not vouched for"):
        await open_bus(url, "test", key=key, ca=tmp_path / tls.CA)
    with pytest.raises(BusDown):
        await open_bus(f"nats://{HOST}:{port}", "test", 1.0, key=key)
    with socket.create_connection((HOST, port), timeout=0.5) as plain, pytest.raises(TimeoutError):
        plain.recv(1)  # not even a greeting


async def test_a_server_of_another_name_is_not_taken_for_ours(made: Path, tmp_path: Path) -> None:
    process, port = serve(tmp_path, "127.0.0.3", made)
    key, ca = users.seed_file(tmp_path, "node"), made / tls.CA
    try:
        with pytest.raises(BusRefused, match=r"IP address mismatch.*127\.0\.0\.3"):
            await insist(lambda: open_bus(f"tls://127.0.0.3:{port}", "test", key=key, ca=ca), (BusDown,))
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("version", "taken"), [(ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_1, False)])
def test_old_versions_of_tls_are_refused(
    made: Path, secured: tuple[int, Path], version: ssl.TLSVersion, taken: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(made / tls.CA)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.options &= ~(ssl.OP_NO_TLSv1_1 | ssl.OP_NO_TLSv1_2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that 1.1 is old is what this is about
        context.maximum_version = context.minimum_version = version
    with socket.create_connection((HOST, secured[0]), timeout=5) as plain:
        if taken:
            with context.wrap_socket(plain, server_hostname=HOST) as spoken:
                assert spoken.recv(4) == b"INFO"
        else:
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                context.wrap_socket(plain, server_hostname=HOST)


def test_certificates_are_made_once_and_private_keys_are_private(made: Path) -> None:
    assert {made.joinpath(name).stat().st_mode & 0o777 for name in (tls.CA_KEY, tls.SERVER_KEY)} == {0o600}
    before = {file: file.read_bytes() for file in made.iterdir()}
    with pytest.raises(Conflict, match="is there already"):
        tls.make(made, (), NOW)
    assert {file: file.read_bytes() for file in made.iterdir()} == before
    for host in ("a..b", "x" * 64 + ".org"):
        with pytest.raises(BadInput, match="no name of a machine"):
            tls.make(made / "other", (host,), NOW)


def test_the_bus_is_not_offered_to_others_in_plain_text(tmp_path: Path, made: Path) -> None:
    assert own_way(tmp_path, "127.0.0.1", None, None, None).url(4222) == "nats://127.0.0.1:4222"
    for host in ("0.0.0.0", "::", "10.0.0.5", "bus.example.org"):
        with pytest.raises(BadInput, match="plain text"):
            own_way(tmp_path, host, None, None, None)
    with pytest.raises(BadInput, match="belong together"):
        own_way(tmp_path, "127.0.0.1", made / tls.SERVER, None, None)
    with pytest.raises(NotFound, match="nowhere"):
        own_way(tmp_path, "0.0.0.0", tmp_path / "nowhere", made / tls.SERVER_KEY, None)
    tls.make(tmp_path / "tls", (), NOW)
    way = own_way(tmp_path, "0.0.0.0", None, None, None)  # what `tls init` made is found
    assert (way.url(4222), way.ca) == ("tls://127.0.0.1:4222", tmp_path / "tls" / "ca.pem")
    assert own_way(tmp_path, "127.0.0.1", None, None, None).cert is None


def test_up_over_tls_from_the_first_step_to_a_call(tmp_path: Path) -> None:
    """As README says it: certificates, a tier that others reach, and commands that find their way to it."""
    data, port, terminals = tmp_path / "data", free_port(), free_port()
    up = ["up", "--data", data, "--nats-host", "0.0.0.0", "--nats-port", port, "--port", terminals, "--gateways", 1,
          "--console-port", 0]  # fmt: skip
    refused = run(*up)
    assert refused.code == 1 and "in plain text" in refused.err and refused.err.count("\n") == 1
    assert "DEVELOPMENT" in run("tls", "init", "--data", data, "--host", "bus.example.org").out
    again = run("tls", "init", "--data", data)
    assert again.code == 1 and "is there already" in again.err
    with subprocess.Popen(
        [PROGRAM, *map(str, up), "--json"], env=environment(), stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None and b'"ready":true' in process.stdout.readline()
            url = f"tls://127.0.0.1:{port}"
            assert run("orders", "--json", FUSIONCMD_NATS=url, FUSIONCMD_DATA=str(data)).json["orders"] == []
            far = run("orders", FUSIONCMD_NATS=url, FUSIONCMD_BUS_KEY=str(data / "bus" / "commander.nk"))
            assert far.code == 1 and "is not vouched for" in far.err
            known = {
                "FUSIONCMD_BUS_KEY": str(data / "bus" / "commander.nk"),
                "FUSIONCMD_TLS_CA": str(data / "tls/ca.pem"),
                "FUSIONCMD_KEYS": str(data / "keys"),
            }
            assert run("orders", "--json", FUSIONCMD_NATS=url, **known).json["orders"] == []
        finally:
            process.terminate()
