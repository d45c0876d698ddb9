"""Pages of rows that are read column by column are the same rows that are read one by one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from everycase.domain.catalogue import OBJECTS, RECORD_KEEPING, Catalogue, SourceObject
from everycase.sources.salesforce.cells import RowReader
from everycase.sources.salesforce.columns import Column, Columns

ODD = [
    "",
    " ",
    "x",
    "nil",
    "0" * 18,
    "0WO7T000002AbcDQAS",
    "5007t000002abcdqas",
    "TRUE",
    "maybe",
    "2024-13-01",
]
ODD += ["a\x00b", "\ud800", "x" * 6000, "2024-03-05T04:13:22.123Z", " 5007T000002AbcD ", "a\r\nb\rc", "NA"]


def columns_of(obj: SourceObject) -> Columns:
    """Every field, every identity column and the record keeping of an object."""
    names = [*RECORD_KEEPING, obj.parent, obj.parent_fallback]
    names += [f.name for f in obj.fields] + [c.name for c in obj.identity]
    fields = {f.name for f in obj.fields}
    return Columns(
        object=obj,
        selected=tuple(
            Column(path=n, header=n, is_volatile=n not in RECORD_KEEPING and n in fields)
            for n in dict.fromkeys(filter(None, names))
        ),
    )


def cell_of(header: str, obj: SourceObject) -> st.SearchStrategy[str]:
    """Cells as Salesforce writes them."""
    if header.endswith("Id"):
        prefix = "0WO" if header == obj.parent and obj.parent_object == "WorkOrder" else "500"
        return st.sampled_from(
            [f"{prefix}7T000002AbcDQAS", f"{prefix}7T000002AbcD", f"{prefix}000000000007AAA"]
        )
    if header.endswith(("Date", "Modstamp")):
        return st.sampled_from(["2024-03-05T04:13:22.000Z", "2024-03-05T04:13:22.000+0000"])
    if header in ("IsDeleted", "Incoming", "IsPublished"):
        return st.just("false")
    if header == "CaseNumber":
        return st.sampled_from(["00001234", " 00001235 "])
    if header == "Type" and obj.name == "Task":
        return st.sampled_from(["Plan of Action", "Trouble Shooting "])
    return st.sampled_from(["", "fan", "a\r\nb\rc", "NA", "null", "  worn ", " ", "1"])


@given(data=st.data(), obj=st.sampled_from(OBJECTS), odd=st.integers(0, 3))
@settings(max_examples=200, deadline=None)
def test_a_page_is_the_rows_that_it_holds(data: st.DataObject, obj: SourceObject, odd: int) -> None:
    """Whatever stands in them: records, tombstones, rows of no case, and rows that cannot be read."""
    columns = columns_of(obj)
    reader = RowReader(columns, Catalogue())
    row = st.tuples(*(cell_of(h, obj) for h in columns.headers)).map(list)
    rows = data.draw(st.lists(row, min_size=1, max_size=4))
    for _ in range(odd):
        cells = data.draw(st.sampled_from(rows))
        cells[data.draw(st.integers(0, len(cells) - 1))] = data.draw(st.sampled_from(ODD))
    one_by_one = [reader.read(r) for r in rows]
    together = reader.read_page(rows)
    assert sorted(map(repr, together)) == sorted(map(repr, one_by_one))
    assert all(row in one_by_one for row in together)


@given(obj=st.sampled_from(OBJECTS))
@settings(max_examples=6, deadline=None)
def test_plain_rows_are_read_by_columns(obj: SourceObject) -> None:
    """Otherwise the test above compares nothing."""
    assert RowReader(columns_of(obj), Catalogue())._by_columns is not None
