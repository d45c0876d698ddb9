"""Rows of a CSV file are parsed by the page, and are those that they are one by one."""

from __future__ import annotations

import csv
import io

from hypothesis import given, settings
from hypothesis import strategies as st

from everycase.domain.catalogue import OBJECTS, Catalogue, SourceObject
from everycase.domain.errors import SourceCutShort
from everycase.domain.rows import RowParser, long_id
from everycase.sources.export.csv_rows import CsvRows
from everycase.sources.export.sniff import FileForm, FileLook

PREFIX = {"Case": "500", "WorkOrder": "0WO", "": "500"}
DATES = ["2024-05-01 08:00:00", "2024-05-01T08:00:00.000+0000", "", "yesterday"]
TEXTS = ["", " ", "fan", 'two\nlines, "quoted"', "naïve", "null", "x" * 300, "a\x00b"]
LINES = [
    "\n",
    "Grand Totals,5\n",
    '"Copyright (c) 2024 Quill"\n',
    "one cell\n",
    'a,"b\n',
    "\xff\n",
    'x"y,z\n',
]


def cell_of(name: str, obj: SourceObject) -> st.SearchStrategy[str]:
    number = st.integers(0, 40)
    if name == "Id":
        own = PREFIX["WorkOrder"] if obj.name == "WorkOrder" else "500" if obj.name == "Case" else "02s"
        return number.map(lambda n: long_id(f"{own}7T{n:010d}"))
    if name in (obj.parent, obj.parent_fallback):
        good = number.map(lambda n: long_id(f"{PREFIX[obj.parent_object]}7T{n:010d}"))
        return good | st.sampled_from(["", "003000000000001AAA", "no id"])
    if name.endswith(("Date", "Modstamp")):
        return st.sampled_from(DATES)
    if name in ("IsDeleted", "Incoming", "IsPublished"):
        return st.sampled_from(["false", "false", "true", "0", ""])
    if name == "Type":
        return st.sampled_from(["Plan of Action", "Trouble Shooting", "Call", ""])
    return st.just("00001234") if name == "CaseNumber" else st.sampled_from(TEXTS)


def header_of(obj: SourceObject) -> list[str]:
    names = ["Id", obj.parent, *(f.name for f in obj.fields), "IsDeleted", "CreatedDate", "SystemModstamp"]
    names += [c.name for c in obj.identity]
    return [n for n in dict.fromkeys(names) if n]


def read(text: bytes, obj: SourceObject, header: list[str], *, by_page: bool) -> list[object]:
    """The rows, and how the read ended."""
    rows = CsvRows(
        io.BytesIO(text), FileLook(form=FileForm.CSV), "f.csv", RowParser(obj, Catalogue(), header)
    )
    if not by_page:
        rows._columns = None
    found: list[object] = []
    try:
        found += rows.read()
    except SourceCutShort as e:
        found.append(str(e))
    return found


@given(data=st.data(), obj=st.sampled_from(OBJECTS))
@settings(max_examples=150, deadline=None)
def test_a_page_of_a_file_is_the_rows_that_it_holds(data: st.DataObject, obj: SourceObject) -> None:
    """In their order, with their lines: records, deletions, rows of no case, bad rows, footers, a cut end."""
    header = header_of(obj)
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(header)
    for _ in range(data.draw(st.integers(0, 6))):
        if data.draw(st.integers(0, 3)) == 0:
            out.write(data.draw(st.sampled_from(LINES)))
        else:
            rows.writerow([data.draw(cell_of(n, obj)) for n in header])
    text = out.getvalue().encode("latin-1" if data.draw(st.booleans()) else "utf-8", "replace")
    assert read(text, obj, header, by_page=True) == read(text, obj, header, by_page=False)


@given(obj=st.sampled_from(OBJECTS))
@settings(max_examples=6, deadline=None)
def test_plain_rows_of_a_file_are_read_by_columns(obj: SourceObject) -> None:
    """Otherwise the test above compares nothing."""
    assert RowParser(obj, Catalogue(), header_of(obj)).layout() is not None
