"""A living organisation: complete, proved, incremental, resumable, and kind to its quota."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from everycase.domain.errors import RunInterrupted, WrongUse
from everycase.operations.doctor import Check, diagnose
from everycase.sources.salesforce.source import SalesforceSource
from everycase.store import db
from everycase.store.source_state import StoredReadState
from tests.support.salesforce.far_end import source_of
from tests.support.salesforce.faults import Ask, Fault
from tests.support.salesforce.loading import fill
from tests.support.salesforce.organisation import Organisation
from tests.support.salesforce.server import SalesforceServer
from tests.support.salesforce.world import (
    MovedClock,
    expected_rows,
    extract,
    extraction,
    sample_organisation,
    settings_of,
    staged_rows,
    sweep,
)
from tests.support.world import World

CASES = 120


@pytest.fixture
def made(tmp_path: Path) -> tuple[Organisation, MovedClock]:
    return sample_organisation(tmp_path / "sample", cases=CASES)


@pytest.fixture
def organisation(made: tuple[Organisation, MovedClock]) -> Organisation:
    return made[0]


@pytest.fixture
def clock(made: tuple[Organisation, MovedClock]) -> MovedClock:
    return made[1]


@pytest.fixture
def server(organisation: Organisation) -> Iterator[SalesforceServer]:
    with SalesforceServer(organisation) as found:
        yield found


def ids(organisation: Organisation, name: str) -> list[str]:
    return sorted(i for i, _ in organisation.live(name))


def reads(world: World, purpose: str) -> list[dict[str, Any]]:
    return world.rows("select * from recon.reads where purpose = %s order by read_id", purpose)


def test_an_organisation_equals_its_export_row_for_row(
    world: World, organisation: Organisation, server: SalesforceServer, tmp_path: Path, databases: Any
) -> None:
    """Same row hashes in staging, same checksums in lineage, by REST and Bulk and from files."""
    assert world.sync("salesforce", **settings_of(server, bulk_from="100")).is_clean
    assert staged_rows(world.dsn) == expected_rows(organisation, tmp_path / "export")
    assert server.asked[Ask.RESULTS] > 0
    with databases.fresh() as dsn:
        other = World(dsn, tmp_path)
        other.sync(tmp_path / "export")
        wanted = {i: (r["checksum"], r["children_checksum"]) for i, r in other.lineage().items()}
    assert {i: (r["checksum"], r["children_checksum"]) for i, r in world.lineage().items()} == wanted
    assert len(wanted) == CASES
    assert not server.jobs.open


def test_nothing_new_costs_a_few_calls(world: World, server: SalesforceServer) -> None:
    """Descriptions that were not modified, a count and a list of deletions an object."""
    world.sync("salesforce", **settings_of(server))
    before = sum(server.asked.values())
    again = world.sync("salesforce", **settings_of(server))
    assert (again.totals.cases, again.totals.embedding_calls) == (0, 0)
    assert sum(server.asked.values()) - before <= 24, server.lines[before:]


def change_much(organisation: Organisation, clock: MovedClock) -> None:
    """Everything that can happen to cases and their children between two syncs."""
    cases, comments = ids(organisation, "Case"), ids(organisation, "CaseComment")
    organisation.change("Case", cases[0], Subject="Another subject")
    organisation.add("CaseComment", ParentId=cases[1], CommentBody="A new comment.", IsPublished=True)
    organisation.delete("EmailMessage", ids(organisation, "EmailMessage")[0])
    organisation.delete("Case", cases[2])
    organisation.purge("WorkOrder", ids(organisation, "WorkOrder")[0])
    organisation.purge("Task", ids(organisation, "Task")[0], is_logged=False)
    organisation.merge(cases[3], cases[4])
    organisation.delete("Case", cases[5])
    organisation.undelete("Case", cases[5])
    organisation.change("CaseComment", comments[5], ParentId=cases[6])
    organisation.change_silently("CaseComment", comments[6], ParentId=cases[7])
    organisation.change_silently("Case", cases[8], Product_Hierarchy__c="Servers/Other/Thing")
    task = ids(organisation, "Task")[3]
    organisation.change("Task", task, Type="Call")
    now = clock()
    organisation.add_late(
        "CaseComment",
        stamped=now - timedelta(minutes=5),
        visible_at=now + timedelta(minutes=5),
        ParentId=cases[9],
        CommentBody="Committed late.",
    )


@pytest.mark.parametrize("bulk_from", ["20", "1000000"])
def test_after_changes_one_increment_and_one_sweep_make_staging_equal(
    world: World,
    organisation: Organisation,
    clock: MovedClock,
    server: SalesforceServer,
    tmp_path: Path,
    bulk_from: str,
) -> None:
    """Edits, children, deletions, merges, un-deletes, late commits, formulas; the work is what differs."""
    settings = settings_of(server, bulk_from=bulk_from)
    world.sync("salesforce", **settings)
    clock.move(hours=1)
    change_much(organisation, clock)
    clock.move(minutes=1)
    world.sync("salesforce", **settings)
    clock.move(minutes=8)
    assert world.sync("salesforce", **settings).is_clean
    assert sum(r["read"] for r in reads(world, "changes")[6:]) < 60
    report = world.reconcile("salesforce", **settings)
    assert staged_rows(world.dsn) == expected_rows(organisation, tmp_path / "export")
    assert sum(r["read"] for r in reads(world, "fetch")) < 20
    assert report["status"] == "completed"
    assert all(r["whole"] for r in world.rows("select * from recon.reads"))
    again = world.reconcile("salesforce", deep=True, **settings)
    assert (again["gaps"], again["completeness"]) == ({}, 1.0)
    assert not server.jobs.open


def test_a_merge_joins_both_cases_again(
    world: World, organisation: Organisation, clock: MovedClock, server: SalesforceServer, tmp_path: Path
) -> None:
    """By the increment alone: the loser goes, and its children are the winner's."""
    world.sync("salesforce", **settings_of(server))
    clock.move(hours=1)
    winner, loser = ids(organisation, "Case")[:2]
    organisation.merge(winner, loser)
    clock.move(minutes=1)
    world.sync("salesforce", **settings_of(server))
    assert staged_rows(world.dsn) == expected_rows(organisation, tmp_path / "export")
    assert world.lineage()[loser]["status"] == "deleted"


def test_the_children_of_a_merged_case_that_was_purged_are_found_by_the_sweep(
    world: World, organisation: Organisation, clock: MovedClock, server: SalesforceServer, tmp_path: Path
) -> None:
    """Nothing tells an increment of them: no stamp, and no loser that names the winner."""
    world.sync("salesforce", **settings_of(server))
    clock.move(hours=1)
    winner, loser = ids(organisation, "Case")[:2]
    organisation.merge(winner, loser)
    organisation.purge("Case", loser)
    clock.move(minutes=1)
    world.sync("salesforce", **settings_of(server))
    world.reconcile("salesforce", **settings_of(server))
    assert staged_rows(world.dsn) == expected_rows(organisation, tmp_path / "export")


@pytest.mark.parametrize("fault", [Fault.PAGE_LACKS_A_ROW, Fault.PAGE_ANNOUNCES_MORE])
@pytest.mark.parametrize(("ask", "skip", "bulk_from"), [(Ask.QUERY, 1, "1000000"), (Ask.RESULTS, 0, "1")])
def test_a_page_that_does_not_hold_what_it_announces_fails_its_window(
    world: World, server: SalesforceServer, fault: Fault, ask: Ask, skip: int, bulk_from: str
) -> None:
    """It is named, nothing is pruned, and the next run makes it again."""
    settings = settings_of(server, bulk_from=bulk_from)
    world.sync("salesforce", **settings)
    before = staged_rows(world.dsn)
    world.do("delete from recon.watermarks where object = 'Case'")
    server.faults.plan(fault, ask, skip=skip)  # the first query is the count
    broken = world.sync("salesforce", **settings)
    assert "Case" in " ".join(broken.problems)
    assert "nothing is concluded" in " ".join(broken.problems)
    (read,) = [r for r in reads(world, "changes") if not r["whole"]]
    assert (read["object"], read["announced"] == read["read"] == read["counted"]) == ("Case", False)
    assert staged_rows(world.dsn) == before
    assert world.sync("salesforce", **settings).is_clean
    assert staged_rows(world.dsn) == before
    assert not server.jobs.open


@pytest.mark.parametrize(("ask", "bulk_from"), [(Ask.MORE, 100_000), (Ask.RESULTS, 1)])
def test_a_first_load_whose_page_lacks_a_row_is_whole_the_next_time(
    database_url: str, tmp_path: Path, ask: Ask, bulk_from: int
) -> None:
    """Also where rows were stored before the last page told that one before it lacked a row, as by REST."""
    fill(organisation := Organisation(), 1000)
    pool = db.open_pool(database_url, size=4)
    with SalesforceServer(organisation) as server, pool:
        server.queries.page = server.jobs.page = 100
        options: dict[str, Any] = {"state": StoredReadState(pool), "bulk_from": bulk_from}
        server.faults.plan(Fault.PAGE_LACKS_A_ROW, ask, skip=1)
        assert not all(r.is_whole for r in extract(database_url, source_of(server, **options)))
        assert 0 < len(staged_rows(database_url)["CaseComment"]) < 1000
        assert all(r.is_whole for r in extract(database_url, source_of(server, **options)))
        assert not server.jobs.open
    assert staged_rows(database_url) == expected_rows(organisation, tmp_path / "export")


def test_freshness_counts_from_the_newest_change_of_a_case_or_a_child(
    world: World, organisation: Organisation, server: SalesforceServer, clock: MovedClock
) -> None:
    """A comment moves no stamp of its case, and the case waits for it all the same."""
    world.sync("salesforce", **settings_of(server))
    case = ids(organisation, "Case")[3]
    comment = organisation.add("CaseComment", ParentId=case, CommentBody="Fan replaced, light is green.")
    clock.move(minutes=1)  # windows end at whole seconds
    world.sync("salesforce", **settings_of(server))
    (row,) = world.rows("select source_timestamp as at from recon.data_lineage where record_id = %s", case)
    (staged,) = world.rows("select system_modstamp as at from udp.casecomment where id = %s", comment)
    assert row["at"] == staged["at"]


def test_a_read_that_is_cut_short_says_so(database_url: str, server: SalesforceServer) -> None:
    """Its balance is kept: how many rows came, and why no more."""

    def end(name: str, rows: int, expected: int | None) -> None:
        raise RunInterrupted

    with extraction(database_url, source_of(server)) as found, pytest.raises(RunInterrupted):
        replace(found, on_rows=end).run()
    with psycopg.connect(database_url) as conn:
        kept = conn.execute("select object, read, whole, problem from recon.reads").fetchall()
    ((name, rows, is_whole, problem),) = kept
    assert (name, rows, is_whole) == ("Case", CASES, False)
    assert problem.startswith("the read was cut short: The run was told to end")


@pytest.mark.parametrize("bulk_from", [1, 100_000])
def test_an_increment_that_is_cut_short_goes_on_where_it_was(
    database_url: str, tmp_path: Path, bulk_from: int
) -> None:
    """By Bulk and by REST: in the window that it had, with its deletions, and then up to now."""
    clock = MovedClock()
    organisation = Organisation(clock=clock)
    fill(organisation, rows := 4000)
    pool = db.open_pool(database_url, size=4)
    with SalesforceServer(organisation) as server, pool:
        options: dict[str, Any] = {"state": StoredReadState(pool), "bulk_from": bulk_from}
        assert all(r.is_whole for r in extract(database_url, source_of(server, **options)))
        clock.move(minutes=60)
        comments = ids(organisation, "CaseComment")
        for n, comment in enumerate(comments):
            organisation.change("CaseComment", comment, CommentBody=f"Edited, number {n}.")
            if n % 40 == 0:
                organisation.delete("CaseComment", comment)
        clock.move(minutes=60)
        server.rows_sent = 0
        cut_short(database_url, source_of(server, **options), at=2000)
        clock.move(minutes=60)
        organisation.change("CaseComment", comments[1], CommentBody="Edited once more, read before.")
        organisation.change("CaseComment", comments[-1], CommentBody="Edited once more, not read yet.")
        organisation.purge("CaseComment", comments[2])
        organisation.purge("CaseComment", comments[-2])
        clock.move(minutes=60)
        assert all(r.is_whole for r in extract(database_url, source_of(server, **options)))
        assert staged_rows(database_url) == expected_rows(organisation, tmp_path / "export")
        assert server.rows_sent <= rows * 1.1 + 200
        assert not server.jobs.open
        with pool.connection() as conn:
            assert not conn.execute(
                "select key from recon.source_state where key like 'position:%'"
            ).fetchall()


def test_a_sweep_lets_go_of_an_increment_that_was_cut_short(database_url: str, tmp_path: Path) -> None:
    """Its job shows a row that was purged since, without a word: what the sweep learned stays."""
    clock = MovedClock()
    organisation = Organisation(clock=clock)
    fill(organisation, 3000)
    pool = db.open_pool(database_url, size=4)
    with SalesforceServer(organisation) as server, pool:
        options: dict[str, Any] = {"state": StoredReadState(pool), "bulk_from": 1}
        extract(database_url, source_of(server, **options))
        clock.move(minutes=60)
        for comment in ids(organisation, "CaseComment"):
            organisation.change("CaseComment", comment, CommentBody="Edited.")
        clock.move(minutes=60)
        cut_short(database_url, source_of(server, **options), at=1000)
        assert server.jobs.open
        organisation.purge("CaseComment", ids(organisation, "CaseComment")[-1], is_logged=False)
        sweep(database_url, source_of(server, **options))
        assert not server.jobs.open
        assert all(r.is_whole for r in extract(database_url, source_of(server, **options)))
        assert staged_rows(database_url) == expected_rows(organisation, tmp_path / "export")


def cut_short(dsn: str, source: SalesforceSource, *, at: int) -> None:
    """An extraction that ends when so many rows of an object were read."""

    def end(name: str, rows: int, expected: int | None) -> None:
        if rows >= at:
            raise RunInterrupted

    with extraction(dsn, source) as found, pytest.raises(RunInterrupted):
        replace(found, on_rows=end).run()
    source.session.close()


def test_a_session_that_expires_in_the_middle_is_renewed_once(
    database_url: str, organisation: Organisation, server: SalesforceServer, tmp_path: Path
) -> None:
    """A Bulk download goes on where it was; no row comes twice; one log-in serves all readers."""
    server.jobs.page = 40
    server.faults.plan(Fault.SESSION_EXPIRES, Ask.RESULTS, skip=2)
    source = source_of(server, bulk_from=1)
    results = extract(database_url, source)
    assert all(r.is_whole for r in results)
    assert server.door.log_ins == 2
    live = sum(len(t.rows) for n, t in organisation.tables.items() if n in staged_rows(database_url))
    columns_were_tried_on = 6
    assert server.rows_sent == live - strangers(organisation) + columns_were_tried_on
    assert staged_rows(database_url) == expected_rows(organisation, tmp_path / "export")


def strangers(organisation: Organisation) -> int:
    """Tasks of types that are not ours do not travel."""
    tasks = organisation.tables["Task"]
    return sum(tasks.value(i, "Type") not in ("Plan of Action", "Trouble Shooting") for i in tasks.rows)


def test_a_refused_log_in_is_tried_once(world: World, server: SalesforceServer) -> None:
    """Whoever asks, for the rest of the process; the sentence holds no secret."""
    with world.app("salesforce", **settings_of(server, client_secret="not-the-secret")) as app:
        for _ in range(3):
            with pytest.raises(WrongUse, match="invalid_client") as refused:
                app.source.state(app.catalogue.case)
            assert "not-the-secret" not in str(refused.value)
    assert server.door.refusals == 1


def test_at_our_share_of_the_quota_it_stops_and_goes_on_when_it_is_renewed(
    world: World, organisation: Organisation, server: SalesforceServer, tmp_path: Path
) -> None:
    """It says so, and keeps what it has."""
    server.daily, server.used = 1000, 945
    settings = settings_of(server, quota_share="0.95", bulk_from="1")
    stopped = world.sync("salesforce", **settings)
    assert "daily calls are used" in " ".join(stopped.problems)
    assert server.used <= 970
    server.used = 0
    world.sync("salesforce", **settings)
    assert staged_rows(world.dsn) == expected_rows(organisation, tmp_path / "export")
    assert not server.jobs.open


@pytest.mark.parametrize("told", [None, "api-usage=900/1000"])
def test_our_share_holds_where_answers_do_not_tell_how_much_is_used(
    world: World, organisation: Organisation, server: SalesforceServer, tmp_path: Path, told: str | None
) -> None:
    """No figure, or one that stands still: our own calls are counted, and the limits are asked for."""
    server.daily, server.used, server.usage_told = 1000, 900, told
    server.queries.page = server.jobs.page = 5
    settings = settings_of(server, quota_share="0.95", bulk_from="1")
    stopped = world.sync("salesforce", **settings)
    assert "daily calls are used" in " ".join(stopped.problems)
    assert 945 <= server.used <= 970
    server.used = 0
    assert world.sync("salesforce", **settings).is_clean
    assert staged_rows(world.dsn) == expected_rows(organisation, tmp_path / "export")
    assert not server.jobs.open


def test_what_may_not_be_seen_is_named(
    world: World, organisation: Organisation, server: SalesforceServer
) -> None:
    """A field, an object, and a share of the rows: by doctor's words and by the report."""
    cases = ids(organisation, "Case")
    organisation.hidden_fields.add(("Case", "Root_Cause__c"))
    organisation.hidden_objects.add("WorkOrderFeed")
    organisation.hidden_rows.update(cases[:4])
    settings = settings_of(
        server, expected_rows={"Case": len(cases)}, canaries=(cases[0], cases[10]), bulk_from="50"
    )
    said = " ".join(world.sync("salesforce", **settings).problems)
    for part in ("Root_Cause__c", "WorkOrderFeed", "116 rows can be seen", "3.3%", cases[0]):
        assert part in said
    assert cases[10] not in said
    report = world.reconcile("salesforce", **settings)
    assert "Root_Cause__c" in " ".join(report["problems"])
    assert "WorkOrderFeed" in " ".join(report["problems"])


def doctor(world: World, **settings: Any) -> dict[str, Check]:
    """Its checks by name."""
    with world.app("salesforce", **settings) as app:
        return {c.name: c for c in diagnose(lambda: app.settings)}


def test_doctor_says_who_we_are_and_what_is_there(
    world: World, organisation: Organisation, server: SalesforceServer
) -> None:
    """Organisation, version, permissions, rows, quota and clock."""
    found = doctor(world, **settings_of(server))
    assert all(c.is_ok for c in found.values())
    said = {n: c.detail for n, c in found.items()}
    assert "00D000000000001" in said["salesforce organisation"]
    assert "sandbox" in said["salesforce organisation"]
    assert "62.0 is used; the newest that is offered is 65.0" in said["salesforce API version"]
    assert f"{CASES} rows" in said["salesforce Case"]
    assert "of 100,000 daily calls" in said["salesforce quota"]
    assert "from ours" in said["salesforce clock"]


def test_doctor_names_what_it_may_not_see(
    world: World, organisation: Organisation, server: SalesforceServer
) -> None:
    """The field, the object, the rows, and the permission that would show them."""
    cases = ids(organisation, "Case")
    organisation.hidden_fields.add(("Case", "Root_Cause__c"))
    organisation.hidden_objects.add("WorkOrderFeed")
    organisation.hidden_rows.update(cases[:4])
    organisation.grant_view_all_data(is_granted=False)
    found = doctor(world, **settings_of(server, expected_rows={"Case": len(cases)}))
    wrong = {n: c.detail for n, c in found.items() if not c.is_ok}
    assert set(wrong) == {"source", "salesforce View All Data", "salesforce Case", "salesforce WorkOrderFeed"}
    assert "Root_Cause__c" in wrong["salesforce Case"]
    assert "116 rows can be seen" in wrong["salesforce Case"]


def test_doctor_says_why_there_is_no_way_in(world: World, server: SalesforceServer) -> None:
    """One attempt."""
    found = doctor(world, **settings_of(server, client_secret="not-the-secret"))
    assert "invalid_client" in found["salesforce log-in"].detail
    assert server.door.refusals == 1


def test_no_token_and_no_secret_is_in_any_address(world: World, server: SalesforceServer) -> None:
    """Nor in what a run says."""
    world.sync("salesforce", **settings_of(server))
    assert not [line for line in server.lines if "00Dtoken" in line or server.door.client_secret in line]


def test_a_source_that_is_not_set_up_says_what_is_missing(world: World) -> None:
    with pytest.raises(WrongUse, match="EVERYCASE_SALESFORCE__URL"):
        world.sync("salesforce")
