"""Nothing personal leaves by the service: the sample's planted values are in no page, answer or metric."""

from __future__ import annotations

import json
import re

import pytest

from everycase.sources.sample.source import TRUTH
from tests.support.databases import Databases
from tests.support.service import service
from tests.support.world import World
from tests.web.routes import fill, routes_of

_LEAST = 6
"""Shorter values occur by chance."""


@pytest.mark.slow
def test_no_planted_value_is_in_any_page_answer_or_metric(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every GET route of the service over 60 sample cases, for every case and every run."""
    folder = tmp_path_factory.mktemp("sample")
    with databases.fresh() as dsn:
        world = World(dsn, folder)
        world.sync("sample", sample_cases=60, embedders=("local-small",))
        truth = next(folder.glob(f"sample/*/{TRUTH}")).read_text(encoding="utf-8").splitlines()
        planted = {
            p["value"] for line in truth for p in json.loads(line)["personal"] if len(p["value"]) >= _LEAST
        }
        assert len(planted) > 100
        world.reconcile("sample", sample_cases=60, embedders=("local-small",))
        with service(world, "sample", sample_cases=60, embedders=("local-small",)) as s, s.client() as client:
            order = client.post("/api/orders", json={"kind": "prune"}).json()["order_id"]
            keys = [r["record_id"] for r in world.rows("select record_id from recon.data_lineage")]
            runs = [
                str(r["run_id"])
                for r in world.rows(
                    "select run_id from recon.sync_runs union select run_id from recon.reconciliation_runs"
                )
            ]
            paths = [p for m, p in routes_of(s.app) if m == "GET" and p != "/api/live"]
            asked = [f"{p}?limit=500" if p == "/api/cases" else p for p in paths if "{" not in p]
            asked += [
                f"{p}?q={q}" for p in ("/search", "/api/search") for q in ("memory", "serial+number+mail")
            ]
            asked += [fill(p, {"key": k}) for p in paths if "{key}" in p for k in keys]
            asked += [fill(p, {"run_id": i}) for p in paths if "{run_id}" in p for i in runs]
            asked += [fill(p, {"order_id": order}) for p in paths if "{order_id}" in p]
            for path in asked:
                answer = client.get(path)
                assert answer.status_code in (200, 303, 422), (
                    path
                )  # 422: it asks for something, or has no report
                found = [v for v in planted if re.search(rf"(?<!\w){re.escape(v)}(?!\w)", answer.text)]
                assert found == [], path
