"""What every vector index owes (ports.VectorIndex): an outcome for each object, one vector in one space."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import numpy as np
import pytest
from psycopg_pool import ConnectionPool

from everycase.domain import fingerprint
from everycase.domain.cases import IndexObject, Stamps
from everycase.domain.failures import ErrorType
from everycase.domain.lineage import Owned
from everycase.ports import Comparison, Condition, Findings, UpsertStatus, VectorIndex
from tests.conformance.conftest import SPACES

WORDS = ("memory", "drive", "fan", "power", "network", "firmware", "licence", "frame")
ONE, TWO = SPACES


def unit(n: int, width: int) -> np.ndarray:
    """A vector of its own for each number, at half precision."""
    found = np.random.default_rng(n).normal(size=width).astype(np.float32)
    return (found / np.linalg.norm(found)).astype("<f2").astype(np.float32)


def thing(
    n: int, *, space: str = ONE, generation: int = 1, vector: np.ndarray | None = None, **properties
) -> IndexObject:
    number = f"{n:08d}"
    held = {
        "case_id": f"500{n:012d}AAA",
        "case_number": number,
        "subject": f"{WORDS[n % 8]} trouble {n}",
        "status": "Open" if n % 2 else "Closed",
        "created_date": f"20{10 + n % 10}-01-01T00:00:00Z",
        "task_status": ["Done", f"Step {n % 3}"],
        **properties,
    }
    text = f"The {WORDS[n % 8]} of server {n} is broken."
    vector = unit(n, SPACES[space]) if vector is None else vector
    return IndexObject(
        stamps=Stamps(
            object_id=fingerprint.object_id(number),
            case_id=held["case_id"],
            case_number=number,
            checksum="c",
            children_checksum="d",
            text_hash=fingerprint.text_hash(text),
            space=space,
            recipe="r",
            vector_hash=fingerprint.vector_hash(vector),
            object_hash=fingerprint.object_hash(held, text),
            generation=generation,
            loaded_at=datetime(2024, 1, 1, tzinfo=UTC),
        ),
        properties=held,
        composite=text,
        vector=vector,
    )


def statuses(index: VectorIndex, objects: list[IndexObject]) -> list[UpsertStatus]:
    return [o.status for o in index.upsert(objects)]


def test_what_is_written_is_read_back_whole(index: VectorIndex) -> None:
    """The hashes of what is read back equal the hashes in its stamps."""
    objects = [thing(n) for n in range(5)]
    assert statuses(index, objects) == [UpsertStatus.STORED] * 5
    back = {o.stamps.object_id: o for o in index.objects([o.stamps.object_id for o in objects])}
    for o in objects:
        found = back[o.stamps.object_id]
        assert found.stamps == o.stamps
        assert fingerprint.object_hash(found.properties, found.composite) == o.stamps.object_hash
        assert fingerprint.vector_hash(found.vector) == o.stamps.vector_hash


def test_outcomes_stand_in_order_and_one_bad_object_fails_alone(index: VectorIndex) -> None:
    """Wrong width, not finite, zero, a NUL byte: named failures; the others are stored."""
    good = thing(1)
    bad = [
        thing(2, vector=np.ones(3, dtype=np.float32)),
        thing(3, vector=np.full(8, np.nan, dtype=np.float32)),
        thing(4, vector=np.zeros(8, dtype=np.float32)),
        thing(5, subject="a\x00b"),
        thing(6, vector=unit(6, 4)),
    ]
    outcomes = index.upsert([bad[0], bad[1], good, bad[2], bad[3], bad[4]])
    assert [o.status is UpsertStatus.STORED for o in outcomes] == [False, False, True, False, False, False]
    assert [o.error_type for o in outcomes if o.error_type] == [
        ErrorType.INVALID_EMBEDDING,
        ErrorType.INVALID_EMBEDDING,
        ErrorType.INVALID_EMBEDDING,
        ErrorType.WEAVIATE_REJECTED,
        ErrorType.INVALID_EMBEDDING,
    ]
    assert index.count() == 1


def test_an_object_of_a_space_that_is_not_prepared_is_refused(index: VectorIndex) -> None:
    """Its outcome is WeaviateRejected; the other objects of the batch are stored."""
    stranger = thing(1)
    stranger = replace(stranger, stamps=replace(stranger.stamps, space="three/model@5"), vector=unit(1, 5))
    outcomes = index.upsert([thing(2), stranger, thing(3)])
    assert [o.status for o in outcomes] == [UpsertStatus.STORED, UpsertStatus.FAILED, UpsertStatus.STORED]
    assert index.count() == 2


def test_writing_again_replaces_and_changes_nothing_else(index: VectorIndex) -> None:
    """A second upsert leaves one object for each case and touches no other case."""
    index.upsert([thing(1), thing(2)])
    assert statuses(index, [thing(1, generation=2, subject="Another subject")]) == [UpsertStatus.STORED]
    assert index.count() == 2
    (found,) = index.objects([thing(1).stamps.object_id])
    assert found.properties["subject"] == "Another subject"


def test_a_property_that_is_gone_is_gone(index: VectorIndex) -> None:
    """An upsert replaces the object: a property that the new one lacks is removed."""
    index.upsert([thing(1, root_cause="worn")])
    index.upsert([thing(1, generation=2)])
    (found,) = index.objects([thing(1).stamps.object_id])
    assert "root_cause" not in found.properties


def test_older_content_never_replaces_newer(index: VectorIndex) -> None:
    """The outcome of the older write is SUPERSEDED."""
    index.upsert([thing(1, generation=7, subject="new")])
    assert statuses(index, [thing(1, generation=6, subject="old")]) == [UpsertStatus.SUPERSEDED]
    assert statuses(index, [thing(1, generation=7, subject="same age")]) == [UpsertStatus.STORED]
    outcomes = statuses(index, [thing(2, generation=3), thing(2, generation=2)])
    assert outcomes == [UpsertStatus.STORED, UpsertStatus.SUPERSEDED]


def test_an_object_has_one_vector_in_one_space(index: VectorIndex) -> None:
    """An object that moves to another space leaves no vector in the old one."""
    index.upsert([thing(1), thing(2)])
    index.upsert([thing(1, space=TWO, generation=2)])
    assert index.spaces() == {ONE: 1, TWO: 1}
    (found,) = index.vectors([thing(1).stamps.object_id])
    assert found[1].shape == (4,)


def test_the_manifest_has_everything_in_the_order_of_the_ids(index: VectorIndex) -> None:
    """The whole listing equals the ranges put together."""
    objects = [thing(n) for n in range(40)]
    index.upsert(objects)
    whole = list(index.manifest())
    assert [s.object_id for s in whole] == sorted(o.stamps.object_id for o in objects)
    assert {s.object_id: s for s in whole} == {o.stamps.object_id: o.stamps for o in objects}
    bounds = [None, *(UUID(int=(i << 124)) for i in (4, 8, 12)), None]
    parts = [list(index.manifest(after=a, until=b)) for a, b in itertools.pairwise(bounds)]
    assert [s for p in parts for s in p] == whole


def test_digests_say_what_the_manifest_says(index: VectorIndex) -> None:
    """By bucket of the id; one that changes in any stamp changes its bucket and no other."""
    objects = [thing(n) for n in range(40)]
    index.upsert(objects)
    before = index.digests()
    if before is None:
        pytest.skip(f"the {index.name} index cannot sum up what it holds")
    assert sum(d.objects for d in before.values()) == 40
    assert set(before) == {o.stamps.object_id.int >> 116 for o in objects}
    index.upsert([thing(3, generation=2)])
    after = index.digests() or {}
    assert {b for b in before if before[b] != after[b]} == {thing(3).stamps.object_id.int >> 116}
    index.delete([thing(5).stamps.object_id])
    gone = index.digests() or {}
    assert {b for b in after if after[b] != gone.get(b)} == {thing(5).stamps.object_id.int >> 116}


def test_a_manifest_that_is_not_read_to_its_end_holds_no_connection(
    index: VectorIndex, pool: ConnectionPool
) -> None:
    """Ten listings of which one row was read leave the pool as it was, before any of them is closed."""
    index.upsert([thing(n) for n in range(10)])
    streams = [iter(index.manifest()) for _ in range(10)]
    assert len({next(stream).object_id for stream in streams}) == 1
    stats = pool.get_stats()
    assert stats["pool_available"] == stats["pool_size"]


def test_delete_removes_and_says_how_many(index: VectorIndex) -> None:
    """Deleting an id that the index lacks raises nothing and counts nothing."""
    index.upsert([thing(1), thing(2)])
    assert index.delete([thing(1).stamps.object_id, uuid4()]) == 1
    assert index.delete([]) == 0
    assert [s.case_number for s in index.manifest()] == ["00000002"]
    assert [i for i, _ in index.vectors([thing(1).stamps.object_id])] == []


def test_a_probe_finds_what_the_vector_index_finds(index: VectorIndex) -> None:
    """Objects of both spaces are found; an id that the index lacks is not."""
    objects = [thing(n, space=ONE if n % 2 else TWO) for n in range(60)]
    index.upsert(objects)
    ids = {o.stamps.object_id for o in objects}
    assert index.probe([*ids, uuid4()]) == ids


def test_what_is_made_reachable_stays_as_it_is_and_is_found_once(index: VectorIndex) -> None:
    """Stamps, properties and vector are unchanged; an id that is not there is passed over."""
    objects = [thing(n) for n in range(12)]
    index.upsert(objects)
    ids = [o.stamps.object_id for o in objects]
    index.make_reachable([ids[3], ids[4], uuid4()])
    back = {o.stamps.object_id: o for o in index.objects(ids)}
    assert [back[i].stamps for i in ids] == [o.stamps for o in objects]
    assert fingerprint.vector_hash(back[ids[3]].vector) == objects[3].stamps.vector_hash
    assert (index.probe(ids), index.count()) == (set(ids), 12)
    found = index.search("", {objects[3].stamps.space: objects[3].vector}, limit=12)
    assert found.hits[0].object_id == ids[3]
    assert len({h.object_id for h in found.hits}) == len(found.hits)


def test_a_large_load_is_searched_before_it_has_ended_and_after(index: VectorIndex) -> None:
    """Whatever is put off until the end of a load, everything is found; ending it twice changes nothing."""
    index.begin_load(ONE, 10_000)
    objects = [thing(n) for n in range(30)]
    index.upsert(objects)
    ids = {o.stamps.object_id for o in objects}
    assert index.probe(list(ids)) == ids
    for _ in range(2):
        index.end_load()
        assert index.probe(list(ids)) == ids
        assert index.search("", {ONE: objects[3].vector}).hits[0].object_id == objects[3].stamps.object_id


def test_search_finds_by_meaning_and_by_word(index: VectorIndex) -> None:
    """In both spaces at once; the best is first and scores are in (0, 1]."""
    objects = [thing(n, space=ONE if n % 2 else TWO) for n in range(40)]
    index.upsert(objects)
    hits = index.search("fan", {ONE: unit(11, 8), TWO: unit(10, 4)}, limit=10).hits
    numbers = [h.case_number for h in hits]
    assert numbers[0] == "00000010"  # the word and the meaning
    assert "00000011" in numbers  # the meaning alone
    assert {h.space for h in hits} == {ONE, TWO}
    assert len(hits) == 10
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    assert all(0 < h.score <= 1 for h in hits)
    by_word = index.search("fan", {}, limit=3).hits
    assert all("fan" in h.subject for h in by_word)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (("status", Comparison.EQUAL, "open"), lambda n: n % 2 == 1),
        (("status", Comparison.NOT_EQUAL, "Open"), lambda n: n % 2 == 0),
        (("task_status", Comparison.EQUAL, "Step 2"), lambda n: n % 3 == 2),
        (("task_status", Comparison.NOT_EQUAL, "Step 2"), lambda n: n % 3 != 2),
        (("created_date", Comparison.LESS, "2013-01-01T00:00:00Z"), lambda n: n % 10 < 3),
        (("created_date", Comparison.GREATER_OR_EQUAL, "2018-01-01T00:00:00Z"), lambda n: n % 10 >= 8),
        (("root_cause", Comparison.NOT_EQUAL, "x"), lambda n: n >= 0),
    ],
)
def test_filters_hold_in_every_space(index: VectorIndex, condition, holds) -> None:
    """Equality without regard to case, lists by any entry, dates as times."""
    index.upsert([thing(n, space=ONE if n % 4 < 2 else TWO) for n in range(40)])
    where = [Condition(property=condition[0], comparison=condition[1], value=condition[2])]
    hits = index.search("trouble server", {ONE: unit(1, 8), TWO: unit(2, 4)}, where=where, limit=100).hits
    assert {int(h.case_number) for h in hits} == {n for n in range(40) if holds(n)}


@pytest.mark.parametrize(
    "text", ["", "the of and", "\x00", "'; drop table x; --", "a" * 100_000, "fan\\ | & ! ( :*"]
)
def test_any_query_text_is_only_text(index: VectorIndex, text: str) -> None:
    """Operators, quotes and control characters in a query change nothing and raise nothing."""
    index.upsert([thing(n) for n in range(5)])
    assert len(index.search(text, {ONE: unit(1, 8)}, limit=5).hits) == 5


def test_an_empty_index_finds_nothing(index: VectorIndex) -> None:
    """Every search is empty, and the health check passes."""
    assert index.search("fan", {ONE: unit(1, 8)}) == Findings()
    assert (index.count(), index.spaces(), list(index.manifest())) == (0, {}, [])
    health = index.health()
    assert health.is_ready
    assert health.is_writable


def test_preparing_again_changes_nothing(index: VectorIndex) -> None:
    """Several callers prepare at once, one of them with a further space."""
    index.upsert([thing(1)])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: index.prepare({**SPACES, "three/model@5": 5}), range(8)))
    assert index.count() == 1


def test_writers_at_once_lose_nothing(index: VectorIndex) -> None:
    """Concurrent batches that share objects leave the newest content of each."""
    batches = [[thing(n, generation=g) for n in range(g, g + 20)] for g in range(1, 9)]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(index.upsert, batches))
    assert all(o.status is not UpsertStatus.FAILED for batch in outcomes for o in batch)
    newest = {f"{n:08d}": min(n, 8) for n in range(1, 28)}
    assert {s.case_number: s.generation for s in index.manifest()} == newest
    assert index.probe([s.object_id for s in index.manifest()]) == {s.object_id for s in index.manifest()}


@pytest.mark.parametrize("query", ["E1745-B12", "ECC_MBE", "00000017", "P00930-B21", "2.10.7"])
def test_an_identifier_finds_its_case_first(index: VectorIndex, query: str) -> None:
    """Error code, case number, part number, version in the text; whatever is near by meaning."""
    codes = {"error_codes": "E1745-B12; ECC_MBE", "product_number": "P00930-B21"}
    wanted = replace(thing(17, **codes), composite="Since 2.10.7 the fan is loud.")
    index.upsert([*(thing(n) for n in range(40) if n != 17), wanted])
    for text in (query, query.lower(), f"{query} fan trouble"):
        hit = index.search(text, {ONE: unit(3, 8)}, limit=5).hits[0]
        assert (hit.case_number, hit.identifiers) == ("00000017", (query.lower(),))


def test_few_cases_of_another_space_do_not_flood_a_search(index: VectorIndex) -> None:
    """Five that are all alike, and nearest of all in their own space."""
    foreign = [thing(100 + n, space=TWO, subject=f"invoice {n}", vector=unit(7, 4)) for n in range(5)]
    foreign = [replace(o, composite="The invoice is wrong.") for o in foreign]
    index.upsert([*(thing(n) for n in range(60)), *foreign])
    found = index.search("memory trouble of a server", {ONE: unit(8, 8), TWO: unit(7, 4)}, limit=10)
    assert {h.space for h in found.hits} == {ONE}


@pytest.mark.parametrize(
    ("comparison", "property_", "holds"),
    [
        (Comparison.EQUAL, "created_date", lambda n: n % 10 in (2, 3)),
        (Comparison.NOT_EQUAL, "created_date", lambda n: n % 10 not in (2, 3)),
        (Comparison.NOT_EQUAL, "closed_date", lambda n: True),
    ],
)
def test_a_period_is_met_by_every_moment_in_it(
    index: VectorIndex, comparison: Comparison, property_: str, holds
) -> None:
    """Its end is not in it; what has no date lies in no period."""
    index.upsert([thing(n) for n in range(30)])
    period = Condition(
        property=property_, comparison=comparison, value="2012-01-01T00:00:00Z", until="2014-01-01T00:00:00Z"
    )
    found = index.search("trouble", {ONE: unit(1, 8)}, where=[period], limit=100)
    assert {int(h.case_number) for h in found.hits} == {n for n in range(30) if holds(n)}


def test_pages_are_one_list_in_one_order(index: VectorIndex) -> None:
    """Nothing twice, nothing left out, the same again."""
    index.upsert([thing(n) for n in range(45)])

    def page(offset: int, limit: int) -> list[str]:
        found = index.search("fan trouble", {ONE: unit(5, 8)}, limit=limit, offset=offset)
        return [h.case_number for h in found.hits]

    whole = page(0, 100)
    assert [n for offset in range(0, 60, 10) for n in page(offset, 10)] == whole
    assert len(whole) == len(set(whole)) == 45
    assert page(990_000, 1000) == []


def test_hits_say_why_and_what_all_of_them_are_like(index: VectorIndex) -> None:
    """Passages with the words marked, similarity, share of the words; facets over all candidates."""
    index.upsert([thing(n, product_line="Rack" if n < 5 else "Blade") for n in range(20)])
    found = index.search("broken fan", {ONE: unit(10, 8)}, limit=3)
    best = found.hits[0]
    assert best.case_number == "00000010"
    assert best.similarity == pytest.approx(1.0, abs=0.01)
    assert best.words is not None
    assert best.coverage == 1.0
    passage = best.passages[0]
    assert [passage.text[a:b] for a, b in passage.marks] == ["fan", "broken"]
    assert found.candidates == 20
    assert found.facets["status"] == {"Closed": 10, "Open": 10}
    assert found.facets["product_line"] == {"Blade": 15, "Rack": 5}
    assert found.facets["year"]["2013"] == 2


def test_a_search_knows_the_spaces_that_hold_cases(index: VectorIndex) -> None:
    """`spaces` names each space with the number of its objects."""
    assert index.about_spaces() == {}
    index.upsert([thing(1), thing(2), thing(3, space=TWO)])
    assert index.about_spaces() == {ONE: 2, TWO: 1}


def test_an_object_is_released_only_by_the_case_that_it_belongs_to(index: VectorIndex) -> None:
    """A case that took over the number keeps its object."""
    mine, theirs = thing(1), thing(2)
    index.upsert([mine, theirs])
    owned = [
        Owned(object_id=mine.stamps.object_id, case_id=mine.stamps.case_id),
        Owned(object_id=theirs.stamps.object_id, case_id="somebody else"),
        Owned(object_id=uuid4(), case_id=mine.stamps.case_id),
    ]
    assert index.release(owned) == 1
    assert [s.object_id for s in index.manifest()] == [theirs.stamps.object_id]
    assert index.release([]) == 0


def test_replacing_deletes_and_inserts_and_never_takes_newer_content(index: VectorIndex) -> None:
    """What cannot be written is not deleted either; the others of the batch go through."""
    index.upsert([thing(1, generation=3), thing(2), thing(3)])
    bad = replace(thing(3, generation=9), vector=np.zeros(8, dtype=np.float32))
    outcomes = index.replace([thing(1, generation=2), thing(2, subject="again"), bad, thing(4)])
    assert [o.status for o in outcomes] == [
        UpsertStatus.SUPERSEDED,
        UpsertStatus.STORED,
        UpsertStatus.FAILED,
        UpsertStatus.STORED,
    ]
    assert {s.case_number: s.generation for s in index.manifest()} == {
        "00000001": 3,
        "00000002": 1,
        "00000003": 1,
        "00000004": 1,
    }
    ids = [thing(n).stamps.object_id for n in (1, 2, 3, 4)]
    assert index.probe(ids) == set(ids)


def test_a_token_is_kept_beside_the_objects(index: VectorIndex) -> None:
    """And preparing again does not lose it."""
    assert index.life() == ""
    index.upsert([thing(1)])
    index.set_life("one")
    index.set_life("two")
    index.prepare({**SPACES, "three/model@5": 5})
    assert index.life() == "two"
    assert index.count() == 1
