"""The pages in a real browser: by mouse, by keyboard, on a phone, in the dark, and without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from everycase.domain.access import Role
from everycase.operations import access
from tests.support.service import Service, service
from tests.web.browser import browser, executable, fits, watch

expect.set_options(timeout=60_000)

pytestmark = pytest.mark.skipif(executable() is None, reason="needs a Chromium browser")

PATHS = (
    "/",
    "/cases",
    "/failures",
    "/runs",
    "/search",
    "/search?q=fan",
    "/api",
    "/audit",
    "/sign-in",
    "/nowhere",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


def _context(chromium: Browser, s: Service, **options: Any) -> BrowserContext:
    context = chromium.new_context(base_url=s.url, **options)
    context.set_default_timeout(60_000)
    return context


@pytest.fixture
def page(chromium: Browser, shown: Service) -> Iterator[Page]:
    """A page of the service that is only read; no console error, and no request leaves the machine."""
    context = _context(chromium, shown)
    faults = watch(context, shown.url)
    yield context.new_page()
    context.close()
    assert [f for f in faults if "404" not in f] == []


def _case_path(s: Service) -> str:
    row = s.world.rows(
        "select record_id from recon.data_lineage where status = 'completed' order by 1 limit 1"
    )
    return f"/cases/{row[0]['record_id']}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1366, 768), (360, 740)], ids=["desktop", "phone"])
def test_no_page_has_an_accessibility_violation_or_is_too_wide(
    chromium: Browser, shown: Service, size: tuple[int, int], scheme: Any
) -> None:
    """axe-core on every page, light and dark, wide and at 360 px."""
    context = _context(
        chromium, shown, viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    found = {}
    for path in (*PATHS, _case_path(shown)):
        page.goto(path)
        violations = Axe().run(page).response["violations"]
        if violations:
            found[path] = [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in violations]
        assert fits(page), path
    context.close()
    assert found == {}


def test_every_link_of_every_page_leads_somewhere(page: Page, shown: Service) -> None:
    """Start at the overview and follow every link once."""
    waiting, seen = ["/"], set()
    while waiting:
        path = waiting.pop()
        if path in seen or len(seen) > 150:
            continue
        seen.add(path)
        answer = page.request.get(path)
        assert answer.status == 200, path
        if "text/html" not in answer.headers["content-type"]:
            continue
        page.goto(path)
        hrefs = page.eval_on_selector_all("a[href]", "links => links.map(a => a.getAttribute('href'))")
        waiting += [h for h in hrefs if h.startswith("/")]
    assert len(seen) > 20


def test_the_first_screen_tells_the_state_of_the_whole(page: Page, shown: Service) -> None:
    """At 1366 × 768 every part is seen without scrolling, also while two alerts stand."""
    shown.world.do("delete from recon.alert_state")
    shown.world.do(
        "insert into recon.alert_state (channel, rule, value, started_at, sent_at, sent_value) "
        "select '', rule, 512, now(), now(), 512 from unnest(array['missing_cases', 'manual_review']) rule"
    )
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto("/")
    expect(page.locator("h1")).to_contain_text("30 of 34 cases are in the index")
    alerts = page.get_by_role("status", name="Alerts")
    expect(alerts.get_by_role("listitem")).to_have_count(2)
    expect(alerts).to_contain_text("512 cases are missing from the index when last measured. Run manual")
    parts = page.locator("main > section")
    assert parts.count() == 9
    for part in parts.all():
        box = part.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 768, part.inner_text()


def test_a_case_is_found_and_its_journey_read_by_keyboard_alone(page: Page, shown: Service) -> None:
    """`/`, a number, Enter; then `g f` for the failures."""
    row = shown.world.rows(
        "select case_number from recon.data_lineage where status = 'completed' order by 1 limit 1"
    )
    page.goto("/")
    page.keyboard.press("/")
    page.keyboard.type(row[0]["case_number"])
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("is in the index as the source has it")
    expect(page.get_by_role("heading", name="How it got there")).to_be_visible()
    expect(page.locator("ol.way")).to_contain_text("Redacted")
    page.wait_for_load_state("load")
    page.keyboard.press("g")
    page.keyboard.press("f")
    expect(page.locator("h1")).to_contain_text("4 failures wait")


def test_words_in_the_box_lead_to_the_search(page: Page) -> None:
    """What is no case is searched for."""
    page.goto("/")
    page.get_by_role("searchbox").fill("server 7 does not start")
    page.keyboard.press("Enter")
    expect(page.locator("article").first).to_contain_text("does not start")


def test_exactly_the_filtered_failures_are_left_alone_while_new_ones_arrive(
    chromium: Browser, changing: Service
) -> None:
    """Filter, see how many, confirm: a failure that comes in between stays as it is."""
    context = _context(chromium, changing)
    page = context.new_page()
    page.goto("/failures?error_type=MissingRequiredField")
    page.get_by_role("button", name="Leave alone").click()
    expect(page.locator("h1")).to_contain_text("Leave 4 failures alone?")
    changing.world.do(
        """insert into recon.failed_records (record_id, stage, error_type, error_message, disposition)
           values ('5000000000000ZZAAA', 'join', 'MissingRequiredField', 'came later', 'manual_review')"""
    )
    page.get_by_role("button", name="Leave 4 failures alone").click()
    expect(page.locator("h1")).to_contain_text("Skip of 4 failures")
    expect(page.locator("h1")).to_contain_text("done", timeout=60_000)
    page.goto("/failures")
    expect(page.locator("h1")).to_contain_text("1 failure waits")
    context.close()


def test_a_reconcile_is_started_and_its_report_read(chromium: Browser, changing: Service) -> None:
    """From the button to the report."""
    context = _context(chromium, changing)
    page = context.new_page()
    page.goto("/")
    page.get_by_role("button", name="Reconcile").click()
    expect(page.locator("h1")).to_contain_text("done", timeout=60_000)
    page.get_by_role("link", name="The report").click()
    expect(page.locator("pre")).to_contain_text("records checked", ignore_case=True)
    context.close()


def test_everything_works_without_scripts(chromium: Browser, changing: Service) -> None:
    """Links and forms alone: overview, case, failures, an order."""
    context = _context(chromium, changing, java_script_enabled=False)
    page = context.new_page()
    for path in ("/", _case_path(changing), "/failures", "/search?q=fan"):
        page.goto(path)
        expect(page.locator("h1, article").first).to_be_visible()
    page.goto("/runs")
    page.get_by_role("button", name="Prune").click()
    page.get_by_role("link", name="Look again").click()
    expect(page.locator("h1")).to_contain_text("Prune")
    context.close()


def test_signing_in_and_out_and_being_refused_as_a_viewer(chromium: Browser, changing: Service) -> None:
    """A viewer sees no button and cannot order; after signing out nothing is shown."""
    secret = access.create_token(changing.app, "vera", Role.VIEWER).secret
    source = changing.world.home / "export"
    with service(changing.world, source, serve={"require_tokens": True}) as closed:
        context = _context(chromium, closed)
        page = context.new_page()
        page.goto("/failures")
        page.get_by_label("Token").fill("ec_wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("not valid")
        page.get_by_label("Token").fill(secret)
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_contain_text("4 failures wait")
        expect(page.get_by_role("button", name="Leave alone")).to_have_count(0)
        assert page.request.post("/orders", form={"kind": "sync"}).status == 403
        page.get_by_role("button", name="Sign out").click()
        page.goto("/")
        expect(page.locator("h1")).to_contain_text("Sign in")
        context.close()
