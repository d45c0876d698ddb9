"""Answers as Salesforce writes them, and rows as its two APIs render them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.salesforce.evaluate import Column, Selection
from tests.support.salesforce.organisation import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back: a status, headers and a body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    """Rows of records in it, for the books."""
    packed: bytes | None = None
    """The body gzipped, where it is kept so."""
    promises: int | None = None
    """Bytes that are announced and never sent: the connection breaks before."""


def as_json(content: Any, status: int = 200, *, rows: int = 0, **headers: str) -> Answer:
    return Answer(
        status=status,
        body=json.dumps(content, ensure_ascii=False).encode(),
        headers={"Content-Type": "application/json;charset=UTF-8", **headers},
        rows=rows,
    )


def refusal(status: int, code: str, message: str) -> Answer:
    """An error of the API: a list."""
    return as_json([{"message": message, "errorCode": code}], status)


def as_records(selection: Selection, rows: Iterable[Row], path: str) -> list[dict[str, Any]]:
    """Rows as the REST API gives them: related fields nested, datetimes with `+0000`."""
    name = selection.table.type.name
    at_id = selection.table.place["id"]
    return [_record(selection.columns, row, name, f"{path}/sobjects/{name}/{row[at_id]}") for row in rows]


def _record(columns: list[Column], row: Row, name: str, url: str) -> dict[str, Any]:
    found: dict[str, Any] = {"attributes": {"type": name, "url": url}}
    for column in columns:
        *heads, last = column.path.split(".")
        value = _json_value(column.get(row), column.type)
        place = found
        for head in heads:
            if place.get(head) is None:
                place[head] = {"attributes": {"type": head}}
            place = place[head]
        place[last] = value
    for head in {c.path.partition(".")[0] for c in columns if "." in c.path}:
        if all(v is None for k, v in found[head].items() if k != "attributes"):
            found[head] = None
    return found


def _json_value(value: Any, kind: str) -> Any:
    if value is None:
        return None
    return f"{value}+0000" if kind == "datetime" else value


def csv_header(columns: list[Column]) -> str:
    return ",".join(f'"{c.path}"' for c in columns) + "\n"


def csv_row(columns: list[Column], row: Row) -> str:
    """A row as the Bulk API gives it: everything in quotes, datetimes with `Z`, nothing for null."""
    return ",".join([_cell(c.get(row), c.type) for c in columns]) + "\n"


def _cell(value: Any, kind: str) -> str:
    if value is None:
        return '""'
    if kind == "datetime":
        return f'"{value}Z"'
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return f'"{str(value).lower() if isinstance(value, bool) else float(value)}"'
