"""A generated export of linked support cases, and the truth about what was planted in it.

The same seed gives the same bytes; each case depends on the seed and its own number alone, so a larger
sample begins with the smaller one. Everything in it is invented; telephone numbers, domains and addresses
are of the ranges that are reserved for that. One Task in thirty is of a type that is not ours.
"""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from everycase.domain.cases import Record
from everycase.domain.catalogue import OBJECTS, RECORD_KEEPING, Catalogue, SourceObject
from everycase.domain.rows import BadRow, RowVersion, Tombstone
from everycase.ports import ObjectState, Reading, VersionKind
from everycase.sources.export.source import ExportSource
from everycase.sources.sample.case import SampleCase

VERSION = "2"
"""Raised when the same seed gives other bytes: a sample of another version is written anew."""

TRUTH = "truth.jsonl"
"""A line for each case: `personal` and `technical`, each with type, value, object, record_id and field."""

_SITE = ("Street", "City", "PostalCode", "Country")
_IDENTITY = {
    "Case": (
        "ContactName",
        "ContactEmail",
        "ContactPhone",
        "ContactMobile",
        "AccountName",
        "OwnerName",
        "EngineerName",
        *_SITE,
    ),
    "Task": ("OwnerName",),
    "WorkOrder": ("EngineerName", "EngineerPhone", "ContactName", "ContactPhone", "AccountName", *_SITE),
    "CaseComment": ("CreatedByName",),
    "EmailMessage": ("FromName", "FromAddress", "ToAddress", "CcName", "CcAddress"),
    "WorkOrderFeed": ("CreatedByName",),
}


_STEP = 200
"""Cases between two words on how far it is."""

OnStep = Callable[[str, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSummary:
    """What was written: rows by object."""

    rows: Mapping[str, int]


def columns(obj: SourceObject) -> list[str]:
    """The header of an object's file."""
    names = [f.name for f in obj.fields]
    names += [n for n in (obj.parent, *RECORD_KEEPING) if n and n not in names]
    return [*names, *_IDENTITY[obj.name]]


def _say_nothing(_doing: str, _count: int) -> None:
    return None


def write_sample(folder: Path, *, cases: int, seed: int, on_step: OnStep = _say_nothing) -> SampleSummary:
    """Write `cases` cases and `truth.jsonl` into `folder`; memory does not grow with their number.

    `on_step` is told what is being done, and with how many cases so far.
    """
    rows = dict.fromkeys((o.name for o in OBJECTS), 0)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:

        def table(name: str) -> Any:
            file = files.enter_context((folder / f"{name}.csv").open("w", encoding="utf-8", newline=""))
            return csv.writer(file, lineterminator="\n")

        tables = {o.name: (columns(o), table(o.name)) for o in OBJECTS}
        for header, writer in tables.values():
            writer.writerow(header)
        truth = files.enter_context((folder / TRUTH).open("w", encoding="utf-8", newline=""))
        for number in range(cases):
            if number % _STEP == 0:
                on_step("generating cases", number)
            made = SampleCase(seed, number)
            for name, row in made.rows:
                header, writer = tables[name]
                writer.writerow([row.get(c, "") for c in header])
                rows[name] += 1
            truth.write(json.dumps(made.truth(), ensure_ascii=False) + "\n")
    return SampleSummary(rows=rows)


class SampleSource:
    """The `sample` source: generated once under the data directory, then read like any export."""

    kind = "sample"
    identity = "sample"
    versions = VersionKind.ROW_HASH
    is_incremental = False

    def __init__(
        self,
        home: Path,
        catalogue: Catalogue,
        *,
        cases: int = 2000,
        seed: int = 1,
        on_step: OnStep = _say_nothing,
    ) -> None:
        folder = home / "sample" / f"v{VERSION}-{cases}-{seed}"
        if not _is_whole(folder):
            _write_whole(folder, cases=cases, seed=seed, on_step=on_step)
        self._export = ExportSource(folder, catalogue)

    def state(self, obj: SourceObject) -> ObjectState:
        return self._export.state(obj)

    def changes(self, obj: SourceObject, since: str = "") -> Reading[Record | Tombstone | BadRow]:
        return self._export.changes(obj, since)

    def inventory(self, obj: SourceObject, since: str = "") -> Reading[RowVersion | BadRow]:
        return self._export.inventory(obj, since)

    def fetch(self, obj: SourceObject, ids: AbstractSet[str]) -> Iterator[Record | Tombstone | BadRow]:
        return self._export.fetch(obj, ids)


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in (*(f"{o.name}.csv" for o in OBJECTS), TRUTH))


def _write_whole(folder: Path, *, cases: int, seed: int, on_step: OnStep) -> None:
    """All or nothing: a sample that was interrupted, or lost a file, is never taken for one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unfinished-"))
    try:
        write_sample(unfinished, cases=cases, seed=seed, on_step=on_step)
        if folder.is_dir() and not _is_whole(folder):
            shutil.rmtree(folder)
        unfinished.rename(folder)
    except OSError:
        if not _is_whole(folder):
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
