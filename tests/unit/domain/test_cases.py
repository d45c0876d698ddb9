"""Counting fields: once each, however many rows fill them."""

from everycase.domain.cases import JoinedCase, Record, count_fields
from everycase.domain.catalogue import Catalogue

CATALOGUE = Catalogue()


def _full(name: str) -> Record:
    obj = CATALOGUE.by_name[name]
    return Record(object=name, id=name, values={f.name: "x" for f in obj.fields})


def _joined(*names: str) -> JoinedCase:
    children = {o.name: tuple(_full(n) for n in names if n == o.name) for o in CATALOGUE.children}
    return JoinedCase(case=_full("Case"), children=children, generation=1)


def test_a_case_without_children_shows_21_of_44() -> None:
    """The seed's second journey."""
    found = count_fields(CATALOGUE, _joined())
    assert (found.total, found.issue, found.resolution) == (21, 13, 8)


def test_a_case_with_every_child_but_comments_shows_38_of_44() -> None:
    """The seed's example; two tasks count as one."""
    assert (
        count_fields(CATALOGUE, _joined("Task", "Task", "WorkOrder", "EmailMessage", "WorkOrderFeed")).total
        == 38
    )


def test_a_record_never_shows_what_it_holds() -> None:
    """Not in a log, not in an error."""
    record = Record(object="Case", id="1", values={"Subject": "secret"}, identity={"ContactName": "secret"})
    assert "secret" not in repr(record)
    assert "secret" not in repr(JoinedCase(case=record, children={}, generation=1))
