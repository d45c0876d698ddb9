"""Pictures of each page for docs/: `make screenshots` takes them from a service over the sample."""

from __future__ import annotations

import argparse
import csv
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser

from everycase.sources.sample.source import write_sample
from tests.support.databases import Databases, serving
from tests.support.service import Service, service
from tests.support.world import World
from tests.web.browser import browser

PAGES = {
    "overview": "/",
    "cases": "/cases",
    "case": "/cases/{case}",
    "failures": "/failures",
    "runs": "/runs",
    "search": "/search?q=server+does+not+boot+after+memory+upgrade",
}
SIZES = {"": (1366, 768), "-phone": (390, 844)}


def main() -> None:
    """Write light and dark pictures, wide and as on a phone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/pictures"))
    parser.add_argument("--cases", type=int, default=400)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with serving() as dsn, Databases(dsn).fresh() as own, tempfile.TemporaryDirectory() as home:
        world = World(own, Path(home))
        source = Path(home) / "export"
        write_sample(source, cases=given.cases, seed=1)
        world.sync(source)
        _change_cases(source / "Case.csv")
        world.sync(source)
        world.reconcile(source)
        _make_history(world)
        with service(world, source) as running, browser() as chromium:
            _take(chromium, running, given.folder)


def _change_cases(table: Path) -> None:
    """Twenty cases change, of which three lose what a case must have: failures and freshness are seen."""
    with table.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    for row in rows[:20]:
        row["LastModifiedDate"] = row["SystemModstamp"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        row["Status"] = "Reopened"
    for row in rows[:3]:
        row["Subject"] = row["Description"] = ""
    with table.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _make_history(world: World) -> None:
    """Days before today, so that there are trends to see."""
    world.do(
        """insert into recon.daily_rollup
           select current_date - n, 5, cases, 0.995 + 0.001 * mod(n, 5), mod(n, 7), mod(n, 7), failures,
                  coverage, 12, embedding_calls, tokens, cost, now()
           from recon.daily_rollup, generate_series(1, 20) n"""
    )


def _take(chromium: Browser, s: Service, folder: Path) -> None:
    row = s.world.rows(
        "select record_id from recon.data_lineage where has_comments order by comment_count desc, 1 limit 1"
    )
    for scheme in ("light", "dark"):
        for suffix, (width, height) in SIZES.items():
            context = chromium.new_context(
                base_url=s.url, viewport={"width": width, "height": height}, color_scheme=scheme
            )
            page = context.new_page()
            for name, path in PAGES.items():
                page.goto(path.format(case=row[0]["record_id"]))
                dark = "-dark" if scheme == "dark" else ""
                page.screenshot(path=folder / f"{name}{suffix}{dark}.png", full_page=name == "overview")
            context.close()


if __name__ == "__main__":
    main()
