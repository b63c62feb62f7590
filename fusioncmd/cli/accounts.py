"""`accounts`: who may log in, with which roles and for which place; an administrator's commands."""

from __future__ import annotations

import sys
from typing import Annotated, cast

import typer
from rich.text import Text

from fusioncmd import api, limits
from fusioncmd.accounts.account import ROLES, Role
from fusioncmd.cli import shell
from fusioncmd.cli.completion import complete_place
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned
from fusioncmd.cli.login import roles_words, secret
from fusioncmd.errors import BadInput
from fusioncmd.words import say

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("Accounts of commanders: add, list, disable.", "指挥员账户：新增、查看、停用。"),
)  # fmt: skip
Name = Annotated[str, typer.Argument(metavar="NAME", help=say("The account's name.", "账户名称。"))]
_roles = say("What they may do; repeat for more: ", "角色，可多次给出：") + ", ".join(ROLES)
_place = say("Their place: they see and command it and what lies below.", "管辖地点，可见可指挥其本身及以下。")
_totp = say("A code of an app is asked for, too; its QR code is shown.", "同时要求动态码，并显示二维码。")
_oidc = say("What the identity provider calls them (`sub`).", "统一身份认证中的标识（sub）。")
RoleOptions = Annotated[list[str] | None, typer.Option("--role", metavar="ROLE", help=_roles)]
PlaceOption = Annotated[str, typer.Option("--place", metavar="PLACE", autocompletion=complete_place, help=_place)]
TotpOption = Annotated[bool, typer.Option("--totp", help=_totp)]


@app.command(help=say("A new account; its password is asked for.", "新增账户，并输入其密码。"))
def add(
    name: Name,
    place: PlaceOption,
    role: RoleOptions = None,
    totp: TotpOption = False,
    oidc: Annotated[str, typer.Option("--oidc", metavar="SUBJECT", help=_oidc)] = "",
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    password = _new_password() if not oidc else ""

    async def go() -> None:
        roles, path = _roles_of(role or ["commander"]), shell.load_divisions(divisions).find(place).code
        _check(name, password)
        question = api.AddAccount(name=name, roles=roles, path=path, password=password, totp=totp, subject=oidc)
        async with shell.commanding(nats) as commander:
            _tell(await commander.ask(question), as_json)

    shell.run(go(), as_json)


@app.command(help=say("Other roles, or another place; its sessions end.", "更改角色或地点，其会话随即失效。"))
def change(
    name: Name,
    role: RoleOptions = None,
    place: PlaceOption = "",
    oidc: Annotated[str | None, typer.Option("--oidc", metavar="SUBJECT", help=_oidc)] = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        roles = _roles_of(role) if role else None
        path = shell.load_divisions(divisions).find(place).code if place else None
        await _change(api.ChangeAccount(name=name, roles=roles, path=path, subject=oidc), nats, as_json)

    shell.run(go(), as_json)


@app.command("list", help=say("Who has an account here.", "本节点的账户。"))
def list_accounts(nats: shell.NatsOption = shell.DEFAULT_NATS, as_json: shell.JsonOption = False) -> None:
    async def go() -> None:
        async with shell.commanding(nats) as commander:
            found = (await commander.ask(api.Accounts())).accounts
        if as_json:
            shell.print_json({"accounts": found})
        elif not found:
            shell.say_line(say("There are no accounts.", "没有账户。"))
        else:
            heads = [say("name", "名称"), say("roles", "角色"), say("place", "地点"), say("login", "登录方式"), ""]
            for line in aligned(heads, [_cells(one) for one in found]):
                shell.say_line(line)

    shell.run(go(), as_json)


@app.command(help=say("Nobody logs in by it any more; its sessions end at once.", "停用账户，其会话立即失效。"))
def disable(name: Name, nats: shell.NatsOption = shell.DEFAULT_NATS, as_json: shell.JsonOption = False) -> None:
    shell.run(_change(api.ChangeAccount(name=name, disabled=True), nats, as_json), as_json)


@app.command(help=say("It may be used again.", "恢复账户。"))
def enable(name: Name, nats: shell.NatsOption = shell.DEFAULT_NATS, as_json: shell.JsonOption = False) -> None:
    shell.run(_change(api.ChangeAccount(name=name, disabled=False), nats, as_json), as_json)


@app.command(help=say("A new password; its sessions end.", "更换密码，其会话随即失效。"))
def password(name: Name, nats: shell.NatsOption = shell.DEFAULT_NATS, as_json: shell.JsonOption = False) -> None:
    given = _new_password()

    async def go() -> None:
        _check(name, given)
        await _change(api.ChangeAccount(name=name, password=given), nats, as_json)

    shell.run(go(), as_json)


@app.command(
    help=say("A new secret for codes, or none with --off; its sessions end.", "更换动态码密钥，或用 --off 取消。")
)
def totp(
    name: Name,
    off: Annotated[bool, typer.Option("--off", help=say("Ask for no code any more.", "不再要求动态码。"))] = False,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    shell.run(_change(api.ChangeAccount(name=name, totp=not off), nats, as_json), as_json)


async def _change(question: api.ChangeAccount, nats: str, as_json: bool) -> None:
    async with shell.commanding(nats) as commander:
        _tell(await commander.ask(question), as_json)


def _new_password() -> str:
    return secret(say("New password: ", "新密码："), say("Again: ", "再次输入："))


def _check(name: str, password: str) -> None:
    """What the node would say of it less clearly."""
    if not 0 < len(name) <= limits.ACCOUNT_NAME_CHARS_MAX or len(password) > limits.PASSWORD_CHARS_MAX:
        raise BadInput("The name or the password is too long.", "名称或密码过长。")


def _roles_of(given: list[str]) -> tuple[Role, ...]:
    unknown = [role for role in given if role not in ROLES]
    if unknown:
        known = ", ".join(ROLES)
        raise BadInput(f"There is no role {unknown[0]}; known: {known}.", f"没有角色 {unknown[0]}；可用：{known}。")
    return tuple(cast(Role, role) for role in given)


def _cells(line: api.AccountLine) -> list[Text]:
    ways = [say("password", "密码")] if line.has_password else []
    ways += [say("code", "动态码")] if line.has_totp else []
    ways += ["OIDC"] if line.subject else []
    off = Text(say("disabled", "已停用"), "bold red") if line.disabled else Text()
    return [Text(plain(line.name)), Text(roles_words(line.roles)), Text(line.path), Text(" + ".join(ways)), off]


def _tell(made: api.AccountMade, as_json: bool) -> None:
    from fusioncmd.accounts import passwords

    line = made.account
    uri = passwords.totp_uri(made.totp, line.name, line.path) if made.totp else ""
    if as_json:
        text = passwords.totp_text(made.totp) if made.totp else ""
        shell.print_json({"account": line, "totp_secret": text, "totp_uri": uri})
        return
    for row in aligned(["", "", "", "", ""], [_cells(line)])[1:]:
        shell.say_line(row)
    if uri:
        import segno

        segno.make(uri, micro=False).terminal(out=sys.stdout, compact=True)
        shell.say_line(
            say("For their app, shown this once: ", "供动态码应用使用，仅显示一次：") + passwords.totp_text(made.totp)
        )
