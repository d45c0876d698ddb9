"""What is Weaviate's own, on a real server: refusals, deaths, names, and what others put there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from weaviate.classes.config import DataType, Property
from weaviate.classes.data import DataObject

from everycase.domain.errors import DependencyUnreachable, ExitCode, WrongUse
from everycase.domain.failures import ErrorType, LoadFailure
from everycase.domain.lineage import Owned
from everycase.indexes.weaviate import schema as schema
from everycase.indexes.weaviate.client import connect
from everycase.indexes.weaviate.index import Shape, WeaviateIndex
from everycase.indexes.weaviate.write import MOST_OBJECTS, batches
from everycase.ports import Comparison, Condition, UpsertStatus
from everycase.store.db import Pool
from tests.conformance.conftest import SPACES, connected, remove
from tests.conformance.test_index import ONE, TWO, statuses, thing, unit
from tests.support import weaviate_server
from tests.support.weaviate_server import GivenServer, WeaviateServer

THREE = "three/model@5"
STORED = UpsertStatus.STORED


def raw(index: WeaviateIndex):
    """The collection itself, behind the adapter's back."""
    return index._connection.client.collections.use(index.target)


def own(server: GivenServer | WeaviateServer) -> WeaviateServer:
    """A server that may be killed."""
    if isinstance(server, GivenServer):
        pytest.skip("needs a server of its own to kill: make weaviate, without EVERYCASE_TEST_WEAVIATE_URL")
    return server


@pytest.fixture
def closed(weaviate_index: WeaviateIndex) -> Iterator[WeaviateIndex]:
    """An index with three objects, whose shards then take no writes."""
    weaviate_index.upsert([thing(n) for n in range(3)])
    raw(weaviate_index).config.update_shards("READONLY")
    yield weaviate_index
    raw(weaviate_index).config.update_shards("READY")


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────


def test_what_the_server_refuses_fails_alone_and_by_name(weaviate_index: WeaviateIndex) -> None:
    """A property that the collection lacks, and one of another type: the others are stored."""
    bad = [thing(1, strange="x"), thing(2, subject=["a list"])]
    outcomes = weaviate_index.upsert([thing(3), bad[0], thing(4), bad[1], thing(5)])
    assert [o.status is STORED for o in outcomes] == [True, False, True, False, True]
    assert {o.error_type for o in outcomes if o.error_type} == {ErrorType.WEAVIATE_REJECTED}
    assert len({o.message for o in outcomes if o.error_type}) == 2
    assert weaviate_index.count() == 3


def test_a_batch_that_is_refused_whole_says_why_for_each(weaviate_index: WeaviateIndex) -> None:
    """The client then names the reasons and not the objects."""
    outcomes = weaviate_index.upsert(
        [thing(1, strange="x"), thing(2, subject=["a list"]), thing(3, strange="x")]
    )
    assert [o.status for o in outcomes] == [UpsertStatus.FAILED] * 3
    messages = [o.message for o in outcomes]
    assert messages[0] == messages[2] != messages[1]


def test_nothing_counts_as_stored_in_a_shard_that_takes_no_writes(closed: WeaviateIndex) -> None:
    """The server names the first object of such a batch and confirms the others."""
    with pytest.raises(LoadFailure) as e:
        closed.upsert([thing(n) for n in range(10, 30)])
    assert e.value.error_type is ErrorType.WEAVIATE_READ_ONLY
    with pytest.raises(LoadFailure) as e:
        closed.upsert([thing(n, generation=2) for n in range(3)])
    assert e.value.error_type is ErrorType.WEAVIATE_READ_ONLY
    assert closed.count() == 3


def test_health_sees_a_shard_that_takes_no_writes(closed: WeaviateIndex) -> None:
    """Though the server calls itself ready; a delete says so too."""
    health = closed.health()
    assert (health.is_ready, health.is_writable) == (True, False)
    assert "read-only" in health.detail
    with pytest.raises(LoadFailure) as e:
        closed.delete([thing(1).stamps.object_id])
    assert e.value.error_type is ErrorType.WEAVIATE_READ_ONLY
    raw(closed).config.update_shards("READY")
    assert closed.health().is_writable
    assert closed.delete([thing(1).stamps.object_id]) == 1


def test_nothing_is_logged_of_what_was_refused(
    weaviate_index: WeaviateIndex, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The client would print whole objects."""
    caplog.set_level(logging.DEBUG)
    for name in ("weaviate-client", "httpx", "httpcore", "grpc"):
        caplog.set_level(logging.DEBUG, logger=name)
    outcomes = weaviate_index.upsert(
        [
            thing(1, strange="Geheimnis"),
            thing(2),
            thing(3, subject=["Geheimnis"]),
            thing(4, subject="Geheimnis"),
        ]
    )
    assert [o.status is STORED for o in outcomes] == [False, True, False, True]
    said = caplog.text + "".join(capfd.readouterr()) + "".join(o.message for o in outcomes)
    assert "Geheimnis" not in said


# ── deaths ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_a_server_killed_in_mid_load_is_a_load_failure_and_comes_back(
    weaviate: GivenServer | WeaviateServer,
) -> None:
    """The same adapter goes on; what was under way is deleted, written again, and found by its vector."""
    server = own(weaviate)
    objects = [thing(n) for n in range(20 * MOST_OBJECTS)]
    batches_seen = 0

    @contextmanager
    def kill_in_the_third(_ids: Sequence[UUID]) -> Iterator[None]:
        nonlocal batches_seen
        batches_seen += 1
        killer = threading.Timer(0.02, server.kill)
        if batches_seen == 3:
            killer.start()
        yield
        if batches_seen == 3:
            killer.join()

    with connected(server) as connection:
        index = WeaviateIndex(connection, f"Test{uuid4().hex[:12]}", fence=kill_in_the_third)
        index.prepare(SPACES)
        with pytest.raises(LoadFailure) as e:
            index.upsert(objects)
        assert e.value.error_type is ErrorType.WEAVIATE_UNAVAILABLE
        assert e.value.exit_code is ExitCode.UNREACHABLE
        assert not index.health().is_ready
        server.restart()
        index.delete([o.stamps.object_id for o in objects])
        assert statuses(index, objects) == [STORED] * len(objects)
        assert index.count() == len(objects)
        sample = [o.stamps.object_id for o in objects[: 4 * MOST_OBJECTS]]
        assert index.probe(sample) == set(sample)
        remove(connection, index.collection)


def test_a_server_that_is_not_there_is_named_when_it_is_first_needed() -> None:
    """Making the index asks nobody; its health is told, not raised."""
    connection = connect("http://127.0.0.1:9", grpc_port=10)
    index = WeaviateIndex(connection)
    with pytest.raises(
        LoadFailure, match=r"127\.0\.0\.1:9 does not answer: check EVERYCASE_WEAVIATE__URL"
    ) as e:
        index.count()
    assert e.value.error_type is ErrorType.WEAVIATE_UNAVAILABLE
    assert not index.health().is_ready
    connection.close()


def test_a_wrong_grpc_port_is_named(weaviate: GivenServer | WeaviateServer) -> None:
    """The server answers on the one and not on the other."""
    connection = connect(weaviate.url, grpc_port=9)
    with pytest.raises(LoadFailure, match="EVERYCASE_WEAVIATE__GRPC_PORT"):
        WeaviateIndex(connection).prepare(SPACES)


def test_a_refused_key_is_one_clear_sentence(tmp_path: Path) -> None:
    """A wrong one and none; the right one works. No key is in a message."""
    with weaviate_server.running(
        tmp_path,
        AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED="false",
        AUTHENTICATION_APIKEY_ENABLED="true",
        AUTHENTICATION_APIKEY_ALLOWED_KEYS="the-right-key",
        AUTHENTICATION_APIKEY_USERS="everycase",
        AUTHORIZATION_ADMINLIST_ENABLED="true",
        AUTHORIZATION_ADMINLIST_USERS="everycase",
    ) as server:
        for key in ("the-wrong-key", None):
            with connected(server, api_key=key) as connection:
                with pytest.raises(DependencyUnreachable, match="EVERYCASE_WEAVIATE__API_KEY") as e:
                    WeaviateIndex(connection).prepare(SPACES)
                assert "the-wrong-key" not in str(e.value)
                assert e.value.exit_code is ExitCode.UNREACHABLE
        with connected(server, api_key="the-right-key") as connection:
            index = WeaviateIndex(connection)
            index.prepare(SPACES)
            assert statuses(index, [thing(1)]) == [STORED]


@pytest.mark.parametrize(
    "url", ["", "weaviate:8080", "ftp://host", "http://user:secret@host", "http://host:x"]
)
def test_what_is_no_address_is_wrong_use(url: str) -> None:
    """And is not repeated."""
    with pytest.raises(WrongUse) as e:
        connect(url)
    assert "secret" not in str(e.value)


# ── what others put there ────────────────────────────────────────────────────────────────────────


def test_objects_of_others_are_listed_with_what_they_have(weaviate_index: WeaviateIndex) -> None:
    """No stamps, no vector, two vectors, a NUL byte: nothing hides, and all of it can be deleted."""
    weaviate_index.upsert([thing(1)])
    one, two = map(schema.vector_name, SPACES)
    foreign = [UUID(int=n) for n in (1, 2, 3)]
    raw(weaviate_index).data.insert_many(
        [
            DataObject(uuid=foreign[0], properties={}),
            DataObject(
                uuid=foreign[1],
                properties={"case_number": "F\x001", "space": ONE, "loaded_at": "yesterday"},
                vector={one: unit(1, 8).tolist(), two: unit(1, 4).tolist()},
            ),
            DataObject(uuid=foreign[2], properties={"space": ""}, vector={two: unit(3, 4).tolist()}),
        ]
    )
    listed = {s.object_id: s for s in weaviate_index.manifest()}
    assert set(listed) == {*foreign, thing(1).stamps.object_id}
    assert (listed[foreign[0]].case_id, listed[foreign[0]].space, listed[foreign[0]].generation) == (
        "",
        "",
        0,
    )
    assert "\x00" not in listed[foreign[1]].case_number
    assert {s.object_id for s in weaviate_index.stamps([*foreign, uuid4()])} == set(foreign)
    assert [o.vector.size for o in weaviate_index.objects(foreign)] == [0, 0, 0]
    assert weaviate_index.count() == 4
    assert weaviate_index.delete(foreign) == 3
    assert weaviate_index.spaces() == {ONE: 1}


def test_a_stored_object_that_no_vector_search_finds_is_told_apart(weaviate_index: WeaviateIndex) -> None:
    """The server takes an object without a vector, and counts it."""
    weaviate_index.upsert([thing(n) for n in range(30)])
    ids = {thing(n).stamps.object_id for n in range(30)}
    bare = thing(2).stamps.object_id
    raw(weaviate_index).data.insert_many([DataObject(uuid=bare, properties={"space": ONE})])
    assert weaviate_index.count() == 30
    assert weaviate_index.probe(sorted(ids)) == ids - {bare}


def test_a_space_that_others_have_poisoned_is_named(weaviate_index: WeaviateIndex) -> None:
    """The first vector of a space fixes its width; another space goes on."""
    name = schema.vector_name(ONE)
    raw(weaviate_index).data.insert_many([DataObject(properties={}, vector={name: [1.0, 0.0, 0.0]})])
    outcomes = weaviate_index.upsert([thing(1), thing(2, space=TWO)])
    assert (outcomes[0].error_type, outcomes[1].status) == (ErrorType.INVALID_EMBEDDING, STORED)


def test_equal_vectors_are_all_found(weaviate_index: WeaviateIndex) -> None:
    """Cases of one text have one vector: which of them come first says nothing."""
    objects = [thing(n, vector=unit(7, 8)) for n in range(60)]
    weaviate_index.upsert(objects)
    ids = {o.stamps.object_id for o in objects}
    assert weaviate_index.probe(sorted(ids)) == ids


# ── shape ────────────────────────────────────────────────────────────────────────────────────────


def test_an_alias_stands_before_the_first_collection(weaviate_index: WeaviateIndex) -> None:
    """The collection can be used by its own name as well."""
    client = weaviate_index._connection.client
    assert weaviate_index.target == f"{weaviate_index.collection}_v1"
    assert client.alias.get(alias_name=weaviate_index.collection).collection == weaviate_index.target
    weaviate_index.upsert([thing(1)])
    beside = WeaviateIndex(weaviate_index._connection, f"{weaviate_index.collection}_v2", is_alias=False)
    beside.prepare(SPACES)
    assert (beside.target, beside.count()) == (beside.collection, 0)
    beside.upsert([thing(1), thing(2)])
    client.alias.update(alias_name=weaviate_index.collection, new_target_collection=beside.target)
    assert (weaviate_index.count(), weaviate_index.target) == (2, beside.target)


def test_a_collection_that_has_the_name_itself_is_used_as_it_is(weaviate_index: WeaviateIndex) -> None:
    """No alias is made over it."""
    plain = WeaviateIndex(weaviate_index._connection, f"{weaviate_index.collection}_vp", is_alias=False)
    plain.prepare({ONE: 8})
    by_alias = WeaviateIndex(weaviate_index._connection, plain.collection)
    by_alias.prepare(SPACES)
    assert by_alias.target == plain.collection
    assert statuses(by_alias, [thing(1, space=TWO)]) == [STORED]


def test_several_that_prepare_at_once_make_one_collection(weaviate_index: WeaviateIndex) -> None:
    """Each with a connection's view of its own, with different spaces."""
    name = f"{weaviate_index.collection}_vr"
    wanted = [{ONE: 8}, {TWO: 4}, {THREE: 5}, SPACES] * 2

    def bring_up(spaces: dict[str, int]) -> str:
        index = WeaviateIndex(weaviate_index._connection, name)
        index.prepare(spaces)
        return index.target

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(bring_up, wanted)) == {f"{name}_v1"}
    index = WeaviateIndex(weaviate_index._connection, name)
    index.prepare({**SPACES, THREE: 5})
    stranger = replace(thing(3), stamps=replace(thing(3).stamps, space=THREE), vector=unit(3, 5))
    assert statuses(index, [thing(1), thing(2, space=TWO), stranger]) == [STORED] * 3
    index._connection.client.alias.delete(alias_name=name)


def test_a_space_is_added_to_what_is_there(weaviate_index: WeaviateIndex) -> None:
    """Old objects stay, new ones are stored and found; another process sees it without preparing."""
    weaviate_index.upsert([thing(1)])
    other = WeaviateIndex(weaviate_index._connection, weaviate_index.collection)
    assert other.spaces() == {ONE: 1}
    weaviate_index.prepare({**SPACES, THREE: 5})
    stranger = replace(thing(3), stamps=replace(thing(3).stamps, space=THREE), vector=unit(3, 5))
    assert statuses(other, [stranger]) == [STORED]
    assert other.spaces() == {ONE: 1, THREE: 1}
    assert other.probe([stranger.stamps.object_id]) == {stranger.stamps.object_id}
    hits = weaviate_index.search("", {THREE: unit(3, 5)}).hits
    assert [h.case_number for h in hits] == ["00000003"]


@pytest.mark.parametrize("quantise", [True, False])
def test_quantised_or_not_everything_is_found(weaviate_index: WeaviateIndex, quantise: bool) -> None:
    """The collection says which it is."""
    name = f"{weaviate_index.collection}_v{'q' if quantise else 'n'}"
    index = WeaviateIndex(weaviate_index._connection, name, is_alias=False, shape=Shape(quantise=quantise))
    index.prepare(SPACES)
    objects = [thing(n) for n in range(200)]
    index.upsert(objects)
    ids = {o.stamps.object_id for o in objects}
    assert index.probe(sorted(ids)) == ids
    assert index.search("", {ONE: unit(17, 8)}, limit=1).hits[0].case_number == "00000017"
    config = raw(index).config.get().vector_config[schema.vector_name(ONE)].vector_index_config
    assert (config.quantizer is not None) is quantise


def test_more_than_a_page_is_listed_and_deleted(weaviate_index: WeaviateIndex) -> None:
    """By the cursor, by ids, in ranges, and in several calls."""
    objects = [thing(n) for n in range(2300)]
    assert set(statuses(weaviate_index, objects)) == {STORED}
    ids = sorted(o.stamps.object_id for o in objects)
    assert [s.object_id for s in weaviate_index.manifest()] == ids
    middle = ids[1100]
    assert [s.object_id for s in weaviate_index.manifest(until=middle)] == ids[:1101]
    assert [s.object_id for s in weaviate_index.manifest(after=middle)] == ids[1101:]
    assert {s.object_id for s in weaviate_index.stamps(ids)} == set(ids)
    assert weaviate_index.delete(ids) == 2300
    assert weaviate_index.count() == 0


# ── filters ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("property_", "comparison", "value", "numbers"),
    [
        ("priority", Comparison.LESS_OR_EQUAL, "p2", {1, 2}),
        ("priority", Comparison.GREATER, "P1", {2, 3}),
        ("root_cause", Comparison.EQUAL, "WORN BEARING", {1}),
        ("root_cause", Comparison.NOT_EQUAL, "worn bearing", {2, 3}),
        ("closed_date", Comparison.GREATER, "2020-01-01T00:00:00Z", {3}),
        ("closed_date", Comparison.LESS, "2020-01-01T00:00:00Z", {1}),
        ("comment_created_date", Comparison.LESS, "2012-01-01T00:00:00Z", {2}),
        ("comment_is_published", Comparison.EQUAL, "True", {2}),
        ("description", Comparison.EQUAL, "Long " * 200 + "A", {1}),
    ],
)
def test_filters_do_not_regard_case_and_hold_for_every_year(
    weaviate_index: WeaviateIndex, property_: str, comparison: Comparison, value: str, numbers: set[int]
) -> None:
    """Codes in order, prose whole however long, dates after 2262 too, which Weaviate's own do not hold."""
    weaviate_index.upsert(
        [
            thing(
                1,
                priority="P1",
                root_cause="Worn bearing",
                closed_date="2013-01-01T00:00:00Z",
                description="Long " * 200 + "a",
            ),
            thing(
                2,
                priority="P2",
                comment_created_date=["2011-05-05T00:00:00Z", "2022-05-05T00:00:00Z"],
                comment_is_published=["true"],
                description="Long " * 200 + "b",
            ),
            thing(3, priority="P3", closed_date="9999-12-31T00:00:00Z", root_cause="Worn"),
        ]
    )
    where = [Condition(property=property_, comparison=comparison, value=value)]
    assert {
        int(h.case_number) for h in weaviate_index.search("trouble", {ONE: unit(1, 8)}, where=where).hits
    } == numbers


# ── pure rules ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "space", [ONE, "chathpe/text-embedding-3-large@3072", "nomic/nomic-embed-text-v1.5@768", "7/ü_x@9"]
)
def test_a_space_can_be_read_from_its_vectors_name(space: str) -> None:
    """Which is one that Weaviate takes."""
    name = schema.vector_name(space)
    assert name.isascii()
    assert name.isidentifier()
    assert schema.space_of(name) == space


def test_a_name_that_is_not_ours_is_no_space() -> None:
    """It would read back otherwise."""
    assert schema.space_of("their_vector") is None
    assert schema.space_of("default") == "default"


def test_batches_are_bounded_by_count_and_by_size() -> None:
    """A bigger object goes alone; the order stays."""
    objects = [thing(n) for n in range(250)]
    assert [len(b) for b in batches(objects)] == [100, 100, 50]
    wide = [thing(n, description="x" * 5_000_000) for n in range(3)]
    assert [[o.stamps.case_number for o in b] for b in batches(wide)] == [
        ["00000000"],
        ["00000001"],
        ["00000002"],
    ]
    assert list(batches([])) == []


def test_a_collection_of_somebody_else_is_neither_written_nor_cleaned_up(
    weaviate: GivenServer | WeaviateServer, pool: Pool
) -> None:
    """It carries neither our mark nor our stamps; health says so before a run does."""
    name = f"Theirs{uuid4().hex}"
    with connected(weaviate) as connection:
        note = Property(name="note", data_type=DataType.TEXT)
        theirs = connection.client.collections.create(name, properties=[note])
        theirs.data.insert({"note": "theirs"})
        try:
            index = WeaviateIndex(connection, name, is_alias=False)
            for attempt in (
                lambda: index.prepare(SPACES),
                lambda: index.upsert([thing(1)]),
                lambda: index.delete([uuid4()]),
                lambda: index.release([Owned(object_id=uuid4(), case_id="x")]),
            ):
                with pytest.raises(WrongUse, match="not everycase's"):
                    attempt()
            assert not index.health().is_writable
            assert "not everycase's" in index.health().detail
            assert [o.properties["note"] for o in theirs.iterator()] == ["theirs"]
        finally:
            connection.client.collections.delete(name)


def test_a_collection_of_the_first_release_is_known_by_its_stamps(weaviate_index: WeaviateIndex) -> None:
    """It has no mark yet, and gets one with the first token."""
    raw(weaviate_index).config.update(description="")
    weaviate_index._home._ours.clear()
    weaviate_index.upsert([thing(1)])
    weaviate_index.set_life("one")
    assert weaviate_index.life() == "one"
