"""What every source promises, whatever it reads: a folder of files or a living organisation."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from everycase.domain.cases import Record
from everycase.domain.catalogue import OBJECTS, SourceObject
from everycase.domain.rows import BadRow, RowVersion, Tombstone, iso
from everycase.ports import ReadProof, Source, VersionKind
from tests.support.exports import case, child, record_id
from tests.support.far_ends import FarEnd, FolderEnd
from tests.support.salesforce.far_end import OrganisationEnd

BY_NAME = {o.name: o for o in OBJECTS}
CASE = BY_NAME["Case"]
CASES = [record_id("Case", n) for n in range(1, 6)]
LATER = "2024-11-05 09:00:00"

FAR_ENDS = ("csv", "json", "salesforce-rest", "salesforce-bulk")


@pytest.fixture(params=FAR_ENDS)
def far_end(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FarEnd]:
    """Five cases, and a child of each kind for the first of them."""
    with ExitStack() as stack:
        found = _far_end(request.param, tmp_path, stack)
        _fill(found)
        yield found


def _far_end(kind: str, folder: Path, stack: ExitStack) -> FarEnd:
    if not kind.startswith("salesforce"):
        return FolderEnd(folder / "export", kind)
    end = OrganisationEnd(bulk_from=0 if kind == "salesforce-bulk" else 1_000_000)
    stack.enter_context(end.server)
    return end


def _fill(found: FarEnd) -> None:
    found.put("Case", *(case(n) for n in range(1, 6)))
    for name in ("Task", "WorkOrder", "CaseComment", "EmailMessage"):
        found.put(name, child(name, 1, CASES[0]))
    found.put("WorkOrderFeed", child("WorkOrderFeed", 1, record_id("WorkOrder", 1)))


Rows = list[Record | Tombstone | BadRow]


def read(source: Source, obj: SourceObject = CASE, since: str = "") -> tuple[Rows, ReadProof]:
    reading = source.changes(obj, since)
    return list(reading), reading.proof()


def records(rows: Collection[object]) -> dict[str, Record]:
    return {r.id: r for r in rows if isinstance(r, Record)}


def tombstones(rows: Collection[object]) -> dict[str, Tombstone]:
    return {r.id: r for r in rows if isinstance(r, Tombstone)}


def take_stock(source: Source, obj: SourceObject = CASE) -> tuple[dict[str, RowVersion], ReadProof]:
    reading = source.inventory(obj)
    return {r.id: r for r in reading if isinstance(r, RowVersion)}, reading.proof()


def test_the_identity_begins_with_the_kind(far_end: FarEnd) -> None:
    """So that a database that is bound to it can say what it holds."""
    source = far_end.source()
    assert source.identity.partition(":")[0] == source.kind


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda o: o.name)
def test_a_first_read_names_every_row_and_proves_it(far_end: FarEnd, obj: SourceObject) -> None:
    """The figures agree, absence means deletion, and there is a mark to go on from."""
    source = far_end.source()
    assert source.state(obj).is_present
    rows, proof = read(source, obj)
    assert len(records(rows)) == (5 if obj is CASE else 1)
    assert proof.read == len(rows)
    assert {proof.announced, proof.counted} <= {None, len(rows)}
    assert (proof.is_whole, proof.names_everything, proof.problem) == (True, True, "")
    assert proof.mark
    assert proof.window


def test_reading_again_gives_the_same(far_end: FarEnd) -> None:
    """Rows and mark are those of the source, not of the read."""
    rows, _ = read(far_end.source())
    again, _ = read(far_end.source())
    assert {i: r.row_hash for i, r in records(rows).items()} == {
        i: r.row_hash for i, r in records(again).items()
    }


def test_nothing_new_since_the_mark_brings_nothing_new(far_end: FarEnd) -> None:
    """A row may come twice where windows overlap; then it is what it was."""
    rows, proof = read(far_end.source())
    more, later = read(far_end.source(), since=proof.mark)
    assert all(r.row_hash == records(rows)[i].row_hash for i, r in records(more).items())
    assert not tombstones(more)
    assert (later.is_whole, later.problem) == (True, "")
    assert later.mark


def test_a_changed_row_and_a_new_one_come_after_the_mark(far_end: FarEnd) -> None:
    """Of whatever object."""
    _, proof = read(far_end.source())
    far_end.put(
        "Case", case(1, Subject="Another subject", SystemModstamp=LATER), case(9, SystemModstamp=LATER)
    )
    rows, later = read(far_end.source(), since=proof.mark)
    assert records(rows)[CASES[0]].values["Subject"] == "Another subject"
    assert record_id("Case", 9) in records(rows)
    assert later.is_whole
    assert later.mark != proof.mark


def test_a_mark_that_means_nothing_any_more_reads_all(far_end: FarEnd) -> None:
    """Such as one of an earlier release."""
    rows, proof = read(far_end.source(), since="0:of-another-release")
    assert set(records(rows)) == set(CASES)
    assert proof.proves_absence


def test_a_soft_deletion_is_a_tombstone_without_content(far_end: FarEnd) -> None:
    """The source may have blanked its fields, so nothing of them is taken."""
    _, proof = read(far_end.source())
    far_end.mark_deleted("Case", CASES[1])
    rows, _ = read(far_end.source(), since=proof.mark)
    assert set(tombstones(rows)) == {CASES[1]}
    assert CASES[1] not in records(rows)


def test_a_hard_deletion_shows_at_the_latest_in_the_inventory(far_end: FarEnd) -> None:
    """By a tombstone, by a read that names everything, or by the sweep."""
    _, proof = read(far_end.source())
    far_end.remove("Case", CASES[2])
    source = far_end.source()
    rows, later = read(source, since=proof.mark)
    assert CASES[2] not in records(rows)
    stock, whole = take_stock(source)
    assert CASES[2] in tombstones(rows) or later.proves_absence or whole.proves_absence
    assert CASES[2] not in {i for i, v in stock.items() if not v.is_deleted}


def test_an_inventory_gives_the_version_that_staging_keeps(far_end: FarEnd) -> None:
    """So that the two can be joined without fetching a row."""
    source = far_end.source()
    rows, _ = read(source)
    stock, proof = take_stock(source)
    kept = {
        VersionKind.ROW_HASH: lambda r: r.row_hash,
        VersionKind.SYSTEM_MODSTAMP: lambda r: iso(r.system_modstamp),
        VersionKind.SOURCE: lambda r: r.source_version,
    }[source.versions]
    assert {i: v.version for i, v in stock.items()} == {i: kept(r) for i, r in records(rows).items()}
    assert (proof.read, proof.proves_absence) == (5, True)


def test_fetching_says_what_is_true_now_of_each_id(far_end: FarEnd) -> None:
    """A row, or that it is gone; and nothing of rows that were not asked for."""
    source = far_end.source()
    far_end.mark_deleted("Case", CASES[3])
    stranger = record_id("Case", 77)
    rows = list(source.fetch(CASE, {CASES[0], CASES[3], stranger}))
    assert set(records(rows)) == {CASES[0]}
    assert set(tombstones(rows)) == {CASES[3], stranger}


def test_a_row_is_the_same_however_it_is_read(far_end: FarEnd) -> None:
    """Otherwise every sweep would find a change."""
    source = far_end.source()
    rows, _ = read(source)
    assert {r.id: r.row_hash for r in source.fetch(CASE, set(CASES)) if isinstance(r, Record)} == {
        i: r.row_hash for i, r in records(rows).items()
    }


def test_fetching_nothing_asks_for_nothing(far_end: FarEnd) -> None:
    assert list(far_end.source().fetch(CASE, set())) == []


def test_a_read_that_ends_too_early_proves_nothing(far_end: FarEnd) -> None:
    """It does not raise; it says in one sentence what happened, and gives no mark."""
    far_end.cut("Case")
    source = far_end.source()
    rows, proof = read(source)
    assert set(records(rows)) < set(CASES)
    assert (proof.is_whole, proof.proves_absence, proof.mark) == (False, False, "")
    assert proof.problem
    _, stock = take_stock(source)
    assert not stock.proves_absence
    assert not tombstones(list(source.fetch(CASE, {record_id("Case", 77)})))


def test_a_row_that_cannot_be_read_is_named_and_the_others_come(far_end: FarEnd) -> None:
    """By its id, so that it counts as there; never by what it says."""
    far_end.put("Case", case(3, ClosedDate="on a Monday"))
    source = far_end.source()
    rows, proof = read(source)
    (bad,) = [r for r in rows if isinstance(r, BadRow)]
    assert (bad.record_id, proof.is_whole, proof.read) == (CASES[2], True, 5)
    assert "ClosedDate" in bad.reason
    assert "Monday" not in bad.reason
    assert set(records(rows)) == set(CASES) - {CASES[2]}
