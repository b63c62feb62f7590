"""Chromium without a window, driven by Playwright: pages as a person sees and touches them. Nothing is installed here.

Where Chromium or the built pages are missing, tests are skipped; where FUSIONCMD_BROWSER=required says so, they fail,
but not for pages that nobody could build, because there is no Node.js.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.web_engines import CHROMIUM_MIN, WEB, program

DIST = WEB / "dist"
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 800}
WAIT_MS_MAX = 15_000
expect.set_options(timeout=WAIT_MS_MAX)  # as for all else: four browsers share two cores
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=user-gesture-required",
    "--use-fake-ui-for-media-stream", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]  # fmt: skip


def built(name: str) -> Path:
    """The folder of a built page."""
    folder = DIST / name
    if not (folder / f"{name}.html").is_file():
        said = "the pages are not built: make pages"
        required = os.environ.get("FUSIONCMD_BROWSER") == "required" and can_build()
        pytest.fail(said) if required else pytest.skip(said)
    return folder


def can_build() -> bool:
    """As the Makefile has it: Node.js 20.19 or 22.12, or later."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return False
    said = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip().lstrip("v")
    major, minor = (int(part) for part in said.split(".")[:2])
    return major > 22 or (major, minor) >= (22, 12) or (major == 20 and minor >= 19)


@contextlib.contextmanager
def chromium(*more: str, whole: bool = False) -> Iterator[Browser]:
    """With `more` options of its command line. Its headless shell, where that is: it draws no window, and has
    no notifications, as the `whole` has."""
    shell = "chromium-headless-shell"
    path = program(shell if shutil.which(shell) and not whole else "chromium", CHROMIUM_MIN, "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *more])
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def device(browser: Browser, lang: str = "en-GB", **how: Any) -> Iterator[BrowserContext]:
    """A device of its own: its storage is nobody else's. A page of it that fails anywhere fails the test."""
    how = {"viewport": PHONE, "has_touch": True, "locale": lang, "reduced_motion": "reduce"} | how
    failures: list[str] = []
    context = browser.new_context(**how)
    context.set_default_timeout(WAIT_MS_MAX)
    context.on("weberror", lambda error: failures.append(str(error.error)))
    context.on(
        "console",
        lambda said: (
            failures.append(f"{said.text} {said.location['url']}") if _is_failure(said.type, said.text) else None
        ),
    )
    try:
        yield context
    finally:
        context.close()
    assert failures == [], failures


def _is_failure(kind: str, text: str) -> bool:
    """A connection that is cut is said by the browser, and is no failure of the page's."""
    return kind == "error" and "ERR_INTERNET_DISCONNECTED" not in text and "WebSocket connection to" not in text


def violations(page: Page) -> list[str]:
    """What axe-core finds that is serious or worse, by rule and place."""
    axe = WEB / "node_modules" / "axe-core" / "axe.min.js"
    page.evaluate(axe.read_text("utf-8"))  # the page's own policy would not let a script in
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in serious]


def in_both_themes(page: Page) -> list[str]:
    """The same, in the dark and in the light."""
    found: list[str] = []
    themes: tuple[Literal["dark", "light"], ...] = ("dark", "light")
    for theme in themes:
        page.emulate_media(color_scheme=theme)
        found += [f"{theme}: {each}" for each in violations(page)]
    return found
