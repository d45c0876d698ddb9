"""Queries as text: the only place where SOQL is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from everycase.domain.catalogue import Catalogue, SourceObject

MOST_URI = 15_000
"""Bytes of a query in an address; Salesforce refuses more than 16,384 with the headers (facts)."""


def text(value: str) -> str:
    """A literal in quotes."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def moment(when: datetime) -> str:
    """A literal datetime, which stands without quotes."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def one_of(field: str, values: Iterable[str]) -> str:
    return f"{field} IN ({', '.join(text(v) for v in values)})"


def every(*conditions: str) -> str:
    """All of these, the empty ones left out."""
    return " AND ".join(c for c in conditions if c)


def select(paths: Sequence[str], obj: str, where: str = "", *, order: str = "", limit: int = 0) -> str:
    query = f"SELECT {', '.join(paths)} FROM {obj}"  # noqa: S608 (SOQL; every value is quoted by `text`)
    query += f" WHERE {where}" if where else ""
    query += f" ORDER BY {order}" if order else ""
    return query + (f" LIMIT {limit}" if limit else "")


def count(obj: str, where: str = "") -> str:
    return select(["count()"], obj, where)


def ours(obj: SourceObject, catalogue: Catalogue) -> str:
    """What every row of a case has, where Salesforce can tell: the others need not travel."""
    if obj.name == "Task":
        return one_of(catalogue.source_name(obj, "Type"), catalogue.task_types)
    if obj.name == "WorkOrder":
        return f"{catalogue.source_name(obj, obj.parent)} != null"
    return ""


def fits(query: str) -> bool:
    """Whether a query can be sent in an address."""
    return len(quote(query)) < MOST_URI


def split_paths(paths: Sequence[str], obj: str, where: str, *, order: str = "") -> list[list[str]]:
    """Groups of paths whose queries fit; each has Id, by which rows are put together again."""
    groups: list[list[str]] = [["Id"]]
    for path in (p for p in paths if p != "Id"):
        if not fits(select([*groups[-1], path], obj, where, order=order)):
            groups.append(["Id"])
        groups[-1].append(path)
    return groups
