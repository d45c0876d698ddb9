"""The report as text and as a page: the seed's headings, true numbers, nothing unescaped."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from everycase.domain.failures import ErrorType
from everycase.domain.gaps import GapKind, RecoveryMethod
from everycase.reconcile import text
from everycase.reconcile.page import as_html, charts
from everycase.reconcile.text import as_text


def report(**values: Any) -> dict[str, Any]:
    """The seed's example: 80 discrepancies, 75 recovered, 5 still failed."""
    given = {
        "run_id": "750e8400-e29b-41d4-a716-446655440000",
        "run_type": "daily",
        "is_deep": False,
        "is_dry_run": False,
        "status": "completed",
        "stop_reason": "",
        "source": "export",
        "started_at": "2024-11-04T06:00:00+00:00",
        "duration_s": 12.3,
        "records_checked": 10_000,
        "discrepancies": 80,
        "counts": {"source": 10_000, "staging": 10_000, "lineage": 10_000, "index": None},
        "gaps": {"missing": 15},
        "gaps_left": {},
        "withheld": {},
        "recovered": {"embedding_retry": 40, "fallback": 20, "rejoined": 15},
        "due_failures": 65,
        "still_failed": {"MissingRequiredField": 2, "PIIRemovalFailure": 2, "WeaviateTimeout": 1},
        "failures": [],
        "coverage": {"Task": 0.72, "WorkOrder": 0.65, "EmailMessage": 0.52},
        "coverage_thresholds": {"Task": 0.7, "WorkOrder": 0.7, "EmailMessage": 0.7},
        "few_fields": 3,
        "limited_data": 2,
        "debt": 20,
        "alerts": [],
        "completeness": 0.9995,
        "embedding_calls": 60,
        "tokens": 1000,
        "reused": 5,
        "cost": 0.5,
        "slowest_stage": "redact",
        "checked": {"read_back": 500, "probed": 500, "swept": 0},
        "problems": [],
        "actions": ["Investigate 2 SFDC data quality issues", "Check WorkOrder data availability"],
    }
    return {**given, **values}


def test_the_text_has_the_seeds_headings_in_their_order() -> None:
    """The example of the seed, line by line, as far as the seed goes."""
    lines = as_text(report()).splitlines()
    expected = [
        "=== Reconciliation Run: 2024-11-04 06:00 ===",
        "Records Checked: 10,000 cases",
        "Discrepancies Found: 80 cases",
        "Recovery Results:",
        "✅ Successfully Recovered: 75 cases",
        "  - 40 cases: Embedding retry succeeded",
        "  - 20 cases: Used fallback embedding",
        "  - 15 cases: Re-joined with new data",
        "❌ Still Failed: 5 cases",
        "  - 2 cases: Missing required fields (MissingRequiredField)",
        "  - 2 cases: PII removal failed (PIIRemovalFailure)",
        "  - 1 case: Index timeout (WeaviateTimeout)",
        "Multi-Table Coverage:",
        "✅ Task: 72% (above threshold)",
        "⚠️ WorkOrder: 65% (below 70% threshold)",
        "⚠️ EmailMessage: 52% (below 70% threshold)",
        "Actions Required:",
        "1. Investigate 2 SFDC data quality issues",
    ]
    places = [lines.index(line) for line in expected]
    assert places == sorted(places)


def test_a_share_below_its_threshold_never_reads_as_if_it_reached_it() -> None:
    """69.99 % is 69 %; 99.995 % complete is not 100 %."""
    said = as_text(report(coverage={"Task": 0.6999}, completeness=0.99995))
    assert "⚠️ Task: 69% (below 70% threshold)" in said
    assert "99.99% complete" in said


def test_a_dry_run_claims_nothing() -> None:
    """And what waits for a person's word is not called recovered."""
    dry = as_text(report(is_dry_run=True, recovered={}, gaps_left={"missing": 15}))
    assert "nothing was written" in dry
    assert "Recovered" not in dry
    assert "15 cases: still missing from the index (missing)" in dry
    withheld = as_text(report(withheld={"gone_at_source": 700}, still_failed={}))
    assert "❌ Still Failed: 700 cases" in withheld


def test_everything_that_can_happen_has_a_name() -> None:
    """Gap kinds, recovery methods, and every error type that is not merely noted."""
    assert set(text.GAPS) == set(GapKind)
    assert set(RecoveryMethod) <= set(text.METHODS)
    assert set(text.REASONS) == set(ErrorType) - {ErrorType.MISSING_RESOLUTION_FIELD}


def day(n: int, **values: Any) -> dict[str, Any]:
    given = {
        "day": date(2024, 1, 1) + timedelta(days=n),
        "completeness": 0.99 + n / 100_000,
        "failures": {"PIIResidual": n % 5, "EmbeddingAPITimeout": n % 3},
        "coverage": {"Task": 0.7, "WorkOrder": 0.6},
        "gaps": n,
        "duration_s": n / 10,
        "cost": 0.0,
    }
    return {**given, **values}


@pytest.mark.parametrize("days", [0, 1, 2, 400])
def test_trends_of_any_length_draw_well_formed_pictures(days: int) -> None:
    """Every point within its view box; no day draws no chart."""
    page = as_html(report(), [day(n) for n in range(days)])
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    for picture in pictures:
        ElementTree.fromstring(picture)
    drawn = charts([day(n) for n in range(days)])
    assert len(drawn) == (6 if days else 0)
    for chart in drawn:
        for line in chart.lines:
            numbers = [float(x) for x in re.findall(r"[\d.]+", line.path)]
            assert all(0 <= x <= 340 for x in numbers[::2])
            assert all(0 <= y <= 120 for y in numbers[1::2])
            assert line.path.count("M") == 1


def test_an_unknown_value_interrupts_its_line() -> None:
    """Days before a table was there, and days with no reconciliation."""
    days = [day(0), day(1, coverage={}), day(2)]
    task = next(
        line for c in charts(days) if c.title == "Coverage" for line in c.lines if line.name == "Task"
    )
    assert task.path.count("M") == 2


def test_the_page_is_self_contained_and_escapes_what_it_shows() -> None:
    """No script, nothing from elsewhere, no word of a problem as markup."""
    page = as_html(report(problems=["<script>alert(1)</script>"], status="incomplete"), [day(0)])
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"https?:|src=|@import|url\(", page)


def test_the_page_fits_a_phone(tmp_path: Path) -> None:
    """In a real browser of 360 px nothing is wider than the screen."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not browser:
        pytest.skip("needs a Chromium browser, which is not on this machine")
    page = as_html(report(failures=[_failure()], gaps=dict.fromkeys(GapKind, 7)), [day(n) for n in range(40)])
    inner, outer = tmp_path / "inner.html", tmp_path / "outer.html"
    measure = "<script>document.title='width '+document.documentElement.scrollWidth</script>"
    inner.write_text(page.replace("</body>", measure + "</body>"), encoding="utf-8")
    asks = "document.title=document.querySelector('iframe').contentDocument.title"
    frame = f'<iframe src="{inner.as_uri()}" width="360" height="700" style="border:0"></iframe>'
    outer.write_text(f"{frame}<script>onload=()=>{{{asks}}}</script>", encoding="utf-8")
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --allow-file-access-from-files "
        "--disable-background-networking --disable-component-update --disable-sync --dump-dom"
    )
    words = [browser, *flags.split(), f"--user-data-dir={tmp_path / 'u'}", outer.as_uri()]
    shown = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False).stdout
    found = re.search(r"<title>width (\d+)</title>", shown)
    assert found, shown[:500]
    assert int(found[1]) <= 360


def _failure() -> dict[str, Any]:
    return {
        "stage": "embedding_generation",
        "error_type": "EmbeddingAPITimeout",
        "disposition": "manual_review",
        "open": 12_345,
        "first_seen": "2024-11-04T06:00:00+00:00",
        "last_seen": "2024-11-04T06:00:00+00:00",
        "mttr_s": 5.0,
        "action": "tried often enough: find out why, then everycase retry",
    }
