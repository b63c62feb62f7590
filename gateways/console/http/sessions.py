"""Logging in and out, and who is logged in. The session is a cookie that no script reads and no other site sends."""

from __future__ import annotations

from base64 import b64encode

from litestar import Response, Router, get, post

from fusioncmd import api
from gateways.console.http.asking import Asked, as_json, desk_of, reply, session_cookie, session_of
from gateways.console.shapes import KeyLoginForm, LoginForm, bytes_of


@post("/login", status_code=200)
async def login(request: Asked, data: LoginForm) -> Response[api.Identity]:
    """By name and password, and the code of an app where the account has one."""
    question = api.Login(data.name, data.password, data.code, shown=session_of(request))
    return _let_in(request, await desk_of(request).ask(question))


@post("/login/key", status_code=200)
async def login_by_key(request: Asked, data: KeyLoginForm) -> Response[api.Identity]:
    """By proofs that were made with signing keys, where those are."""
    proofs = tuple(map(bytes_of, data.proofs))
    return _let_in(request, await desk_of(request).ask(api.LoginByKey(proofs)))


@post("/logout", status_code=200)
async def logout(request: Asked) -> Response[api.LoggedOut]:
    response = await reply(request, api.Logout())
    response.set_cookie(session_cookie(request, "", 0))
    return response


@get("/whoami")
async def whoami(request: Asked) -> Response[api.Identity]:
    return await reply(request, api.WhoAmI())


@get("/health")
async def health(request: Asked) -> Response[api.HealthReply]:
    """Of the node; its figures only to who is logged in."""
    return await reply(request, api.Health())


def _let_in(request: Asked, done: api.LoggedIn) -> Response[api.Identity]:
    response = as_json(done.identity)
    response.set_cookie(session_cookie(request, b64encode(done.session).decode()))
    return response


ROUTES = Router("/", route_handlers=[login, login_by_key, logout, whoami, health], tags=["sessions"])
