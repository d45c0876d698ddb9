"""Prometheus metrics, computed from PostgreSQL when they are scraped: right under any number of workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from everycase.app import App
from everycase.operations.figures import Figures, read_figures

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDescription:
    """What a metric means; docs/metrics.md holds the same words."""

    help: str
    labels: tuple[str, ...] = ()
    is_counter: bool = False


METRICS: Mapping[str, MetricDescription] = {
    "everycase_cases": MetricDescription(
        help="Cases at each step from source to index, as the last run left them.", labels=("step",)
    ),
    "everycase_cases_completed": MetricDescription(help="Cases that are in the index as they are staged."),
    "everycase_cases_lacking": MetricDescription(
        help="Staged cases that are not in the index as they are staged."
    ),
    "everycase_failures_open": MetricDescription(
        help="Open failures by stage, type and what happens to them.",
        labels=("stage", "type", "disposition"),
    ),
    "everycase_coverage_ratio": MetricDescription(
        help="Share of cases that have rows of a child table.", labels=("table",)
    ),
    "everycase_vectors": MetricDescription(help="Loaded cases by embedding space.", labels=("space",)),
    "everycase_debt_cases": MetricDescription(help="Cases whose vector is of a fallback space."),
    "everycase_freshness_seconds": MetricDescription(
        help="From a source change to a searchable case, over seven days.", labels=("quantile",)
    ),
    "everycase_oldest_unserved_seconds": MetricDescription(
        help="Age of the oldest source change that is not served; 0 where all are."
    ),
    "everycase_alert_standing": MetricDescription(
        help="1 for each alert rule that stands.", labels=("rule",)
    ),
    "everycase_pipeline_stopped": MetricDescription(help="1 while the pipeline is stopped."),
    "everycase_runs_live": MetricDescription(help="Runs that are at work.", labels=("kind",)),
    "everycase_last_run_timestamp_seconds": MetricDescription(
        help="When the last run of a kind ended, by its status.", labels=("kind", "status")
    ),
    "everycase_last_clean_reconcile_timestamp_seconds": MetricDescription(
        help="When a reconciliation last ended with no gap left; 0: never."
    ),
    "everycase_embedding_calls_total": MetricDescription(
        help="Requests to embedding providers.", labels=("provider",), is_counter=True
    ),
    "everycase_embedding_tokens_total": MetricDescription(
        help="Tokens sent to embedding providers.", labels=("provider",), is_counter=True
    ),
    "everycase_embedding_timeouts_total": MetricDescription(
        help="Requests to embedding providers that timed out.", labels=("provider",), is_counter=True
    ),
    "everycase_embedding_cost_total": MetricDescription(
        help="Money spent on embedding, in the unit of the prices.", labels=("provider",), is_counter=True
    ),
    "everycase_breaker_open": MetricDescription(
        help="1 while the circuit breaker of a provider is open.", labels=("provider",)
    ),
    "everycase_census_age_seconds": MetricDescription(
        help="Age of the counts that these metrics are made of."
    ),
}


class PostgresCollector(Collector):
    """Reads the figures once a scrape and turns them into metrics."""

    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        samples = _samples(read_figures(self._app))
        for name, described in METRICS.items():
            family: CounterMetricFamily | GaugeMetricFamily
            if described.is_counter:
                family = CounterMetricFamily(
                    name.removesuffix("_total"), described.help, labels=described.labels
                )
            else:
                family = GaugeMetricFamily(name, described.help, labels=described.labels)
            for labels, value in samples.get(name, ()):
                family.add_metric([str(part) for part in labels], float(value))
            yield family


Samples = dict[str, list[tuple[tuple[object, ...], float]]]


def _samples(f: Figures) -> Samples:
    return {
        **_case_samples(f),
        **_run_samples(f),
        **_provider_samples(f),
    }


def _case_samples(f: Figures) -> Samples:
    o = f.overview
    fresh: Mapping[str, Any] = o.figures.get("freshness", {})
    quantiles = {"0.5": fresh.get("p50_s"), "0.95": fresh.get("p95_s"), "1": fresh.get("longest_s")}
    return {
        "everycase_cases": [((s.key,), s.count) for s in o.funnel if s.count is not None],
        "everycase_cases_completed": [((), o.completed)],
        "everycase_cases_lacking": [((), o.lacking)],
        "everycase_failures_open": [
            ((g["stage"], g["error_type"], g["disposition"]), g["open"]) for g in o.groups
        ],
        "everycase_coverage_ratio": [((t,), share) for t, share in o.figures.get("coverage", {}).items()],
        "everycase_vectors": [((space,), n) for space, n in o.figures.get("spaces", {}).items()],
        "everycase_debt_cases": [((), o.debt)],
        "everycase_freshness_seconds": [((q,), v) for q, v in quantiles.items() if v is not None],
        "everycase_oldest_unserved_seconds": [((), fresh.get("oldest_unserved_s") or 0)],
        "everycase_census_age_seconds": [((), o.census_age_s)] if o.census_age_s is not None else [],
    }


def _run_samples(f: Figures) -> Samples:
    o = f.overview
    kinds = ("sync", "reconcile")
    live = {kind: sum(p.kind.startswith(kind) for p in o.live) for kind in kinds}
    return {
        "everycase_alert_standing": [((rule,), 1) for rule in o.alerts],
        "everycase_pipeline_stopped": [((), o.stop_reason is not None)],
        "everycase_runs_live": [((kind,), n) for kind, n in live.items()],
        "everycase_last_run_timestamp_seconds": [
            ((r["kind"], r["status"]), _seconds(r["ended"])) for r in f.last_ended
        ],
        "everycase_last_clean_reconcile_timestamp_seconds": [((), _seconds(f.last_clean))],
    }


def _provider_samples(f: Figures) -> Samples:
    found: Samples = {}
    for part in ("calls", "tokens", "timeouts", "cost"):
        found[f"everycase_embedding_{part}_total"] = [((p["provider"],), p[part]) for p in f.spent]
    found["everycase_breaker_open"] = [((name,), is_open) for name, is_open in f.breakers.items()]
    return found


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0


def exposition(app: App) -> bytes:
    """The metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(PostgresCollector(app))
    return generate_latest(registry)
