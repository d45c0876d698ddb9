"""Every metric that the docs, the alert rules and the dashboard name is emitted, and the rules parse."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from everycase.web.metrics import METRICS
from tests.support.service import Service

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus-rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana-dashboard.json"
_NAME = re.compile(r"everycase_[a-z0-9_]+")


def _expressions() -> list[str]:
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"][0]["rules"]
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return [r["expr"] for r in rules] + [t["expr"] for p in panels for t in p.get("targets", ())]


def test_the_docs_name_every_metric_and_no_other() -> None:
    """With the sentence that Prometheus shows."""
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(everycase_\w+)` \| .* \| (.*) \|$", page, re.MULTILINE)
    assert dict(rows) == {name: d.help for name, d in METRICS.items()}


def test_what_rules_and_dashboard_ask_for_is_emitted(shown: Service) -> None:
    """A panel of a metric that does not exist stays empty for ever."""
    with shown.client() as client:
        text = client.get("/metrics").text
    emitted = {
        name
        for family in text_string_to_metric_families(text)
        for name in (family.name, f"{family.name}_total")
    }
    asked = set(_NAME.findall(RULES.read_text(encoding="utf-8")))
    asked |= set(_NAME.findall(DASHBOARD.read_text(encoding="utf-8")))
    assert asked <= set(METRICS)
    assert asked <= emitted
    assert set(METRICS) <= emitted


def test_the_rules_are_whole() -> None:
    """Each says how bad it is, what is wrong, and what to do."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"][0]["rules"]
    assert all(r["labels"]["severity"] and r["annotations"]["action"] and r["expr"] for r in rules)
    assert json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]


@pytest.mark.parametrize("expression", _expressions())
def test_every_expression_is_promql(expression: str) -> None:
    """Of the alert rules and of the dashboard's panels, by a parser of PromQL."""
    promql_parser.parse(expression)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool, which is not on this machine")
def test_prometheus_takes_the_rules() -> None:
    """By its own checker."""
    subprocess.run(["promtool", "check", "rules", str(RULES)], check=True, capture_output=True)
