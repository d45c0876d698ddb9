"""Records as tools wrap them: messages of Airbyte and Singer, raw tables, nested objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from everycase.domain.headers import normal

if TYPE_CHECKING:
    from everycase.sources.export.archive import ExportFile

_LONGEST_NUMBER = 64
_HEAD = 64 * 1024
_SKIPPED = frozenset({"SCHEMA", "STATE", "ACTIVATE_VERSION", "LOG", "TRACE", "CATALOG", "SPEC", "BATCH"})
"""Messages that hold no record."""


def unwrap(found: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """The record of `name` in an envelope; None where the message is about something else."""
    kind = found.get("type")
    if kind == "RECORD" and isinstance(inner := found.get("record"), Mapping):
        stream = found.get("stream") or inner.get("stream")
        data = inner.get("data", inner) if "stream" in inner else inner
        return data if isinstance(data, Mapping) and _is_of(stream, name) else None
    if kind in _SKIPPED and not {"Id", "id", "ID"} & found.keys():
        return None
    for key in ("_airbyte_data", "_AIRBYTE_DATA"):
        if key in found:
            data = json.loads(found[key]) if isinstance(found[key], str) else found[key]
            return data if isinstance(data, Mapping) else None
    return found


def _is_of(stream: object, name: str) -> bool:
    bare = normal(str(stream or ""))
    return bare in (normal(name), normal(name) + "s") or bare.endswith(f"salesforce{normal(name)}")


def is_message_stream(file: ExportFile) -> bool:
    """Whether a file holds messages that name their object themselves."""
    try:
        with file.open() as raw:
            head = raw.read(_HEAD)
        first = json.loads(head.split(b"\n", 1)[0])
    except (ValueError, EOFError, OSError):
        return False
    return isinstance(first, Mapping) and (first.get("type") in _SKIPPED or first.get("type") == "RECORD")


def flatten(found: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """`{"Owner": {"Name": "x"}}` is the column `Owner.Name`; every value becomes the text of a CSV cell."""
    for name, value in found.items():
        if isinstance(value, Mapping):
            if name != "attributes":
                yield from flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value if type(value) is str else cell(value)


def cell(value: object) -> str:
    """`null` is blank, `23.0` is `23`, a list is its entries."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        value = Decimal(repr(value)) if value == value and abs(value) != float("inf") else ""
    if (
        isinstance(value, Decimal)
        and value.is_finite()
        and value.adjusted() < _LONGEST_NUMBER
        and value == value.to_integral_value()
    ):
        return str(int(value))
    if isinstance(value, list):
        return "; ".join(cell(v) for v in value if not isinstance(v, Mapping))
    return str(value)
