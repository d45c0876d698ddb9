"""Nothing personal leaves by the service: the sample's planted values are in no page, answer or metric."""

from __future__ import annotations

import json
import re

import pytest

from everycase.sources.sample.source import TRUTH
from tests.support.databases import Databases
from tests.support.service import service
from tests.support.world import World

_LEAST = 6
"""Shorter values occur by chance."""


@pytest.mark.slow
def test_no_planted_value_is_in_any_page_answer_or_metric(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every page, the API and the metrics over 60 sample cases, each case's own page included."""
    folder = tmp_path_factory.mktemp("sample")
    with databases.fresh() as dsn:
        world = World(dsn, folder)
        world.sync("sample", sample_cases=60, embedders=("local-small",))
        truth = next(folder.glob(f"sample/*/{TRUTH}")).read_text(encoding="utf-8").splitlines()
        planted = {
            p["value"] for line in truth for p in json.loads(line)["personal"] if len(p["value"]) >= _LEAST
        }
        assert len(planted) > 100
        with service(world, "sample", sample_cases=60, embedders=("local-small",)) as s, s.client() as client:
            keys = [r["record_id"] for r in world.rows("select record_id from recon.data_lineage")]
            paths = ["/", "/cases", "/failures", "/runs", "/search?q=memory", "/metrics", "/api/status"]
            paths += ["/api/failures", "/api/search?q=memory&limit=50", "/api/cases?limit=500", "/audit"]
            paths += [f"/cases/{k}" for k in keys] + [f"/api/cases/{k}" for k in keys]
            paths += [f"/api/cases/{k}/text" for k in keys]
            for path in paths:
                text = client.get(path).text
                found = [v for v in planted if re.search(rf"(?<!\w){re.escape(v)}(?!\w)", text)]
                assert found == [], path
