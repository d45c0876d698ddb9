"""Each embedding server of docs/facts.md, in its own words: all that can load does, and cheaply."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from everycase.domain.errors import DependencyUnreachable
from everycase.pipeline.sync import SyncReport
from everycase.reconcile.text import provider_lines
from tests.acceptance.test_providers import CHATHPE, NOMIC, command, widths
from tests.support.exports import case, write_export
from tests.support.providers import KEY, Fault, StandIn, fault, vector_of
from tests.support.world import World

WIDTHS = (3072, 768)
TOO_LONG = 1200
"""Words of a text that no server takes that takes 512 tokens."""


def write(folder: Path, cases: int, long: tuple[int, ...] = ()) -> Path:
    """An export of cases of which those at `long` are too long for a small model."""
    rows = [
        case(i, Description="word " * TOO_LONG if i in long else f"Fan {i} is loud.") for i in range(cases)
    ]
    return write_export(folder / "x", Case=rows)


@pytest.fixture
def given(primary: StandIn) -> dict[str, Any]:
    """One provider, with no patience to spare."""
    return {
        "embedders": ("chathpe",),
        "engine": "inline",
        "chathpe": {"url": primary.url, "api_key": KEY, "timeout": "5s"},
    }


def forget_vectors(world: World) -> None:
    """The next sync embeds every case anew."""
    world.do("truncate recon.embedding_cache")
    world.do("update recon.data_lineage set recipe = 'old', tried_recipe = 'old'")


def breakers(report: SyncReport) -> list[Any]:
    return list(report.figures.breakers)


def lessons(report: SyncReport) -> list[str]:
    """What the report says that was learnt of the providers; as JSON and as a person reads it."""
    found = [lesson for p in report.as_dict()["providers"].values() for lesson in p["lessons"]]
    lines = list(provider_lines(report.as_dict()))
    assert all(f"! {lesson}" in lines for lesson in found)
    return found


# ── a text is too long ───────────────────────────────────────────────────────────────────────────

SERVERS = ["llamacpp", "llamacpp old", "n_ctx", "tei", "vllm", "ollama"]


@pytest.mark.parametrize("server", SERVERS)
def test_a_text_that_is_too_long_is_cut_and_the_others_go_through(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn, server: str
) -> None:
    """One of 20, whatever status and words the server has for it: at log2(20) + 1 calls, and the cuts."""
    primary.tell(gateway=server)
    report = world.sync(write(tmp_path, 20, (7,)), **given)
    assert widths(world) == {CHATHPE: 20}
    assert (report.totals.cut, world.failures(), breakers(report)) == (1, [], [])
    cuts = 2 if server not in ("llamacpp old", "ollama") else 4
    assert len(primary.requests) <= 1 + math.ceil(math.log2(20)) + 1 + cuts
    assert primary.told()["twice"] == 0


@pytest.mark.parametrize("server", SERVERS)
def test_many_texts_that_are_too_long_open_no_breaker(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn, server: str
) -> None:
    """Six of 120 in requests of 16, and a batch of which nearly every text is too long."""
    primary.tell(gateway=server)
    given["chathpe"]["batch_size"] = 16
    long = (3, 20, 21, 50, 77, 119, *range(32, 46))
    report = world.sync(write(tmp_path, 120, long), **given)
    assert widths(world) == {CHATHPE: 120}
    assert (report.totals.cut, world.failures(), breakers(report)) == (len(long), [], [])
    assert primary.told()["twice"] == 0


def test_a_single_text_that_a_server_finds_too_large_is_cut(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn
) -> None:
    """Whatever it says: 413 about one text can be about nothing else."""
    primary.tell(most_together=2000)
    report = world.sync(write(tmp_path, 3, (1,)), **given)
    assert (widths(world), report.totals.cut) == ({CHATHPE: 3}, 1)


# ── a request is too large ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("server", "most", "refusals"),
    [
        ("dashscope", 10, 1),
        ("azure", 16, 1),
        ("gemini", 100, 1),
        ("pydantic", 10, 1),
        ("unspoken", 8, 3),
    ],
)
@pytest.mark.parametrize("engine", ["inline", "threads:4"])
def test_the_size_that_a_server_takes_is_learnt_once(
    world: World,
    tmp_path: Path,
    given: dict[str, Any],
    primary: StandIn,
    server: str,
    most: int,
    refusals: int,
    engine: str,
) -> None:
    """By its number where it says one, else by halving; the rest of the run asks for no more than that."""
    primary.tell(gateway=server)
    given["engine"] = engine
    given["chathpe"]["batch_size"] = size = 128 if server == "gemini" else 64
    report = world.sync(write(tmp_path, 2 * size), batch_size=size, **given)
    assert widths(world) == {CHATHPE: 2 * size}
    asked = primary.statuses()
    assert sum(asked.values()) - asked["ok"] == refusals
    assert asked["ok"] <= 2 * math.ceil(size / most)
    assert (breakers(report), primary.told()["twice"]) == ([], 0)
    said = (
        f"chathpe takes at most {most} texts a request: EVERYCASE_CHATHPE__BATCH_SIZE={most} spares the tries"
    )
    assert lessons(report) == [said]
    primary.forget()
    given["chathpe"]["batch_size"] = most
    forget_vectors(world)
    assert lessons(world.sync(tmp_path / "x", batch_size=size, **given)) == []
    assert set(primary.statuses()) == {"ok"}


def test_the_same_is_learnt_from_422_of_tei(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn
) -> None:
    """Beside its 413 for a text that is too long, in one run."""
    primary.tell(gateway="tei", most_inputs=32)
    report = world.sync(write(tmp_path, 128, (5, 90)), **given)
    assert widths(world) == {CHATHPE: 128}
    assert (report.totals.cut, breakers(report)) == (2, [])
    assert primary.statuses()["422"] == 1
    assert any("at most 32 texts" in lesson for lesson in lessons(report))


def test_tokens_of_a_whole_request_are_learnt_as_well(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn
) -> None:
    """Mistral: later requests hold what it takes together, and are not refused."""
    rows = [case(i, Description=f"Fan {i} is loud. " * 12) for i in range(256)]
    primary.tell(gateway="mistral")
    report = world.sync(write_export(tmp_path / "x", Case=rows), **given)
    assert widths(world) == {CHATHPE: 256}
    asked = primary.statuses()
    assert asked["400"] <= 2
    sent = sum(r["characters"] for r in primary.requests if r["status"] == "ok")
    assert asked["ok"] <= 2 * math.ceil(sent / (2048 * 4))
    assert (report.totals.cut, breakers(report)) == (0, [])
    assert any("characters a request" in lesson for lesson in lessons(report))


@pytest.mark.parametrize("engine", ["processes:2"])
def test_each_worker_process_learns_for_itself(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn, engine: str
) -> None:
    """One refusal a process, and one line in the report."""
    primary.tell(gateway="dashscope")
    given["engine"] = engine
    report = world.sync(write(tmp_path, 256), batch_size=32, **given)
    assert widths(world) == {CHATHPE: 256}
    assert primary.statuses()["400"] <= 2
    assert len(lessons(report)) == 1


# ── a parameter is refused ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("gateway", ["litellm", "litellm500"])
@pytest.mark.parametrize("engine", ["inline", "threads:4"])
def test_a_refused_parameter_is_left_out_from_then_on(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn, gateway: str, engine: str
) -> None:
    """One try without it; the report names the setting that spares the try, and with that there is none."""
    primary.tell(gateway=gateway)
    given["engine"] = engine
    source = write(tmp_path, 192)
    report = world.sync(source, **given)
    assert widths(world) == {CHATHPE: 192}
    asked = primary.statuses()
    assert (asked["ok"], sum(asked.values())) == (3, 4)
    assert (breakers(report), primary.told()["twice"]) == ([], 0)
    (said,) = lessons(report)
    assert "EVERYCASE_CHATHPE__ENCODING=none" in said
    primary.forget()
    given["chathpe"]["encoding"] = "none"
    forget_vectors(world)
    assert lessons(world.sync(source, **given)) == []
    assert primary.statuses() == {"ok": 3}


def test_dimensions_that_are_refused_are_made_here(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn
) -> None:
    """The model's own vectors are shortened to what was asked for, at unit length."""
    primary.tell(gateway="no dimensions")
    given["chathpe"]["dimensions"] = 1024
    source = write(tmp_path, 20)
    report = world.sync(source, **given)
    assert widths(world) == {"chathpe/text-embedding-3-large@1024": 20}
    assert primary.statuses() == {"400": 1, "ok": 1}
    assert "__DIMENSIONS" in lessons(report)[0]
    with world.app(source, **given) as app:
        whole = vector_of("fan", 3072, "search_document")[:1024]
        found = app.embedder.embed_query("fan", app.embedder.space)
    assert found @ whole / (whole @ whole) ** 0.5 == pytest.approx(1, abs=1e-4)


# ── answers ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("order", [(), (fault(Fault.SHUFFLED),)])
def test_a_missing_index_is_the_one_that_is_missing(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn, order: tuple[Any, ...]
) -> None:
    """Gemini leaves out the 0: each vector stands at its own text, also in another order."""
    source = write(tmp_path, 20)
    primary.tell(*order, omits_index_0=True)
    world.sync(source, **given)
    hashes = {r["text_hash"]: r["vector_hash"] for r in world.lineage().values()}
    assert (len(hashes), len(primary.requests)) == (20, 1)
    primary.tell()
    primary.forget()
    forget_vectors(world)
    world.sync(source, **given)
    assert primary.told()["texts"] == 20
    assert {r["text_hash"]: r["vector_hash"] for r in world.lineage().values()} == hashes


AZURE = "/openai/deployments/everycase-large/embeddings?api-version=2024-10-21"


def test_an_address_of_azure_is_taken_as_it_is(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn
) -> None:
    """With its version, and the key in the header `api-key`; doctor and sync alike."""
    primary.tell(path=AZURE, key_header="api-key")
    given["chathpe"]["url"] = primary.url.removesuffix("/v1") + AZURE
    source = write(tmp_path, 20)
    assert command(world, source, given, "doctor").returncode == 0
    assert command(world, source, given, "sync").returncode == 0
    assert widths(world) == {CHATHPE: 20}
    assert set(primary.statuses()) == {"ok"}


@pytest.mark.parametrize(
    ("gateway", "said", "calls"),
    [("page", "answered 200 with a web page", 5), ("error in 200", "answered 200 with an error in JSON", 5)],
)
def test_what_is_no_answer_is_named_by_its_status_and_kind(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn, gateway: str, said: str, calls: int
) -> None:
    """And never by what it says."""
    primary.tell(gateway=gateway)
    report = world.sync(write(tmp_path, 20), **given)
    assert report.totals.failures == {"EmbeddingUnavailable": 20}
    assert {said in f["error_message"] for f in world.failures()} == {True}
    assert "zzsecret" not in json.dumps(world.rows("select to_jsonb(f) as f from recon.failed_records f"))
    assert len(primary.requests) <= calls


# ── a person must act ────────────────────────────────────────────────────────────────────────────


def test_no_credit_is_no_rate_limit(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn
) -> None:
    """An outage with a sentence of its own: one call, no wait, no attempt; with credit it goes on."""
    primary.tell(gateway="quota")
    source = write(tmp_path, 128)
    report = world.sync(source, **given)
    assert report.totals.failures == {"EmbeddingUnavailable": 128}
    assert {f["retry_count"] for f in world.failures()} == {0}
    assert len(primary.requests) == 1
    assert breakers(report) == []
    (said,) = lessons(report)
    assert "no credit left at 127.0.0.1" in said
    assert "REQUESTS_PER_MINUTE" not in said
    primary.tell()
    world.sync(source, **given)
    assert (widths(world), world.failures()) == ({CHATHPE: 128}, [])


def test_without_credit_the_fallback_carries_the_run(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn, fallback: StandIn
) -> None:
    """And the report says why."""
    primary.tell(gateway="quota")
    given |= {"embedders": ("chathpe", "nomic"), "nomic": {"url": fallback.url, "api_key": KEY}}
    report = world.sync(write(tmp_path, 128), **given)
    assert widths(world) == {NOMIC: 128}
    assert (len(primary.requests), report.totals.failed) == (1, 0)
    assert "no credit left" in lessons(report)[0]


@pytest.mark.parametrize(
    ("gateway", "said"),
    [
        ("402", ("answered 402 with an error in JSON", "EVERYCASE_CHATHPE__API_KEY")),
        ("403", ("answered 403 with a web page", "EVERYCASE_CHATHPE__API_KEY")),
        ("407", ("answered 407 with a web page", "HTTPS_PROXY")),
    ],
)
def test_what_a_setting_must_mend_ends_the_run_with_its_status(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn, gateway: str, said: tuple[str, ...]
) -> None:
    """One sentence, one call, exit code 4; nothing of the body."""
    primary.tell(gateway=gateway)
    source = write(tmp_path, 20)
    with pytest.raises(DependencyUnreachable) as caught:
        world.sync(source, **given)
    assert all(part in str(caught.value) for part in said)
    assert "zzsecret" not in str(caught.value)
    assert len(primary.requests) == 1
    done = command(world, source, given, "sync")
    assert done.returncode == 4
    assert all(part in done.stderr for part in said)


@pytest.mark.parametrize("wrong", ["chathpe", "nomic"])
def test_a_wrong_key_of_one_provider_ends_no_run_that_another_carries(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn, fallback: StandIn, wrong: str
) -> None:
    """Neither the fallback's (which is asked for a text that the primary refuses) nor the primary's."""
    rows = [case(i, Description="zzpoison" if i == 5 else f"Fan {i} is loud.") for i in range(64)]
    source = write_export(tmp_path / "x", Case=rows)
    primary.tell(poison="zzpoison")
    given |= {"embedders": ("chathpe", "nomic"), "nomic": {"url": fallback.url, "api_key": KEY}}
    given[wrong]["api_key"] = "sk-the-wrong-one-0815"
    report = world.sync(source, **given)
    carrier, count = (NOMIC, 64) if wrong == "chathpe" else (CHATHPE, 63)
    assert widths(world) == {carrier: count}
    asked = primary if wrong == "chathpe" else fallback
    assert asked.statuses() == {"401": 1}
    (said,) = lessons(report)
    assert f"EVERYCASE_{wrong.upper()}__API_KEY" in said
    assert "sk-the-wrong-one" not in said


def test_wrong_keys_of_all_end_the_run(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn, fallback: StandIn
) -> None:
    """With a sentence of each."""
    given |= {"embedders": ("chathpe", "nomic"), "nomic": {"url": fallback.url, "api_key": "no"}}
    given["chathpe"]["api_key"] = "no"
    with pytest.raises(DependencyUnreachable, match=r"CHATHPE__API_KEY.*NOMIC__API_KEY"):
        world.sync(write(tmp_path, 20), **given)


# ── settings ─────────────────────────────────────────────────────────────────────────────────────


def test_dimensions_that_no_index_can_search_are_refused_before_anything_is_asked(
    world: World, tmp_path: Path, given: dict[str, Any], primary: StandIn
) -> None:
    """When the settings are read: one sentence with the setting, the limit and the way out; exit code 2."""
    given["chathpe"]["dimensions"] = 4096
    for words in (("sync",), ("plan",), ("doctor",)):
        done = command(world, write(tmp_path, 3), given, *words)
        assert done.returncode == 2
        said = done.stdout + done.stderr
        assert all(w in said for w in ("EVERYCASE_CHATHPE__DIMENSIONS", "4,096", "4,000", "weaviate"))
    assert primary.requests == []
