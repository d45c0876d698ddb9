"""What a file looks like inside: its form, its header, and what its first rows say about all of them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from typing import Any

import ijson

from everycase.domain.catalogue import Catalogue, Kind, SourceObject
from everycase.domain.errors import SourceCutShort
from everycase.domain.headers import names_of, normal
from everycase.domain.rows import MalformedRow
from everycase.domain.values import WHICH_ORDER, DateOrder, is_ambiguous, is_null, tells_order
from everycase.sources.export.archive import STREAM_ERRORS, Bytes
from everycase.sources.export.envelopes import flatten, unwrap
from everycase.sources.export.subqueries import Relation, children

HEAD = 256 * 1024
"""Bytes that are looked at."""
_ROWS = 300
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*\Z', re.IGNORECASE)
_DELIMITERS = ",;\t|"
_LISTS = frozenset({"records", "data", "rows", "results", "items", "value", "result"})
"""Keys under which a list of records stands."""


class FileForm(StrEnum):
    """How the rows of a file are written."""

    CSV = "CSV"
    JSON = "JSON"
    LINES = "JSON lines"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLook:
    """What the beginning of a file shows."""

    form: FileForm
    delimiter: str = ","
    skip: int = 0
    """Lines before the header: the `sep=;` of a spreadsheet."""
    header: tuple[str, ...] = ()
    """Of JSON the keys of the first records."""
    raw_column: int | None = None
    """Of a raw table the column that holds each record as JSON; `header` are the keys in it."""
    path: str = ""
    """Where the records stand in a JSON document, as ijson writes it."""
    others: int = 0
    """Messages among the first lines that are about something else."""
    rows: tuple[Mapping[str, str], ...] = field(default=(), repr=False)
    """The first rows, by column."""


def look_at(raw: Bytes, name: str, relation: Relation | None = None) -> FileLook:
    """Look at the beginning of a file as UTF-8. Raises `MalformedRow` where it holds no rows.

    `relation`: where the rows of the object stand inside those of another.
    """
    head = _read(raw)
    text = head.decode("utf-8", "replace").lstrip()
    if not text:
        raise MalformedRow("is empty, without so much as a header")
    if b"\x00" in head[:8]:
        raise MalformedRow("is not text: is it packed, or a spreadsheet? Save it as CSV (UTF-8)")
    if text.startswith(("[", "{")):
        return _json(head, text, name, relation)
    if text.startswith("<"):
        raise MalformedRow("is a web page or XML, perhaps an error message of a download: export it again")
    return _csv(text)


def _read(raw: Bytes) -> bytes:
    """As much as can be read; a break that comes later is met again when the rows are read."""
    found = bytearray()
    try:
        while len(found) < HEAD and (data := raw.read1(HEAD)):
            found += data
    except STREAM_ERRORS:
        if not found:
            raise
    return bytes(found[:HEAD])


# ── CSV ──────────────────────────────────────────────────────────────────────────────────────────


def _csv(text: str) -> FileLook:
    lines = text.splitlines(keepends=True)
    skip, delimiter = 0, ""
    if found := _SEPARATOR.match(lines[0].strip()):
        skip, delimiter = 1, found[1]
        lines = lines[1:]
    if not lines or not lines[0].strip():
        raise MalformedRow("is empty, without so much as a header")
    delimiter = delimiter or max(_DELIMITERS, key=lines[0].count)
    try:
        rows = csv.reader(io.StringIO("".join(lines)), delimiter=delimiter)
        header = next(rows)
        sample = _first(rows, header)
    except (csv.Error, StopIteration):
        raise MalformedRow("has no header that can be read as CSV") from None
    if "guid" in map(normal, header) and "id" not in map(normal, header):
        raise MalformedRow(
            "was written by Prodly, which has a Guid of its own in the place of the ids: export Id and "
            "CaseNumber with Data Loader, `sf data query` or the weekly Data Export instead"
        )
    look = FileLook(form=FileForm.CSV, delimiter=delimiter, skip=skip, header=tuple(header), rows=sample)
    raw = next((h for h in header if normal(h) == "airbytedata"), None)
    return look if raw is None else _raw_table(look, raw)


def _raw_table(look: FileLook, column: str) -> FileLook:
    """The keys and rows inside the column of records."""
    rows = tuple(
        dict(flatten(r)) for cells in look.rows if isinstance(r := _loaded(cells.get(column, "")), dict)
    )
    keys = dict.fromkeys(k for r in rows for k in r)
    return replace(look, raw_column=look.header.index(column), header=tuple(keys), rows=rows)


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _first(rows: Iterator[list[str]], header: Sequence[str]) -> tuple[dict[str, str], ...]:
    """The first rows as far as they can be read."""
    found = []
    try:
        for cells in islice(rows, _ROWS):
            found.append(dict(zip(header, cells, strict=False)))
    except csv.Error:
        pass
    return tuple(found)


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────


def _json(head: bytes, text: str, name: str, relation: Relation | None) -> FileLook:
    path = _records_path(head, relation.parent if relation else name)
    records = [r for r in (_documents(head, path) if path else _lines(text)) if isinstance(r, Mapping)]
    found = _inside(records, relation) if relation else records
    rows = tuple(dict(flatten(r)) for f in found if (r := _unwrapped(f, name)) is not None)
    keys = dict.fromkeys(k for r in rows for k in r)
    form = FileForm.JSON if path else FileForm.LINES
    others = len(records) if relation else len(records) - len(rows)
    look = FileLook(form=form, path=path, header=tuple(keys), others=others, rows=rows)
    _refuse_tree(look, text)
    return look


def _inside(records: Sequence[Mapping[str, Any]], relation: Relation) -> list[Mapping[str, Any]]:
    """The children in the first records, as far as they can be read."""
    found: list[Mapping[str, Any]] = []
    with suppress(SourceCutShort, ValueError):
        for record in records:
            found += [c for c in children(record, relation, "") if isinstance(c, Mapping)]
    return found


def _unwrapped(found: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    try:
        return unwrap(found, name)
    except ValueError:
        return None


def _records_path(head: bytes, name: str) -> str:
    """Where the list of records stands in a document; empty for one object a line."""
    lists = _LISTS | {name.lower(), f"{name.lower()}s"}
    is_list = False
    try:
        for prefix, event, _ in ijson.parse(io.BytesIO(head)):
            if event == "start_array":
                keys = [k for k in prefix.split(".") if k and k != "item"]
                if not prefix:
                    is_list = True
                elif len(keys) <= 2 and all(k.lower() in lists for k in keys):
                    return f"{prefix}.item"
            elif event == "end_map" and prefix in ("", "item"):
                return "item" if is_list else ""
            elif event == "end_array" and not prefix:
                return "item"
    except (ijson.JSONError, UnicodeDecodeError):
        pass
    return "item" if is_list else ""


def _documents(head: bytes, path: str) -> list[object]:
    found: list[object] = []
    try:
        for item in islice(ijson.items(io.BytesIO(head), path, use_float=False), _ROWS):
            found.append(item)
    except (ijson.JSONError, UnicodeDecodeError):
        pass
    return found


def _lines(text: str) -> Iterator[object]:
    for line in islice(text.splitlines(), _ROWS):
        try:
            yield json.loads(line)
        except ValueError:
            continue


def _refuse_tree(look: FileLook, text: str) -> None:
    """`sf data export tree` writes no ids."""
    has_ids = any(normal(k) == "id" for k in look.header)
    if not has_ids and '"referenceId"' in text:
        raise MalformedRow(
            "was written by `sf data export tree`, which leaves out the ids: query Id and CaseNumber with "
            "`sf data query --result-format json` (or csv) instead"
        )


# ── what the first rows say of all ───────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """How the file writes dates and nothing, as far as its first rows show."""

    dates: DateOrder
    problem: str = ""
    """Why the dates do not say what they mean."""
    blanks: frozenset[str]


def clues(look: FileLook, obj: SourceObject, catalogue: Catalogue) -> Clues:
    """Read the cells of columns that cannot hold words."""
    moments = _columns(obj, catalogue, [f.name for f in obj.fields if f.kind is Kind.MOMENT])
    moments |= _columns(obj, catalogue, ["CreatedDate", "LastModifiedDate", "SystemModstamp"])
    others = [f.name for f in obj.fields if f.kind is Kind.FLAG]
    strict = moments | _columns(obj, catalogue, ["Id", "ParentId", "IsDeleted", obj.parent, *others])
    dates = list(_cells(look, moments))
    orders: set[DateOrder] = {o for c in dates if (o := tells_order(c)) is not DateOrder.UNKNOWN}
    words = {c.lower() for c in _cells(look, strict) if c and is_null(c)}
    return Clues(
        dates=orders.pop() if len(orders) == 1 else DateOrder.UNKNOWN,
        problem=_problem(orders, dates),
        blanks=frozenset(words),
    )


def _problem(orders: set[DateOrder], dates: Sequence[str]) -> str:
    """Why dates with slashes cannot be read; nothing where the file itself says which part is the day."""
    if len(orders) > 1:
        return f"has dates with the day first and dates with the month first: {WHICH_ORDER}"
    if not orders and any(is_ambiguous(d) for d in dates):
        return f"has dates like 1/5/2026, as spreadsheets write them, which can mean two days: {WHICH_ORDER}"
    return ""


def _columns(obj: SourceObject, catalogue: Catalogue, names: Iterable[str]) -> set[str]:
    return {normal(n) for name in names if name for n in names_of(obj, catalogue, name)}


def _cells(look: FileLook, columns: set[str]) -> Iterator[str]:
    wanted = [h for h in look.header if normal(h) in columns]
    for row in look.rows:
        for h in wanted:
            yield row.get(h, "").strip()
