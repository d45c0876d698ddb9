"""A draft of the settings that an export with names of its own needs: one block to paste, by one look.

Key columns are known by what stands in their first rows (ids, case numbers), so that the block works; for
fields that only a person can name it lists the columns to choose from. The header is quoted only where a
column of ids stands under a name that is no id: else the first line may be a row, with people in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from everycase.domain.catalogue import RECORD_KEEPING, Catalogue, IdentityKind, SourceObject
from everycase.domain.headers import Header, names_of, propose
from everycase.domain.rows import MalformedRow
from everycase.domain.values import is_id
from everycase.sources.export.archive import STREAM_ERRORS, ExportFile
from everycase.sources.export.documents import CellHabits, Document
from everycase.sources.export.encoding import inspect
from everycase.sources.export.layouts import Assignment
from everycase.sources.export.lookups import OBJECTS
from everycase.sources.export.sniff import FileLook

_FIRST = ("Subject", "Description", "Status", "Resolution_Plain_Text__c", "CommentBody", "TextBody")
"""Fields worth naming, of those that only a person can name."""

_CASE_PREFIX = "500"


def draft_settings(assignment: Assignment, catalogue: Catalogue, habits: CellHabits) -> list[str]:
    """Lines of a settings file; none where nothing has to be set."""
    files = {o: assignment.files.get(o.name, ()) for o in catalogue.present}
    without = sorted({*catalogue.without, *(o.name for o, some in files.items() if not some)})
    encodings = {e for some in files.values() for f in some if (e := _foreign(f, habits))}
    looks = {o: look for o, some in files.items() if some and (look := _look(some[0], o, habits))}
    lines = [f"without = {json.dumps(without)}"] if len(without) > len(catalogue.without) else []
    lines += [f"encoding = {json.dumps(e)}" for e in sorted(encodings)[:1]]
    fields = [line for o, look in looks.items() for line in _fields(o, look, catalogue)]
    lines += ["[fields]", *fields] if fields else []
    if _names_people(assignment, looks, catalogue):
        return lines
    people = [line for o, look in looks.items() for line in _people(o, look, catalogue)]
    heading = ["[identity]  # take away the # before columns that name a person"] if people else []
    return [*lines, *heading, *people]


def _names_people(
    assignment: Assignment, looks: Mapping[SourceObject, FileLook], catalogue: Catalogue
) -> bool:
    """Whether a column of a person, or a file to look people up in, is there; or the settings say: none."""
    columns = (
        Header(look.header).find(list(names_of(o, catalogue, i.name, i.aliases)))
        for o, look in looks.items()
        for i in o.identity
        if i.kind is IdentityKind.PERSON
    )
    return catalogue.is_without_identity or bool(set(assignment.files) & set(OBJECTS)) or any(columns)


def _foreign(file: ExportFile, habits: CellHabits) -> str:
    """The encoding that has to be named; empty where none has to be."""
    try:
        found = inspect(file)
    except STREAM_ERRORS:
        return ""
    return "" if habits.encoding or found.is_unicode else found.encoding


def _look(file: ExportFile, obj: SourceObject, habits: CellHabits) -> FileLook | None:
    """The first rows of a file; None where they cannot be read, or the first line may be a row."""
    try:
        named = replace(habits, encoding=habits.encoding or _foreign(file, habits))
        look = Document(file, obj.name, named).look
    except (MalformedRow, *STREAM_ERRORS):
        return None
    return look if any(_holds(look, h, is_id) and not is_id(h) for h in look.header) else None


def _fields(obj: SourceObject, look: FileLook, catalogue: Catalogue) -> Iterator[str]:
    header = _header(obj, look, catalogue)
    for known in obj.identity:
        header.find(list(names_of(obj, catalogue, known.name, known.aliases)))
    wanted = dict.fromkeys(["Id", *filter(None, [obj.parent]), *(f.name for f in obj.fields)])
    missing = [f for f in wanted if not header.find(list(names_of(obj, catalogue, f)))]
    sure = _keys(obj, look, catalogue, missing, header.unread)
    unread = [c for c in header.unread if c not in sure.values()]
    guessed = propose([f for f in missing if f not in sure], unread)
    unread = [c for c in unread if c not in guessed.values()]
    yield from (_line(obj, field, column) for field, column in sure.items())
    yield from (f"{_line(obj, field, column)}  # by its name" for field, column in guessed.items())
    for field in (f for f in _FIRST if f in missing and f not in sure | guessed and unread):
        yield f"# {_line(obj, field, '…')}  # one of: {', '.join(unread)}"


def _line(obj: SourceObject, field: str, value: str) -> str:
    return (
        f"{json.dumps(f'{obj.name}.{field}', ensure_ascii=False)} = {json.dumps(value, ensure_ascii=False)}"
    )


def _header(obj: SourceObject, look: FileLook, catalogue: Catalogue) -> Header:
    """The header; columns that are read under names of their own are none of its unread ones."""
    header = Header(look.header)
    fields = (f.name for f in obj.fields)
    for name in filter(None, [*RECORD_KEEPING, obj.parent, obj.parent_fallback, *obj.lookups, *fields]):
        header.find(list(names_of(obj, catalogue, name)))
    return header


def _keys(
    obj: SourceObject, look: FileLook, catalogue: Catalogue, missing: Sequence[str], unread: Sequence[str]
) -> dict[str, str]:
    """Key columns by what stands in them: ids that differ, ids of parents, case numbers."""
    tests: dict[str, Callable[[str], bool]] = {
        obj.parent: lambda v: is_id(v) and (obj.parent_object != "Case" or v.startswith(_CASE_PREFIX)),
        "Id": lambda v: is_id(v) and (obj.name == "Case") == v.startswith(_CASE_PREFIX),
        "CaseNumber": _is_number(catalogue),
    }
    found: dict[str, str] = {}
    for field, test in tests.items():
        columns = [c for c in unread if c not in found.values() and _holds(look, c, test)]
        differing = [c for c in columns if field == obj.parent or len(_values(look, c)) == len(look.rows)]
        if field in missing and len(differing) == 1:
            found[field] = differing[0]
    return found


def _people(obj: SourceObject, look: FileLook, catalogue: Catalogue) -> Iterator[str]:
    """The columns that may name a person, each behind a `#`: only a person knows which do."""
    header = _header(obj, look, catalogue)
    for column in header.unread:
        if not (_holds(look, column, is_id) or _holds(look, column, _is_number(catalogue))):
            yield f"# {_line(obj, column, IdentityKind.PERSON)}"


def _is_number(catalogue: Catalogue) -> Callable[[str], bool]:
    return lambda value: bool(catalogue.case_number.fullmatch(value))


def _values(look: FileLook, column: str) -> set[str]:
    return {v for r in look.rows if (v := r.get(column, "").strip())}


def _holds(look: FileLook, column: str, test: Callable[[str], bool]) -> bool:
    """Whether every value of a column in the first rows, of which there is one, passes a test."""
    values = _values(look, column)
    return bool(values) and all(map(test, values))
