"""Generated cases in the layouts that tools write: the same rows, other files."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from everycase.domain.rows import long_id
from everycase.sources.sample.case import SampleCase
from tests.support.exports import HEADERS, Row

Tables = Mapping[str, Sequence[Row]]

NOBODY = "000000000000000AAA"
"""How the weekly export writes a lookup that is empty."""


def generate(cases: int, seed: int = 11) -> dict[str, list[Row]]:
    """The rows of generated cases with everything that belongs to them, by object."""
    tables: dict[str, list[Row]] = {name: [] for name in HEADERS}
    for n in range(cases):
        for name, row in SampleCase(seed, n).rows:
            tables[name].append({h: row.get(h, "") for h in HEADERS[name]})
    return tables


def personal(cases: int, seed: int = 11) -> dict[str, set[str]]:
    """What was planted in each case that is personal, in any of its texts or identity columns."""
    found: dict[str, set[str]] = {}
    for n in range(cases):
        made = SampleCase(seed, n)
        truth = made.truth()
        found[truth["case_id"]] = {p["value"] for p in truth["personal"]}
        for _, row in made.rows:
            names = {row.get(c, "") for c in ("ContactName", "OwnerName", "EngineerName", "CreatedByName")}
            found[truth["case_id"]] |= names - {""}
    return found


# ── the weekly export ────────────────────────────────────────────────────────────────────────────


class _People:
    """Contacts, accounts and users with an id each, as files of their own."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Row]] = defaultdict(dict)

    def add(self, kind: str, name: str, **more: str) -> str:
        """The id of this one; nobody's where there is no name."""
        if not name:
            return NOBODY
        prefix = {"Contact": "003", "Account": "001", "User": "005"}[kind]
        known = self.rows[kind]
        if name not in known:
            first, _, last = name.rpartition(" ")
            names = {"Name": name} if kind == "Account" else {"FirstName": first, "LastName": last}
            known[name] = {"Id": long_id(f"{prefix}7T{len(known):010d}"), **names, **more}
        return known[name]["Id"]


def _without_names(name: str, row: Row, people: _People) -> Row:
    """The row with ids instead of names; mails of people outside keep their addresses."""
    found = {k: v for k, v in row.items() if k not in _BY_ID}
    if name in ("Case", "WorkOrder"):
        more = {"Email": row.get("ContactEmail", ""), "Phone": row.get("ContactPhone", "")}
        more["MobilePhone"] = row.get("ContactMobile", "")
        found["ContactId"] = people.add("Contact", row["ContactName"], **more)
        found["AccountId"] = people.add("Account", row["AccountName"])
        found["CreatedById"] = people.add("User", row["EngineerName"])
    if name in ("Case", "Task"):
        found["OwnerId"] = people.add("User", row["OwnerName"])
    if name in ("CaseComment", "WorkOrderFeed"):
        found["CreatedById"] = people.add("User", row["CreatedByName"])
    if name == "Case":
        found["ParentId"] = row["ParentId"] or NOBODY
    return found


_BY_ID = frozenset(
    {
        "ContactName",
        "ContactEmail",
        "ContactPhone",
        "ContactMobile",
        "AccountName",
        "OwnerName",
        "EngineerName",
        "EngineerPhone",
        "CreatedByName",
    }
)


def write_weekly(folder: Path, tables: Tables, *, encoding: str = "iso-8859-1") -> Path:
    """Three zips as Salesforce makes them: ids only, the people in files of their own, no feeds.

    Cases are spread over two of the zips.
    """
    people = _People()
    plain = {
        name: [_without_names(name, row, people) for row in rows]
        for name, rows in tables.items()
        if name != "WorkOrderFeed"
    }
    half = len(plain["Case"]) // 2
    zips: Sequence[Mapping[str, Iterable[Row]]] = (
        {"Case": plain["Case"][:half], "Contact": people.rows["Contact"].values(), "Task": plain["Task"]},
        {"Case": plain["Case"][half:], "Account": people.rows["Account"].values()},
        {
            "User": people.rows["User"].values(),
            **{name: plain[name] for name in ("WorkOrder", "CaseComment", "EmailMessage")},
        },
    )
    folder.mkdir(parents=True, exist_ok=True)
    for n, members in enumerate(zips, start=1):
        path = folder / f"WE_00D7T000000XXXXEA1_{n}.ZIP"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, rows in members.items():
                archive.writestr(f"{name}.csv", _csv(list(rows), quoting=csv.QUOTE_ALL).encode(encoding))
    return folder


# ── all layouts ──────────────────────────────────────────────────────────────────────────────────


def _csv(rows: Sequence[Mapping[str, str]], **form: Any) -> str:
    text = io.StringIO()
    header = list(dict.fromkeys(h for row in rows for h in row))
    writer = csv.DictWriter(text, header, restval="", lineterminator="\r\n", **form)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _lines(rows: Iterable[object]) -> str:
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)


def _snake(name: str) -> str:
    bare = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
    return bare.replace("__", "_")


def _renamed(rows: Sequence[Row], rename: Callable[[str], str]) -> list[Row]:
    return [{rename(k): v for k, v in r.items()} for r in rows]


def _nested(row: Row) -> dict[str, Any]:
    """As REST gives it: names within the objects that they are of, nothing where there is nothing."""
    found: dict[str, Any] = {"attributes": {"type": "x", "url": "/services/data"}}
    for key, value in row.items():
        if key in _RELATED:
            outer, inner = _RELATED[key]
            if value:
                found.setdefault(outer, {"attributes": {"type": "y"}})[inner] = value
        else:
            found[key] = {"true": True, "false": False}.get(value, value or None)
    return found


_RELATED = {
    "ContactName": ("Contact", "Name"),
    "ContactEmail": ("Contact", "Email"),
    "ContactPhone": ("Contact", "Phone"),
    "ContactMobile": ("Contact", "MobilePhone"),
    "AccountName": ("Account", "Name"),
    "OwnerName": ("Owner", "Name"),
    "CreatedByName": ("CreatedBy", "Name"),
}
_LABELS = {
    "CaseNumber": "Case Number",
    "CreatedDate": "Date/Time Opened",
    "ClosedDate": "Date/Time Closed",
    "ContactName": "Contact Name",
    "AccountName": "Account Name",
}


def _page(rows: Sequence[Row]) -> dict[str, Any]:
    return {"totalSize": len(rows), "done": True, "records": [_nested(r) for r in rows]}


def _pages(rows: Sequence[Row]) -> list[dict[str, Any]]:
    cut = len(rows) // 2
    first = {"records": [_nested(r) for r in rows[:cut]], "totalSize": len(rows), "done": False}
    return [{**first, "nextRecordsUrl": "/x"}, {**_page(rows[cut:]), "totalSize": len(rows)}]


def _per_table(name_of: str, write: Callable[[str, Sequence[Row]], str]) -> Callable[[Path, Tables], None]:
    """A layout of one file a table."""

    def put(folder: Path, tables: Tables) -> None:
        for name, rows in tables.items():
            path = folder / name_of.format(name=name, lower=name.lower())
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(write(name, rows).encode())

    return put


def _singer(folder: Path, tables: Tables) -> None:
    folder.mkdir(parents=True)
    messages: list[dict[str, Any]] = []
    for name, rows in tables.items():
        messages.append({"type": "SCHEMA", "stream": name, "schema": {}, "key_properties": ["Id"]})
        messages += [{"type": "RECORD", "stream": name, "record": _nested(r)} for r in rows]
    (folder / "messages.jsonl").write_text(_lines([*messages, {"type": "STATE", "value": {}}]), "utf-8")


def _parts(folder: Path, tables: Tables) -> None:
    for name, rows in tables.items():
        (folder / name).mkdir(parents=True)
        for n in range(3):
            part = rows[n::3]
            (folder / name / f"part-0000{n}.csv").write_text(_csv(part), "utf-8", newline="")


def _one_zip(folder: Path, tables: Tables) -> None:
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in tables.items():
            archive.writestr(f"export\\{name}.csv", _csv(rows))


LAYOUTS: dict[str, Callable[[Path, Tables], None]] = {
    "Data Export of one zip": _one_zip,
    "Data Loader": _per_table("{lower}.csv", lambda _, rows: _csv(_renamed(rows, str.upper), quoting=1)),
    "sf CSV": _per_table("{name}.csv", lambda _, rows: _csv(rows)),
    "sf --json": _per_table(
        "{name}.json", lambda _, rows: json.dumps({"status": 0, "result": _page(rows), "warnings": []})
    ),
    "REST page": _per_table("{name}.json", lambda _, rows: json.dumps(_page(rows))),
    "list of pages": _per_table("{name}.json", lambda _, rows: json.dumps(_pages(rows))),
    "JSON lines": _per_table("{name}.jsonl", lambda _, rows: _lines(map(_nested, rows))),
    "Airbyte": _per_table(
        "{lower}.jsonl",
        lambda _, rows: _lines(
            {"_airbyte_ab_id": str(n), "_airbyte_emitted_at": 1, "_airbyte_data": _nested(r)}
            for n, r in enumerate(rows)
        ),
    ),
    "Singer": _singer,
    "Fivetran": _per_table(
        "{lower}.csv",
        lambda _, rows: _csv(
            [{**r, "_fivetran_synced": "2026-01-05 10:00:00 UTC"} for r in _renamed(rows, _snake)]
        ),
    ),
    "report": _per_table(
        "{name}.csv",
        lambda name, rows: _csv(_renamed(rows, lambda k: _LABELS.get(k, k) if name == "Case" else k)),
    ),
    "SFDMU": _per_table(
        "{name}.csv",
        lambda _, rows: _csv([{**r, "RecordType.$$DeveloperName$NamespacePrefix": "Support"} for r in rows]),
    ),
    "parts of a warehouse": _parts,
}
"""A function that writes tables into a folder that is not there yet."""
