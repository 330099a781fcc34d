"""A person at a browser: signs in, opens a run, watches it work, stops another one."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.acceptance.conftest import ended, submitted
from workers.local.private import QUICK, PrivateStack

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER, NO PAGE IS TESTED: `make browser` installs one"),
]

# Each keeps the browser from talking to anybody but us, or lets it run as root.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDE = {"width": 1600, "height": 1000}
EMAIL, PASSWORD = "root@example.org", "correct horse battery"
CALCULATION = [
    {"tool_calls": [{"name": "calculator", "args": {"expression": "6 * 7"}}]},
    {"text": "It is {last_tool_result}"},
]
SPOKEN = [
    CALCULATION[0],
    {"text": " ".join(f"word-{n}" for n in range(40)), "chunks": 40, "latency_s": 12},
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateStack]:
    """Every process that a page needs, with the style sheets in place."""
    stack = PrivateStack(QUICK | {"STATIC_ROOT": str(tmp_path_factory.mktemp("static"))})
    try:
        stack.start_servers()
        stack.manage("collectstatic", "--no-input", "--verbosity", "0")
        create = f"User.objects.create_superuser({json.dumps(EMAIL)}, {json.dumps(PASSWORD)})"
        stack.manage("shell", "-v", "0", "-c", f"from apps.accounts.models import User; {create}")
        stack.start_web()
        stack.start_live()
        stack.start_runs()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def client(stack: PrivateStack, spec: dict[str, Any]) -> httpx.Client:
    """A program of a fresh workspace whose agent plays the script."""
    headers = {"Authorization": f"Bearer {stack.seed(spec)}"}
    return httpx.Client(base_url=stack.web_url, headers=headers, timeout=30)


def sign_in(stack: PrivateStack, chromium: Browser, **options: Any) -> Page:
    page = chromium.new_context(base_url=stack.web_url, **{"viewport": WIDE} | options).new_page()
    page.goto("/admin/")
    page.fill("[name=username]", EMAIL)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/admin/")
    return page


def steps_on(page: Page) -> list[tuple[str, ...]]:
    """Number, kind and name of each step that the timeline shows."""
    rows = page.locator("details[data-step] > summary .cef-name")
    parts = (".cef-n", ".cef-kind", ".cef-label")
    return [tuple(row.locator(part).inner_text() for part in parts) for row in rows.all()]


CALCULATED = [("1", "model", "script"), ("2", "tool", "calculator"), ("3", "model", "script")]


def test_a_person_finds_a_run_and_sees_its_steps(stack: PrivateStack, chromium: Browser, tmp_path: Path) -> None:
    with client(stack, {"script": CALCULATION, "tools": ["calculator"]}) as program:
        run_id = submitted(program, "What is 6 * 7?")
        ended(program, run_id)
    page = sign_in(stack, chromium)
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.locator('a[href="/admin/runs/run/"]').first.click()
    page.locator(f'a[href*="{run_id}"]').first.click()
    expect(page.locator(".cef-head .cef-chip")).to_contain_text("succeeded")
    assert steps_on(page) == CALCULATED
    expect(page.locator(".cef-prose").first).to_have_text("What is 6 * 7?")
    expect(page.get_by_role("region", name="Answer")).to_contain_text('It is {"expression":"6 * 7","result":42}')
    page.locator("details[data-step='2'] > summary").click()
    expect(page.locator("details[data-step='2'] .cef-json").first).to_contain_text('"expression": "6 * 7"')
    page.screenshot(path=tmp_path / "run.png", full_page=True)
    assert (tmp_path / "run.png").stat().st_size > 10_000
    assert troubles == []


def test_the_page_follows_a_run_without_being_loaded_again(stack: PrivateStack, chromium: Browser) -> None:
    page = sign_in(stack, chromium)
    with client(stack, {"script": SPOKEN, "tools": ["calculator"], "streaming": True}) as program:
        run_id = submitted(program)
        page.goto(f"/admin/runs/run/{run_id}/change/")
        page.evaluate("window.loadedOnce = true")
        expect(page.locator("[data-speaking]")).to_contain_text("word-20 word-21", timeout=20_000)
        expect(page.locator(".cef-head .cef-chip")).to_contain_text("running")
        late = page.context.new_page()
        late.goto(f"/admin/runs/run/{run_id}/change/")
        expect(late.locator("[data-speaking]")).to_have_text(re.compile("^word-0 word-1 .* word-19 word-20"))
        expect(page.locator(".cef-between")).to_contain_text(["waiting for a worker", "working"])
        expect(page.locator(".cef-head .cef-chip")).to_contain_text("succeeded", timeout=20_000)
        ended(program, run_id)
    assert steps_on(page) == CALCULATED
    expect(page.locator("[data-speaking]")).to_have_count(0)
    assert page.evaluate("window.loadedOnce") is True


def test_a_person_stops_a_run(stack: PrivateStack, chromium: Browser) -> None:
    page = sign_in(stack, chromium)
    with client(stack, {"script": [{"text": "late", "latency_s": 30}]}) as program:
        run_id = submitted(program)
        page.goto(f"/admin/runs/run/{run_id}/change/")
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator(".cef-head .cef-chip")).to_contain_text("cancelled", timeout=15_000)
        assert ended(program, run_id)["status"] == "cancelled"


def test_a_page_without_scripts_shows_the_timeline(stack: PrivateStack, chromium: Browser) -> None:
    with client(stack, {"script": CALCULATION, "tools": ["calculator"]}) as program:
        run_id = submitted(program)
        ended(program, run_id)
    page = sign_in(stack, chromium, java_script_enabled=False)
    page.goto(f"/admin/runs/run/{run_id}/change/")
    assert steps_on(page) == CALCULATED
    page.locator("details[data-step='2'] > summary").click()
    page.get_by_role("link", name="Open step 2").click()
    expect(page.locator(".cef-json").first).to_contain_text('"expression": "6 * 7"')


def test_a_person_runs_it_again_from_a_step_and_compares(stack: PrivateStack, chromium: Browser) -> None:
    page = sign_in(stack, chromium)
    with client(stack, {"script": CALCULATION, "tools": ["calculator"]}) as program:
        run_id = submitted(program, "What is 6 * 7?")
        ended(program, run_id)
        page.goto(f"/admin/runs/run/{run_id}/change/")
        page.locator("details[data-step='3'] > summary").click()
        page.get_by_role("link", name="Rerun from here").click()
        expect(page.locator("[name=from_step]")).to_have_value("3")
        expect(page.locator("[name=input]")).to_be_hidden()
        page.get_by_role("button", name="Run it again").click()
        expect(page.locator(".cef-head .cef-chip")).to_contain_text("succeeded", timeout=15_000)
    assert steps_on(page) == CALCULATED
    expect(page.get_by_text("reused", exact=True)).to_have_count(2)
    page.locator(".cef-head").get_by_role("link", name="compare", exact=True).click()
    expect(page.locator(".cef-verdict")).to_contain_text("all 3 steps are the same")
    page.locator("details[data-pair='2'] > summary").click()
    expect(page.locator("details[data-pair='2'] .cef-json")).to_have_count(4)
