"""Providers over real HTTP, behind the real gate: every fault, and what becomes of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from everycase.domain.errors import DependencyUnreachable
from everycase.domain.failures import EmbeddingFailure, ErrorType
from everycase.domain.providers import Limits, Transition
from everycase.embedders import nomic, openai_compatible
from everycase.embedders.chain import EmbedderChain
from everycase.embedders.endpoint import Endpoint, Manners
from everycase.embedders.nomic import NomicDialect
from everycase.embedders.openai_compatible import OpenAIDialect
from everycase.embedders.provider import Dialect, ProviderEmbedder
from everycase.ports import Embedding, EmbeddingBatch, EmbeddingError
from everycase.store import budget, db
from everycase.store.budget import PostgresGate
from everycase.store.db import Pool
from tests.support.providers import KEY, Fault, StandIn, fault, standing_in, vector_of

WIDTH = 12
WIDTHS = (WIDTH, 8)
QUICK = Manners(timeout_s=1.5, first_wait_s=0.01)
CLOSED_SOON = Limits(cool_down=timedelta(seconds=0.3), probe_for=timedelta(seconds=1))
TEXTS = [f"The fan of server {n} is loud." for n in range(10)]


@pytest.fixture
def pool(database_url: str) -> Iterator[Pool]:
    with db.open_pool(database_url, size=12) as found:
        yield found


def embedder(
    pool: Pool,
    provider: StandIn,
    *,
    manners: Manners = QUICK,
    limits: Limits = CLOSED_SOON,
    key: str = KEY,
    batch_size: int = 64,
    dialect: Dialect | None = None,
    path: str | None = None,
) -> ProviderEmbedder:
    is_nomic = provider.protocol == "nomic"
    name = "nomic" if is_nomic else "chathpe"
    if dialect is None:
        dialect = (
            NomicDialect(model="m", dimensions=provider.dimensions)
            if is_nomic
            else OpenAIDialect(model="m", dimensions=provider.dimensions, encoding="base64")
        )
    own_path = nomic.PATH if is_nomic else openai_compatible.PATH
    return ProviderEmbedder(
        endpoint=Endpoint(
            provider=name,
            url=provider.url + (path or own_path),
            api_key=key,
            gate=PostgresGate(pool, name, limits),
            manners=manners,
            setting=f"EVERYCASE_{name.upper()}",
        ),
        dialect=dialect,
        model="m",
        dimensions=provider.dimensions,
        batch_size=batch_size,
    )


def vectors_are_right(batch: EmbeddingBatch, texts: list[str], width: int = WIDTH) -> bool:
    return all(
        isinstance(o, Embedding) and np.allclose(o.vector, vector_of(t, width), atol=1e-6)
        for t, o in zip(texts, batch.outcomes, strict=True)
    )


def errors(batch: EmbeddingBatch) -> set[ErrorType]:
    return {o.error_type for o in batch.outcomes if isinstance(o, EmbeddingError)}


# ── both protocols ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("encoding", ["base64", "float"])
@pytest.mark.parametrize("is_gzipped", [False, True])
def test_openai_compatible(pool: Pool, primary: StandIn, encoding: str, is_gzipped: bool) -> None:
    """Each text gets its own vector, for every encoding and with compression."""
    primary.tell(gzip=is_gzipped)
    dialect = OpenAIDialect(model="m", dimensions=WIDTH, encoding=encoding)
    batch = embedder(pool, primary, dialect=dialect, batch_size=4).embed_documents(TEXTS)
    assert vectors_are_right(batch, TEXTS)
    usage = batch.usage["chathpe"]
    assert (batch.calls, usage.calls, usage.texts, usage.embedded) == (3, 3, 10, 10)
    assert batch.tokens == usage.tokens > 0
    assert sorted(r["texts"] for r in primary.requests) == [2, 4, 4]


def test_nomic_by_its_own_protocol(pool: Pool, fallback: StandIn) -> None:
    """Documents and queries by task type."""
    found = embedder(pool, fallback)
    assert vectors_are_right(found.embed_documents(TEXTS), TEXTS, 8)
    assert np.allclose(found.embed_query("fan", found.space), vector_of("fan", 8, "search_query"), atol=1e-6)


def test_nomic_behind_an_openai_compatible_server(pool: Pool, primary: StandIn) -> None:
    """Documents and queries by prefix, in the same space."""
    dialect = OpenAIDialect(model="m", dimensions=WIDTH, encoding="float", prefixes=nomic.PREFIXES)
    found = embedder(pool, primary, dialect=dialect)
    assert vectors_are_right(found.embed_documents(TEXTS), TEXTS)
    query = found.embed_query("fan", found.space)
    assert np.allclose(query, vector_of("fan", WIDTH, "search_query"), atol=1e-6)


# ── faults ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "order",
    [
        fault(Fault.STATUS, status=500, times=2),
        fault(Fault.STATUS, status=503, times=2),
        fault(Fault.STATUS, status=429, headers={"Retry-After": "0"}, times=3),
        fault(Fault.STATUS, status=429, times=2),
        fault(Fault.RESET, times=2),
        fault(Fault.HTML, times=2),
        fault(Fault.TRUNCATED, times=2),
        fault(Fault.WRONG_COUNT, times=2),
        fault(Fault.LOST_INDEX, times=2),
        fault(Fault.WRONG_WIDTH, times=2),
        fault(Fault.HANG, seconds=5, times=1),
        fault(Fault.DRIP, times=1),
        fault(Fault.SHUFFLED),
        fault(Fault.DELAY, seconds=0.1),
    ],
    ids=lambda o: f"{o['fault']} {o.get('status', '')}",
)
def test_a_fault_that_passes_is_put_right_within_the_call(
    pool: Pool, primary: StandIn, order: dict[str, object]
) -> None:
    """The call is repeated, and every text gets its own vector."""
    primary.tell(order)
    assert vectors_are_right(embedder(pool, primary).embed_documents(TEXTS), TEXTS)


@pytest.mark.parametrize(
    ("order", "error_type", "requests"),
    [
        (fault(Fault.STATUS, status=500), ErrorType.EMBEDDING_UNAVAILABLE, 3),
        (fault(Fault.RESET), ErrorType.EMBEDDING_UNAVAILABLE, 3),
        (fault(Fault.HTML), ErrorType.EMBEDDING_UNAVAILABLE, 3),
        (fault(Fault.TRUNCATED), ErrorType.EMBEDDING_UNAVAILABLE, 3),
        (fault(Fault.HANG, seconds=5), ErrorType.EMBEDDING_API_TIMEOUT, 3),
        (fault(Fault.STATUS, status=429, headers={"Retry-After": "30"}), ErrorType.EMBEDDING_RATE_LIMITED, 1),
        (fault(Fault.WRONG_COUNT), ErrorType.INVALID_EMBEDDING, 3),
        (fault(Fault.LOST_INDEX), ErrorType.INVALID_EMBEDDING, 3),
        (fault(Fault.WRONG_WIDTH), ErrorType.INVALID_EMBEDDING, 3),
        (fault(Fault.NAN), ErrorType.INVALID_EMBEDDING, 1),
        (fault(Fault.ZERO), ErrorType.INVALID_EMBEDDING, 1),
    ],
    ids=lambda o: f"{o['fault']} {o.get('status', '')}" if isinstance(o, dict) else str(o),
)
def test_a_fault_that_stays_is_the_named_failure(
    pool: Pool, primary: StandIn, order: dict[str, object], error_type: ErrorType, requests: int
) -> None:
    """Every text fails with this error type after so many requests."""
    primary.tell(order)
    batch = EmbedderChain([embedder(pool, primary)]).embed_documents(TEXTS)
    assert errors(batch) == {error_type}
    assert not [o for o in batch.outcomes if isinstance(o, Embedding)]
    assert len(primary.requests) == requests


def test_one_bad_vector_takes_one_text(pool: Pool, primary: StandIn) -> None:
    """A vector that is not finite fails its own text alone."""
    primary.tell(fault(Fault.ODD_ONE))
    batch = EmbedderChain([embedder(pool, primary)]).embed_documents(TEXTS)
    assert [type(o) for o in batch.outcomes].count(EmbeddingError) == 1
    assert errors(batch) == {ErrorType.INVALID_EMBEDDING}


def test_a_dead_server_is_an_outage_and_comes_back(pool: Pool) -> None:
    """Connection refused; then on the same port again."""
    with standing_in("openai", WIDTH) as provider:
        found = embedder(pool, provider)
        provider.die()
        assert errors(found.embed_documents(TEXTS)) == {ErrorType.EMBEDDING_UNAVAILABLE}
        provider.start()
        assert vectors_are_right(found.embed_documents(TEXTS), TEXTS)


@pytest.mark.parametrize(
    ("key", "path", "said"),
    [
        ("sk-another-secret", None, "refuses the key: check EVERYCASE_CHATHPE__API_KEY"),
        (KEY, "/nothing", "does not know the address or the model: check EVERYCASE_CHATHPE__URL"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_one_request(
    pool: Pool, primary: StandIn, key: str, path: str | None, said: str
) -> None:
    """It is not retried, and the error does not contain the API key."""
    found = embedder(pool, primary, key=key, path=path)
    for _ in range(3):
        with pytest.raises(DependencyUnreachable, match=said) as caught:
            EmbedderChain([found]).embed_documents(TEXTS)
        assert key not in str(caught.value)
    assert len(primary.requests) == 1
    with pytest.raises(EmbeddingFailure, match="check EVERYCASE_CHATHPE"):
        found.embed_query("fan", found.space)
    assert not found.is_ready(found.space)


def test_no_error_holds_a_text_though_the_provider_quotes_it(pool: Pool, primary: StandIn) -> None:
    """Names, hosts and counts only."""
    primary.tell(poison="fan")
    batch = embedder(pool, primary).embed_documents(TEXTS[:2])
    assert errors(batch) == {ErrorType.EMBEDDING_REJECTED}
    assert not [o for o in batch.outcomes if "fan" in str(o)]


# ── poison, too long, too much ───────────────────────────────────────────────────────────────────


def test_poison_fails_alone(pool: Pool, primary: StandIn) -> None:
    """Three of a thousand: 997 go through, at log2(64) + 1 calls each above the sixteen that are needed."""
    primary.tell(poison="arsenic")
    texts = [f"text {n}" + (" arsenic" if n in (7, 400, 999) else "") for n in range(1000)]
    batch = embedder(pool, primary).embed_documents(texts)
    bad = [i for i, o in enumerate(batch.outcomes) if isinstance(o, EmbeddingError)]
    assert bad == [7, 400, 999]
    assert errors(batch) == {ErrorType.EMBEDDING_REJECTED}
    assert batch.calls == len(primary.requests) <= 16 + 3 * 7


def test_a_text_that_is_too_long_is_cut_on_a_word_and_flagged(pool: Pool, primary: StandIn) -> None:
    """The other texts of the batch are embedded uncut."""
    primary.tell(most_characters=400)
    texts = [*TEXTS, "word " * 300, *TEXTS[:2], "long " * 90]
    batch = embedder(pool, primary).embed_documents(texts)
    assert [o.was_cut for o in batch.outcomes if isinstance(o, Embedding)] == [len(t) > 400 for t in texts]
    cut = batch.outcomes[10]
    assert isinstance(cut, Embedding)
    lengths = [
        n for n in range(1, 301) if np.allclose(cut.vector, vector_of("word " * (n - 1) + "word", WIDTH))
    ]
    assert lengths
    assert 60 <= lengths[0] <= 80


@pytest.mark.parametrize("rule", [{"most_together": 100}, {"most_texts": 3}])
def test_a_request_that_is_too_large_is_divided(pool: Pool, primary: StandIn, rule: dict[str, int]) -> None:
    """Smaller requests follow, and every text is embedded."""
    primary.tell(**rule)
    assert vectors_are_right(embedder(pool, primary).embed_documents(TEXTS), TEXTS)


# ── breaker ──────────────────────────────────────────────────────────────────────────────────────


def transitions(pool: Pool) -> list[str]:
    with pool.connection() as conn:
        return [r[0] for r in conn.execute("select event from recon.provider_events order by event_id")]


def test_a_provider_that_hangs_is_left_alone_and_the_fallback_does_the_work(
    pool: Pool, primary: StandIn, fallback: StandIn
) -> None:
    """The breaker opens after five requests; later batches go to the fallback without a request."""
    primary.tell(fault(Fault.HANG, seconds=5))
    slow = Limits(cool_down=timedelta(seconds=30))
    chain = EmbedderChain(
        [
            embedder(pool, primary, manners=replace(QUICK, timeout_s=0.3), limits=slow),
            embedder(pool, fallback),
        ]
    )
    batches = [chain.embed_documents(TEXTS) for _ in range(20)]
    assert {o.space for b in batches for o in b.outcomes if isinstance(o, Embedding)} == {"nomic/m@8"}
    assert not errors(EmbeddingBatch(outcomes=[o for b in batches for o in b.outcomes], calls=0, tokens=0))
    assert len(primary.requests) == 5
    assert transitions(pool) == [Transition.OPENED]
    assert sum(b.usage["chathpe"].late for b in batches) >= 200
    primary.tell()
    assert chain.is_ready(chain.space)
    assert transitions(pool) == [Transition.OPENED, Transition.CLOSED]
    assert vectors_are_right(chain.embed_documents(TEXTS), TEXTS)


def test_with_all_breakers_open_it_is_an_outage(pool: Pool, primary: StandIn, fallback: StandIn) -> None:
    """Every text fails with EmbeddingUnavailable at once, which counts as no attempt."""
    for provider in (primary, fallback):
        provider.tell(fault(Fault.STATUS, status=500))
    chain = EmbedderChain(
        [embedder(pool, p, limits=Limits(cool_down=timedelta(minutes=1))) for p in (primary, fallback)]
    )
    for _ in range(2):
        chain.embed_documents(TEXTS)
    before = len(primary.requests) + len(fallback.requests)
    batch = chain.embed_documents(TEXTS)
    assert errors(batch) == {ErrorType.EMBEDDING_UNAVAILABLE}
    assert (batch.calls, len(primary.requests) + len(fallback.requests)) == (0, before)


def test_one_probe_of_many_threads(pool: Pool, primary: StandIn, fallback: StandIn) -> None:
    """While one thread probes the provider, the others use the fallback."""
    primary.tell(fault(Fault.STATUS, status=500))
    chain = EmbedderChain([embedder(pool, primary), embedder(pool, fallback)])
    for _ in range(2):
        chain.embed_documents(TEXTS)
    primary.tell(fault(Fault.DELAY, seconds=0.3))
    primary.forget()
    time.sleep(0.4)
    threads = [threading.Thread(target=chain.embed_documents, args=(TEXTS,)) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(primary.requests) == 1
    assert vectors_are_right(chain.embed_documents(TEXTS), TEXTS)


# ── budget ───────────────────────────────────────────────────────────────────────────────────────


def test_requests_keep_to_the_minute(pool: Pool, primary: StandIn) -> None:
    """Never more often than the limit, however many threads there are."""
    found = embedder(pool, primary, limits=Limits(requests_per_minute=1200), batch_size=1)
    found.embed_documents(TEXTS + TEXTS)
    at = sorted(r["at"] for r in primary.requests)
    assert at[-1] - at[0] >= 19 * 0.05 * 0.9


def test_retry_after_is_obeyed_by_everybody(pool: Pool, primary: StandIn) -> None:
    """One is told to wait and all wait, but for what the two others had sent already."""
    patient = replace(QUICK, timeout_s=5.0)
    ones = [embedder(pool, primary, manners=patient, batch_size=1) for _ in range(3)]
    for one in ones:
        one.embed_documents(TEXTS[:1])
    primary.forget()
    primary.tell(fault(Fault.STATUS, status=429, headers={"Retry-After": "1"}, times=1))
    threads = [threading.Thread(target=o.embed_documents, args=(TEXTS[:6],)) for o in ones]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    (told,) = [r["at"] for r in primary.requests if r["status"] == "429"]
    within = [r for r in primary.requests if told + 0.25 < r["at"] < told + 0.98]
    assert len(within) <= 2
    assert primary.statuses()["ok"] == 18


def test_a_person_who_searches_does_not_queue_behind_a_run(pool: Pool, primary: StandIn) -> None:
    """The next place in the queue is a minute away; the query is answered long before it."""
    found = embedder(pool, primary, limits=Limits(requests_per_minute=1))
    found.embed_documents(TEXTS)
    started = time.monotonic()
    found.embed_query("fan", found.space)
    assert time.monotonic() - started < 30


def test_what_is_known_of_a_provider_is_a_row(pool: Pool, primary: StandIn) -> None:
    """So that every machine goes by it."""
    embedder(pool, primary, limits=Limits(requests_per_minute=60)).embed_documents(TEXTS)
    with pool.connection() as conn:
        state = budget.states(conn, ["chathpe", "nobody"])
        ahead = (state["chathpe"].requests_at - budget.clock(conn)).total_seconds()
    assert set(state) == {"chathpe"}
    assert 0 < ahead <= 1
