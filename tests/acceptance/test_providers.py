"""Outages of the embedding providers cost neither cases, nor money, nor a mixed index (contract §7)."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from everycase.cli.console import ProgressLines
from everycase.operations import work
from everycase.operations.search import find_cases
from tests.support.exports import case, write_export
from tests.support.providers import KEY, Fault, StandIn, fault
from tests.support.shell import Prompt, Shell
from tests.support.spaces import half_in_each_space
from tests.support.world import World

CASES, BATCH = 320, 64
WIDTHS = (3072, 768)
CHATHPE, NOMIC = "chathpe/text-embedding-3-large@3072", "nomic/nomic-embed-text-v1.5@768"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_export(tmp_path / "x", Case=[case(i) for i in range(CASES)])


@pytest.fixture
def given(primary: StandIn, fallback: StandIn) -> dict[str, Any]:
    """Settings of both providers; patience is short, so that the tests are."""
    return {
        "embedders": ("chathpe", "nomic"),
        "chathpe": {"url": primary.url, "api_key": KEY, "timeout": "1s", "cool_down": "60s"},
        "nomic": {"url": fallback.url, "api_key": KEY, "timeout": "10s"},
    }


def widths(world: World) -> dict[str, int]:
    """How many vectors each space holds, by the index's own tables; and each has its space's width."""
    found = {}
    for table in world.rows(
        "select tablename from pg_tables where schemaname = 'vector_index' and tablename like 'vector%%'"
    ):
        name = table["tablename"]
        for r in world.rows(
            f"select vector_dims(v.embedding::vector) as width, s.space, count(*) as n "
            f"from vector_index.{name} v join vector_index.support_case s using (id) group by 1, 2"
        ):
            assert r["space"].endswith(f"@{r['width']}")
            found[r["space"]] = r["n"]
    return found


def command(
    world: World, source: Path, given: dict[str, Any], *words: str
) -> subprocess.CompletedProcess[str]:
    """What a command with these settings prints, and its exit code."""
    return Prompt(world, source, **{"engine": "threads:2", **given})(*words)


# ── all is well ──────────────────────────────────────────────────────────────────────────────────


def test_as_few_calls_as_can_be_and_none_the_second_time(
    world: World, source: Path, given: dict[str, Any], primary: StandIn, fallback: StandIn
) -> None:
    """⌈unique texts / batch⌉; an emptied index is refilled from what is kept."""
    with world.app(source, **given) as app:
        planned = work.plan(app, ProgressLines(quiet=True)).as_dict()
    first = world.sync(source, **given)
    assert widths(world) == {CHATHPE: CASES}
    assert first.totals.embedding_calls == len(primary.requests) == math.ceil(CASES / BATCH)
    assert fallback.requests == []
    assert planned["to_embed"] == CASES
    assert planned["estimated_cost"] == pytest.approx(first.figures.cost, rel=0.5)
    assert first.figures.cost > 0
    assert world.sync(source, **given).totals.embedding_calls == 0
    world.do("delete from vector_index.support_case")
    refilled = world.reconcile(source, **given)
    assert (refilled["recovered"], refilled["embedding_calls"]) == ({"reloaded": CASES}, 0)
    assert len(primary.requests) == math.ceil(CASES / BATCH)
    ledger = world.rows(
        "select provider, sum(calls) as calls, sum(embedded) as n from recon.embedding_ledger group by 1"
    )
    assert [(r["provider"], r["calls"], r["n"]) for r in ledger] == [("chathpe", CASES // BATCH, CASES)]


# ── the primary is away ──────────────────────────────────────────────────────────────────────────


def test_a_primary_that_hangs_costs_a_few_waits_and_its_debt_is_paid_once(
    world: World, source: Path, given: dict[str, Any], primary: StandIn, fallback: StandIn
) -> None:
    """All cases end in the fallback's space; when it is back, each is embedded there exactly once."""
    primary.tell(fault(Fault.HANG, seconds=3))
    first = world.sync(source, **given)
    assert widths(world) == {NOMIC: CASES}
    assert (first.totals.failed, first.figures.fallback_share) == (0, 1.0)
    assert len(primary.requests) <= 5 + 4  # the breaker opens at five; so many threads may be under way then
    assert [b["event"] for b in first.figures.breakers if b["provider"] == "chathpe"] == ["opened"]
    assert {r["note"] for r in world.lineage().values()} == {"nomic_fallback"}
    shown = command(world, source, given, "status").stdout
    assert f"In a fallback space: {CASES}" in shown
    assert "Vector cache: 320 vectors" in shown

    away = world.reconcile(source, **given)
    assert (away["gaps"], away["gaps_left"], away["embedding_calls"]) == ({"debt": CASES}, {"debt": CASES}, 0)

    primary.tell()
    primary.forget()
    fallback.forget()
    paid = world.reconcile(source, **given)
    assert (paid["gaps"], paid["recovered"], paid["gaps_left"]) == (
        {"debt": CASES},
        {"upgraded": CASES},
        {},
    )
    told = primary.told()
    assert (told["texts"] - 1, told["twice"]) == (CASES, 0)  # and the word that asks whether it is there
    assert fallback.requests == []
    assert widths(world) == {CHATHPE: CASES}
    assert world.reconcile(source, **given)["gaps"] == {}
    assert world.sync(source, **given).totals.cases == 0


def test_a_primary_that_flaps_loses_nothing_and_mixes_nothing(
    world: World, source: Path, given: dict[str, Any], primary: StandIn
) -> None:
    """Three of ten requests time out: share and transitions are in the report, every vector in its space."""
    primary.tell(fault(Fault.HANG, seconds=2, share=0.3), seed=7)
    given["chathpe"] |= {"cool_down": "0.2s", "timeout": "0.3s", "batch_size": 8}
    report = world.sync(source, **given)
    held = widths(world)
    assert sum(held.values()) == CASES
    assert set(held) <= {CHATHPE, NOMIC}
    assert report.figures.fallback_share == pytest.approx(held.get(NOMIC, 0) / CASES)
    assert report.totals.usage["chathpe"].timeouts > 0
    assert {r["space"] for r in world.index()} == set(held)
    assert world.failures() == []
    primary.tell()
    world.reconcile(source, **given)
    assert widths(world) == {CHATHPE: CASES}


def test_with_both_away_every_case_has_an_open_failure_that_is_no_attempt(
    world: World, source: Path, given: dict[str, Any], primary: StandIn, fallback: StandIn
) -> None:
    """And the pipeline is not stopped for it; back again, the next run loads them."""
    for provider in (primary, fallback):
        provider.tell(fault(Fault.STATUS, status=503))
    report = world.sync(source, **given)
    assert report.totals.failures == {"EmbeddingUnavailable": CASES}
    assert report.status != "stopped"
    assert {f["retry_count"] for f in world.failures()} == {0}
    for provider in (primary, fallback):
        provider.tell()
    world.do("update recon.provider_state set open_until = now()")
    world.sync(source, **given)
    assert (sum(widths(world).values()), world.failures()) == (CASES, [])


# ── limits ───────────────────────────────────────────────────────────────────────────────────────


def test_retry_after_holds_all_processes(
    world: World, source: Path, given: dict[str, Any], primary: StandIn
) -> None:
    """Told to wait two seconds, none of four worker processes asks within them."""
    primary.tell(fault(Fault.STATUS, status=429, headers={"Retry-After": "2"}, times=1))
    given["chathpe"] |= {"batch_size": 8, "timeout": "30s"}
    report = world.sync(source, engine="processes:4", batch_size=8, **given)
    assert report.totals.failed == 0
    asked = sorted(primary.requests, key=lambda r: r["at"])
    limited = next(r["at"] for r in asked if r["status"] == "429")
    under_way = 0.25  # requests that were on their way when the answer was given
    assert not [r for r in asked if limited + under_way < r["at"] < limited + 2]
    assert widths(world) == {CHATHPE: CASES}


def test_a_limit_a_minute_is_kept_by_all_threads(
    world: World, source: Path, given: dict[str, Any], primary: StandIn
) -> None:
    """50 a second: in no second more than a tenth above, and nothing is refused."""
    given["chathpe"] |= {"batch_size": 1, "requests_per_minute": 3000, "timeout": "30s"}
    world.sync(source, engine="threads:4", **given)
    at = sorted(r["at"] for r in primary.requests)
    assert len(at) == CASES
    busiest = max(sum(1 for t in at if start <= t < start + 1) for start in at)
    assert busiest <= 55
    assert (len(at) - 1) / (at[-1] - at[0]) <= 50 * 1.1


# ── what is wrong with texts and answers ─────────────────────────────────────────────────────────


def test_poison_costs_few_calls_and_takes_nobody_with_it(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn, fallback: StandIn
) -> None:
    """3 of 1,000: 997 load, at no more than log2(64) + 1 calls each above the fewest."""
    poisoned = (17, 400, 988)
    rows = [case(i, Description="zzpoison in it" if i in poisoned else f"Fan {i}.") for i in range(1000)]
    source = write_export(tmp_path / "p", Case=rows)
    for provider in (primary, fallback):
        provider.tell(poison="zzpoison")
    given["embedders"] = ("chathpe",)
    report = world.sync(source, **given)
    assert widths(world) == {CHATHPE: 997}
    assert report.totals.failures == {"EmbeddingRejected": 3}
    failed = world.failures()
    assert {f["case_number"] for f in failed} == {f"{40_000_000 + i}" for i in poisoned}
    assert {f["disposition"] for f in failed} == {"manual_review"}
    assert len(primary.requests) <= math.ceil(1000 / BATCH) + 3 * (math.log2(BATCH) + 1)


@pytest.mark.parametrize("kind", [Fault.WRONG_WIDTH, Fault.NAN, Fault.ZERO, Fault.WRONG_COUNT, Fault.HTML])
def test_no_vector_that_is_none_is_ever_stored(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn, kind: Fault
) -> None:
    """Each case has the named failure instead, and is loaded when the provider is well again."""
    source = write_export(tmp_path / "n", Case=[case(i) for i in range(20)])
    primary.tell(fault(kind))
    given["embedders"] = ("chathpe",)
    report = world.sync(source, **given)
    assert widths(world) == {}
    assert set(report.totals.failures) <= {"InvalidEmbedding", "EmbeddingUnavailable"}
    assert report.totals.failed == 20
    assert world.rows("select count(*) as n from recon.embedding_cache")[0]["n"] == 0
    primary.tell()
    world.do("update recon.failed_records set next_retry_time = now()")
    world.do("update recon.provider_state set open_until = now()")
    world.sync(source, **given)
    assert (widths(world), world.failures()) == ({CHATHPE: 20}, [])


def test_shuffled_answers_are_put_right(
    world: World, source: Path, given: dict[str, Any], primary: StandIn
) -> None:
    """By their index: every vector stands at its own text, so nothing is embedded again or found corrupt."""
    primary.tell(fault(Fault.SHUFFLED))
    world.sync(source, **given)
    hashes = {r["text_hash"]: r["vector_hash"] for r in world.lineage().values()}
    assert len(set(hashes.values())) == len(hashes) == CASES
    primary.tell()
    primary.forget()
    world.do("truncate recon.embedding_cache")
    world.do("update recon.data_lineage set recipe = 'old', tried_recipe = 'old'")
    world.sync(source, **given)
    assert primary.told()["texts"] == CASES
    assert {r["text_hash"]: r["vector_hash"] for r in world.lineage().values()} == hashes


# ── settings ─────────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_key_is_one_sentence_and_one_try(
    world: World, source: Path, given: dict[str, Any], primary: StandIn
) -> None:
    """Exit code 4, no storm of retries, and the key nowhere."""
    secret = "sk-the-wrong-one-0815"
    given["embedders"] = ("chathpe",)
    given["chathpe"]["api_key"] = secret
    for kind, *words in (
        (Prompt, "sync"),
        (Prompt, "sync", "--json"),
        (Prompt, "doctor"),
        (Shell, "sync", "--debug"),
    ):
        primary.forget()
        done = kind(world, source, **given)(*words)
        assert done.returncode == 4, done.stderr
        assert "EVERYCASE_CHATHPE__API_KEY" in done.stdout + done.stderr
        assert secret not in done.stdout + done.stderr
        assert len(primary.requests) <= 2  # as many as workers had begun
    dump = json.dumps(world.rows("select to_jsonb(f) as f from recon.failed_records f"), default=str)
    dump += json.dumps(world.rows("select to_jsonb(r) as r from recon.sync_runs r"), default=str)
    assert secret not in dump
    given["chathpe"]["api_key"] = KEY
    assert command(world, source, given, "sync").returncode == 0
    assert widths(world) == {CHATHPE: CASES}


def test_a_budget_defers_the_rest_and_the_next_run_finishes(
    world: World, source: Path, given: dict[str, Any], primary: StandIn
) -> None:
    """--max-cost: what is left is said, kept in progress, and paid for once."""
    given["chathpe"]["price"] = 1000.0
    whole = command(world, source, given, "plan", "--json")
    cost = json.loads(whole.stdout)["estimated_cost"]
    given["engine"] = "inline"
    part = command(world, source, given, "sync", "--json", "--max-cost", str(cost / 2))
    found = json.loads(part.stdout)
    assert (part.returncode, found["status"], found["deferral"]) == (1, "deferred", "budget")
    assert 0 < found["created"] < CASES
    assert found["created"] + found["deferred"] == CASES
    rest = json.loads(command(world, source, given, "sync", "--json").stdout)
    assert (rest["status"], rest["created"]) == ("completed", found["deferred"])
    assert primary.told()["twice"] == 0


# ── search and upkeep ────────────────────────────────────────────────────────────────────────────


def test_every_space_is_asked_in_its_own_terms(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn, fallback: StandIn
) -> None:
    """Half in each space: both are in the answer; with one provider away the answer says so."""
    rows = [case(i) for i in range(20)]
    source = half_in_each_space(world, tmp_path, rows, given, primary)
    assert widths(world) == {CHATHPE: 10, NOMIC: 10}
    with world.app(source, **given) as app:
        both = find_cases(app.index, app.embedder, "fan", limit=20)
        assert {h.space for h in both.hits} == {CHATHPE, NOMIC}
        assert both.notes == ()
        primary.tell(fault(Fault.STATUS, status=503))
        again = find_cases(app.index, app.embedder, "fan", limit=20)
        assert (again.hits, again.notes) == (both.hits, ())  # the vectors of a question are kept for a while
        degraded = find_cases(app.index, app.embedder, "loud fan", limit=20)
        assert len(degraded.hits) == 20
        assert CHATHPE in degraded.notes[0]


def test_kept_vectors_of_no_case_go_in_time(world: World, source: Path, given: dict[str, Any]) -> None:
    """What a case refers to stays."""
    world.sync(source, **given)
    world.do("update recon.embedding_cache set created_at = now() - interval '40 days'")
    world.do("update recon.embedding_cache set text_hash = 'x' || text_hash where text_hash < '8'")
    gone = world.rows("select count(*) as n from recon.embedding_cache where text_hash like 'x%%'")[0]["n"]
    done = json.loads(command(world, source, given, "prune", "--json").stdout)
    assert done["vectors"] == gone > 0
    assert world.rows("select count(*) as n from recon.embedding_cache")[0]["n"] == CASES - gone


def test_a_killed_run_pays_for_nothing_twice(
    world: World, source: Path, given: dict[str, Any], primary: StandIn
) -> None:
    """But for what was under way."""
    primary.tell(fault(Fault.DELAY, seconds=0.3))
    given["embedders"] = ("chathpe",)
    process = subprocess.Popen(
        [sys.executable, "-m", "everycase.cli", "sync", "--json"],
        env=world.environment(source, engine="threads:2", batch_size=16, **given),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while len(primary.requests) < 6:
        threading.Event().wait(0.05)
    process.kill()
    process.wait()
    primary.tell()
    world.sync(source, batch_size=16, **given)
    assert widths(world) == {CHATHPE: CASES}
    assert primary.told()["twice"] <= 2 * 16
