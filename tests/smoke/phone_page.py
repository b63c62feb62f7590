"""The responder's page on a phone of its own, at the stories' tier: enrolled by a link, called, and counted."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from tests.tier_process import TierProcess


def ask(tier: TierProcess, *arguments: object) -> Any:
    """In a process of its own: this thread runs Playwright's loop."""
    ran = tier.cli(*arguments, "--json")
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.json


def address(tier: TierProcess) -> str:
    return f"http://127.0.0.1:{tier.port}/"


def enrolled(tier: TierProcess, phone: BrowserContext, person: dict[str, Any]) -> Page:
    """The page of a phone that was just enrolled, and touched."""
    page = phone.new_page()
    page.goto(ask(tier, "devices", "code", "--id", person["id"], "--page", address(tier))["link"])
    expect(page.locator(".link")).to_have_attribute("data-link", "on")
    assert page.url.endswith("/")  # the code does not stay in sight
    page.locator("header").click()
    return page


def enrolled_by(tier: TierProcess, phone: BrowserContext, code: str) -> Page:
    page = phone.new_page()
    page.goto(f"{address(tier)}#{code}")
    return page


def call(tier: TierProcess, person: dict[str, Any], text: str, mode: str = "--exercise") -> str:
    answers = ("--answer", "on duty", "--answer", "need support")
    told = ask(tier, "call", "--to", person["place"], "--text", text, *answers, mode)
    return str(told["id"])


def total(tier: TierProcess, order: str) -> dict[str, Any]:
    return dict(ask(tier, "watch", order, "--once")["total"])


def counts(tier: TierProcess, order: str, answers: list[int]) -> bool:
    return bool(total(tier, order)["by_answer"] == answers)
