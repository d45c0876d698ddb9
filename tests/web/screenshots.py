"""Pictures of each page for docs/: `make screenshots` takes them from a service over the sample."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

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
        world.sync("sample", sample_cases=given.cases)
        world.reconcile("sample", sample_cases=given.cases)
        _make_history(world)
        with service(world, "sample", sample_cases=given.cases) as running, browser() as chromium:
            _take(chromium, running, given.folder)


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
