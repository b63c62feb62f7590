"""`login`, `logout`, `whoami`: who is at this command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from msgspec import structs

from fusioncmd import api, limits
from fusioncmd.cli import sessions, shell
from fusioncmd.cli.figures import plain
from fusioncmd.client import Commander, key_login
from fusioncmd.errors import BadInput, NoSession, NotFound
from fusioncmd.trust import ring
from fusioncmd.words import reason, say

PASSWORD_VARIABLE = "FUSIONCMD_PASSWORD"
ROLES = {
    "commander": ("commander", "指挥员"), "duty_officer": ("duty officer", "值班员"), "auditor": ("auditor", "审计员"),
    "administrator": ("administrator", "管理员"),
}  # fmt: skip
_name = say("Your account; without one, your keys are who you are.", "账户名称；不写则以密钥登录。")
_code = say("The code that your app shows.", "动态码。")
_token = say("A file with an ID token of your identity provider.", "统一身份认证令牌文件。")
_nonce = say("The nonce that the token was asked for with.", "获取令牌时所用的 nonce。")


def login(
    name: Annotated[str, typer.Argument(metavar="NAME", help=_name)] = "",
    code: Annotated[str, typer.Option(metavar="DIGITS", help=_code)] = "",
    token: Annotated[Path | None, typer.Option("--oidc-token-file", metavar="FILE", help=_token)] = None,
    nonce: Annotated[str, typer.Option("--oidc-nonce", metavar="TEXT", help=_nonce)] = "",
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """Log in, and stay logged in here. A program gives the password by FUSIONCMD_PASSWORD or on standard input."""
    asked = _question(name, code, token, nonce)

    async def go() -> None:
        async with shell.connect(nats) as bus:
            commander = Commander(bus)
            if isinstance(asked, BadInput):
                raise asked
            health = await commander.ask(api.Health())
            node = health.node
            if asked is None:
                folder = sessions.keys_folder(node, None)
                held = ring.login_keys(folder, health.now_ms)
                if not held:
                    raise NotFound(
                        f"There are no keys in {folder}; name your account.", f"{folder} 中没有密钥，请写明账户名称。"
                    )
                made = await key_login(commander, held)
            elif isinstance(asked, api.Login):
                shown = sessions.read(sessions.file_of(node, nats))
                made = await commander.ask(structs.replace(asked, shown=shown))
            else:
                made = await commander.ask(asked)
        sessions.keep(sessions.file_of(made.identity.node, nats), made.session)
        _tell(made.identity, as_json)

    shell.run(go(), as_json)


def logout(nats: shell.NatsOption = shell.DEFAULT_NATS, as_json: shell.JsonOption = False) -> None:
    """End the session that is kept on this machine."""

    async def go() -> None:
        async with shell.connect(nats) as bus:
            node = (await Commander(bus).ask(api.Health())).node
            file = sessions.file_of(node, nats)
            saved = sessions.read(file)
            if not saved:
                raise NotFound("Nobody is logged in here.", "本机尚无登录。")
            file.unlink(missing_ok=True)  # whatever the node says of it
            try:
                name = (await Commander(bus, saved).ask(api.Logout())).name
            except NoSession:  # it had ended already
                name = ""
        if as_json:
            shell.print_json({"name": name})
        else:
            shell.say_line(say(f"Logged out. {plain(name)}", f"已退出登录。{plain(name)}").rstrip())

    shell.run(go(), as_json)


def whoami(nats: shell.NatsOption = shell.DEFAULT_NATS, as_json: shell.JsonOption = False) -> None:
    """Who is logged in, with which roles, for which place."""

    async def go() -> None:
        async with shell.commanding(nats) as commander:
            _tell(await commander.ask(api.WhoAmI()), as_json)

    shell.run(go(), as_json)


def _question(name: str, code: str, token: Path | None, nonce: str) -> api.Login | api.LoginByToken | BadInput | None:
    """What the node is asked; None: the keys decide. People are asked for what is missing, before anything runs."""
    if token is not None:
        return _token_question(token, nonce)
    if not name:
        return None
    password = secret(say("Password: ", "密码："))
    if not code and sys.stdin.isatty():
        code = typer.prompt(
            say("Code (Enter if you have none)", "动态码（没有则回车）"), default="", show_default=False
        )
    if len(name) > limits.ACCOUNT_NAME_CHARS_MAX or len(password) > limits.PASSWORD_CHARS_MAX or len(code) > 16:
        return BadInput("The name, the password or the code is too long.", "名称、密码或动态码过长。")
    return api.Login(name, password, code)


def _token_question(file: Path, nonce: str) -> api.LoginByToken | BadInput:
    try:
        with file.open("rb") as opened:
            token = opened.read(limits.OIDC_TOKEN_CHARS_MAX + 1).decode("ascii").strip()
    except OSError as error:
        en, zh = reason(error)
        return BadInput(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。")
    except UnicodeDecodeError:
        return BadInput(f"{file} holds no ID token.", f"{file} 不含身份令牌。")
    if len(token) > limits.OIDC_TOKEN_CHARS_MAX:
        return BadInput(f"{file} is too long for an ID token.", f"{file} 过长，不是身份令牌。")
    return api.LoginByToken(token, nonce)


def secret(prompt: str, again: str = "") -> str:
    """A password: from FUSIONCMD_PASSWORD, from a person who is not shown what they type (twice with `again`), or the
    first line of what is piped in."""
    given = os.environ.get(PASSWORD_VARIABLE)
    if given is not None:
        return given
    if sys.stdin.isatty():
        from getpass import getpass

        while True:
            first = getpass(prompt)
            if not again or getpass(again) == first:
                return first
            shell.err.print(say("They differ.", "两次输入不一致。"))
    return sys.stdin.readline(4 * limits.PASSWORD_CHARS_MAX).rstrip("\r\n")


def roles_words(roles: tuple[str, ...]) -> str:
    return say(", ", "、").join(say(*ROLES[role]) for role in roles)


def _tell(who: api.Identity, as_json: bool) -> None:
    if as_json:
        shell.print_json(who)
        return
    by = say("by key", "以密钥登录") if who.by == "key" else say("by account", "以账户登录")
    until = shell.local_time(who.expires_s * 1000)
    shell.say_line(
        f"{plain(who.name)}  {roles_words(who.roles)}  {who.path}  {by}  " + say(f"until {until}", f"至 {until}")
    )
