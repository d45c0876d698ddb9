"""Which file of an export holds which object: the layouts that tools write, as a small registry.

| layout | how it is known |
|---|---|
| Salesforce Data Export | `WE_….ZIP`, perhaps several; feeds as `FeedItem.csv`, `NewsFeed.csv` |
| Data Loader, SFDMU, report exports, warehouse tables | a file or folder named after the object |
| `sf data query`, REST pages, JSON lines | the same, `.json` or `.jsonl` |
| subqueries | children inside the JSON of their parents (`CaseComments`, `Tasks`, `Feeds`) |
| Airbyte, Singer | files of messages, which name the object (`stream`) in each line |
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from everycase.domain.errors import WrongUse
from everycase.domain.headers import normal
from everycase.sources.export.archive import ExportFile, list_files, what_is_wrong
from everycase.sources.export.envelopes import is_message_stream
from everycase.sources.export.subqueries import RELATIONS, has_subquery

SUBSTITUTES: Mapping[str, tuple[str, ...]] = {"WorkOrderFeed": ("FeedItem", "NewsFeed", "FeedPost")}
"""Objects under whose name others are exported; the first that is there is taken."""

_PREFIX = re.compile(r"^(?:_?airbyte_raw_|raw_|stg_|salesforce_|sfdc_|sf_)+", re.IGNORECASE)
_PART = re.compile(
    r"(?:[-_. ]+(?:part|export|extract|data|all|full|bulk2?|query|result|copy|\d[\dTZ:_.\-]*))+$"
    r"| ?\(\d{1,3}\)$|\d{1,3}$",
    re.IGNORECASE,
)
_PART_ALONE = re.compile(r"[\d_\-TZ:.]+$|(?:part|data|export)\b", re.IGNORECASE)
_NUMBER = re.compile(r"[-_ ]?\d{1,3}$")
_DATE = re.compile(r"\d{4}[-_]?\d{2}[-_]?\d{2}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The files of each object, by its name."""

    layout: str
    files: Mapping[str, tuple[ExportFile, ...]]
    remarks: tuple[str, ...] = field(default=())
    """About files that look as if they belonged to the export and are not read."""


def assign(path: Path, objects: Collection[str], others: Collection[str] = ()) -> Assignment:
    """Find the files of `objects`, and all files of `others` that their ids lead to.

    Raises `WrongUse`, in one sentence.
    """
    files = list_files(path)
    named = {name: _named(files, name) for name in (*objects, *others)}
    depth = min((_depth(f, "Case") for f in named.get("Case", ())), default=0)
    found = {name: _near(some, name, depth) for name, some in named.items()}
    for name, substitutes in SUBSTITUTES.items():
        if name in found and not found[name]:
            found[name] = next((f for o in substitutes if (f := _near(_named(files, o), o, depth))), [])
    if streams := _streams(files, found):
        found = {name: some or (streams if name in objects else []) for name, some in found.items()}
    for name in objects:
        found[name] = found[name] or _nested(found, name)
    remarks = [f"{f.name} {what}" for f in files if (what := what_is_wrong(f.inner.name))]
    if not found.get("Case"):
        raise WrongUse(_no_case_file(path, files, remarks))
    return Assignment(
        layout=_layout(path, [f for some in found.values() for f in some], bool(streams)),
        files={
            name: tuple(some) if name in others else _parts_of_one(path, some)
            for name, some in found.items()
            if some
        },
        remarks=tuple(remarks),
    )


def _named(files: Collection[ExportFile], name: str) -> list[ExportFile]:
    """The files whose name, or whose folder's name, is that of an object."""
    return [f for f in files if f.form and (_is_named(f, name) or _is_in_folder_of(f, name))]


def _is_named(file: ExportFile, name: str) -> bool:
    stem = _PREFIX.sub("", file.stem)
    wanted = (normal(name), normal(name) + "s")
    return normal(stem) in wanted or normal(_PART.sub("", stem)) in wanted


def _is_in_folder_of(file: ExportFile, name: str) -> bool:
    """`Case/2026_01_05_0.csv`, `Case/part-00000.csv`: a table that is written in parts."""
    if len(file.inner.parts) < 2 or not _PART_ALONE.match(file.stem):
        return False
    return normal(_PREFIX.sub("", file.inner.parts[-2])) in (normal(name), normal(name) + "s")


def _near(files: list[ExportFile], name: str, depth: int) -> list[ExportFile]:
    """Those that stand where the Case file stands; unpacked ones before packed."""
    near = [f for f in files if _depth(f, name) == depth]
    return [f for f in near if f.member is None] or near


def _depth(file: ExportFile, name: str) -> int:
    """How many folders deep; one that is named after the object does not count."""
    return len(file.inner.parts) - (0 if _is_named(file, name) else 1)


def _parts_of_one(path: Path, files: list[ExportFile]) -> tuple[ExportFile, ...]:
    """The files, if they are parts of one table. Raises `WrongUse` where they may be two of one kind."""
    tables = {_table(f) for f in files}
    places = {(f.inner.parent, f.stem.lower()) for f in files}
    if len(tables) == 1 and len(places) == len(files):
        return tuple(files)
    one, other = sorted(f.inner.as_posix() for f in files)[:2]
    raise WrongUse(
        f"{path} has two files of one object, {one} and {other}: remove one of them, or set "
        "EVERYCASE_SOURCE to the folder of one export"
    )


def _table(file: ExportFile) -> tuple[str, ...]:
    """What the parts of one table have in common: all but numbers at the end, of zips and files."""
    folders = [
        f if _DATE.search(f) else _NUMBER.sub("", f.lower().removesuffix(".zip"))
        for f in file.inner.parts[:-1]
    ]
    return (*folders, re.sub(r"\d+", "#", file.stem.lower()), file.form)


def _nested(found: Mapping[str, list[ExportFile]], name: str) -> list[ExportFile]:
    """The files of the parents, where they hold the rows of this object as subqueries."""
    if not (relation := RELATIONS.get(name)):
        return []
    parents = [f for f in found.get(relation.parent, []) if not f.is_nested]
    return [replace(f, is_nested=True) for f in parents if has_subquery(f, relation)]


def _streams(files: list[ExportFile], named: Mapping[str, list[ExportFile]]) -> list[ExportFile]:
    """Files of messages that name their object themselves."""
    taken = {f.inner for some in named.values() for f in some}
    others = [f for f in files if f.form in (".json", ".jsonl", ".ndjson", ".txt") and f.inner not in taken]
    return [f for f in others if is_message_stream(f)]


def _layout(path: Path, files: list[ExportFile], has_streams: bool) -> str:
    zips = {f.path for f in files if f.member}
    if has_streams:
        return "messages of Airbyte or Singer"
    if any(re.match(r"WE_", p.name, re.IGNORECASE) for p in (*zips, path, *(f.path.parent for f in files))):
        return "Salesforce Data Export"
    forms = {f.form for f in files if f.form}
    if forms & {".jsonl", ".ndjson"}:
        return "JSON lines"
    return "JSON files" if forms == {".json"} else "a file an object"


def _no_case_file(path: Path, files: list[ExportFile], remarks: list[str]) -> str:
    lacks = f"{path} has no Case file (Case.csv, Case.json, Case.jsonl, or one of them with .gz)"
    if remarks:
        return f"{lacks}: {remarks[0]}"
    names = sorted({f.name for f in files})[:5]
    return f"{lacks}, only {', '.join(names)}; is it an export?" if names else f"{lacks}: it is empty"
