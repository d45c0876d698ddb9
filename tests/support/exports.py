"""Small data exports, written for real."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from everycase.domain.catalogue import OBJECTS
from everycase.domain.rows import long_id
from everycase.sources.sample.source import columns

HEADERS = {o.name: columns(o) for o in OBJECTS}
PREFIX = {
    "Case": "500",
    "Task": "00T",
    "WorkOrder": "0WO",
    "CaseComment": "00a",
    "EmailMessage": "02s",
    "WorkOrderFeed": "0D5",
}
STAMP = "2024-11-04 08:00:00"

Row = dict[str, str]


def record_id(name: str, n: int) -> str:
    return long_id(f"{PREFIX[name]}7T{n:010d}")


def case(n: int, **values: str) -> Row:
    """A closed case that has everything it needs."""
    return {
        **_kept("Case", n),
        "CaseNumber": f"{40_000_000 + n}",
        "Subject": f"Server {n} does not start",
        "Description": f"Fan {n} stands still and the health light is red.",
        "Status": "Closed",
        "ClosedDate": STAMP,
        "Priority": "High",
        "Resolution_Plain_Text__c": "Replaced the fan.",
        "ContactName": "Odalys Ferrucci",
        "ContactEmail": "odalys.ferrucci@brightmoor.example",
        **values,
    }


def child(name: str, n: int, parent: str, **values: str) -> Row:
    """A child row of `parent`."""
    link = {"Task": "WhatId", "WorkOrder": "CaseId"}.get(name, "ParentId")
    texts: Row = {
        "Task": {
            "Subject": "Look",
            "Description": "Look at the fan.",
            "Type": "Plan of Action",
            "Status": "Done",
        },
        "WorkOrder": {"Problem_Description__c": "Fan", "WorkOrderNumber": f"WO-{n}", "Status": "Closed"},
        "CaseComment": {"CommentBody": f"Comment {n} on the fan.", "IsPublished": "true"},
        "EmailMessage": {
            "Subject": "Fan",
            "TextBody": "The fan is loud.",
            "MessageDate": STAMP,
            "Incoming": "true",
        },
        "WorkOrderFeed": {"Title": "Part", "Body": "<p>Fan ordered</p>", "Type": "TextPost"},
    }[name]
    return {**_kept(name, n), link: parent, **texts, **values}


def _kept(name: str, n: int) -> Row:
    return {
        "Id": record_id(name, n),
        "CreatedDate": STAMP,
        "LastModifiedDate": STAMP,
        "SystemModstamp": STAMP,
        "IsDeleted": "false",
    }


def write_export(folder: Path, **tables: Iterable[Row]) -> Path:
    """A whole export: a file for each object, empty but for its header where nothing is given."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, header in HEADERS.items():
        write_table(folder / f"{name}.csv", header, tables.get(name, ()))
    return folder


def write_table(path: Path, header: list[str], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
