"""What doctor checks of the source."""

from __future__ import annotations

import json
from collections.abc import Sequence

from everycase.app import App
from everycase.domain.errors import WrongUse
from everycase.domain.headers import propose
from everycase.domain.row_kinds import Passed
from everycase.domain.runs import ObjectResult
from everycase.domain.sentences import together
from everycase.domain.thresholds import DeletionGuard
from everycase.pipeline import identity
from everycase.pipeline.plan import compare_source
from everycase.ports import ObjectState
from everycase.store import db, reads

_NO_TEXT = (
    "no column holds Case.Subject and none Case.Description, so every case would fail: name the columns that "
    'do, as in fields = { "Case.Subject" = "Summary" }'
)


def check_source(app: App) -> str:
    """Every object can be read and names people; layout and form of its files, and fields that it lacks."""
    states = _read_states(app)
    missing = [f"{s.object}.{f}" for s in states for f in s.missing_fields]
    notes = [f"layout: {states[0].layout}"] if states[0].layout else []
    notes += [f"{s.object} as {s.form}" for s in states if s.form]
    people = [f"{s.object}.{column}" for s in states for column in s.people or ()]
    notes += [f"people are named by {', '.join(people)}"] if people else []
    notes += [f"without {', '.join(sorted(app.catalogue.without))}"] if app.catalogue.without else []
    notes += [identity.REMARK] if app.catalogue.is_without_identity else []
    notes += [f"not in it, so never populated: {', '.join(missing)}"] if missing else []
    return "; ".join([f"{app.source.kind}, {len(states)} objects", *notes])


def _read_states(app: App) -> list[ObjectState]:
    """The state of each object. Raises `WrongUse`, which names all that is wrong with the source at once.

    For an export the error ends with a draft of the settings that the export needs.
    """
    from everycase.sources.export.source import ExportSource  # and with it the readers of all its forms

    states: list[ObjectState] = []
    wrong: list[str] = []
    for obj in app.catalogue.present:
        try:
            states.append(app.source.state(obj))
        except WrongUse as e:
            wrong.append(str(e))
    wrong += together((s.object, s.problem) for s in states)
    if not wrong and identity.is_missing(app.catalogue, states):
        wrong.append(identity.MISSING)
    if not wrong:
        return states
    draft = app.source.draft() if isinstance(app.source, ExportSource) else []
    block = ["all of it for the settings file:", *draft] if draft else []
    raise WrongUse("; ".join([*wrong, "\n    ".join(block)] if block else wrong))


def check_columns(app: App) -> str:
    """Columns that are not read, and a block of settings for missing fields that they may hold.

    Raises `WrongUse` where no case could pass, because the export has neither subjects nor descriptions.
    """
    if app.source.is_incremental:
        return "not read here: fields of an organisation are checked with the source"
    lines: list[str] = []
    block: list[str] = []
    for s in (app.source.state(obj) for obj in app.catalogue.present):
        if s.unread_columns:
            lines.append(f"{s.object} has columns that nobody reads: {', '.join(s.unread_columns)}")
        pairs = propose(s.missing_fields, s.unread_columns)
        block += [f"{json.dumps(f'{s.object}.{f}')} = {json.dumps(c)}" for f, c in pairs.items()]
    if block:
        said = "perhaps these are meant; if so, put them into the settings file:"
        lines.append("\n    ".join([said, "[fields]", *block]))
    said = "; ".join(lines) or "every column is read"
    if {"Subject", "Description"} <= set(app.source.state(app.catalogue.case).missing_fields):
        raise WrongUse(f"{_NO_TEXT}; {said}")
    return said


def check_identity(app: App) -> str:
    """The database holds no other source's cases. Raises `WrongUse` where it does."""
    with app.pool.connection() as conn:
        is_bound = reads.check(conn, app.source.identity)
    return f"the database {'holds this source' if is_bound else 'is bound to no source yet'}"


def check_deletions(app: App) -> str:
    """What a sync would read is whole and would not be withheld: rows of each object, and Task types.

    Reads what has changed at the source.
    """
    if app.source.is_incremental:
        return "not read here: a sync asks the organisation for what has changed"
    guard = DeletionGuard(allowed=0, most=app.thresholds.deletions)

    def show_rows(name: str, count: int, _expected: int | None) -> None:
        app.on_step(f"reading rows of {name}", count)

    with db.connect(app.dsn) as conn:
        objects = compare_source(conn, app.source, app.catalogue, guard=guard, on_rows=show_rows)
    if problems := together((o.object, o.problem) for o in objects):
        raise WrongUse("; ".join(problems))
    rows, gone = sum(o.rows for o in objects), sum(o.vanished for o in objects)
    total = f"{rows:,} rows would be read, {gone:,} deleted"
    return "; ".join([total, *(_say_rows(o, app.catalogue.task_types) for o in objects)])


def _say_rows(found: ObjectResult, task_types: Sequence[str]) -> str:
    """`Case 1,200 rows`; of Tasks also how many are of the types that belong to a case's story."""
    if not found.was_read:
        return f"{found.object} unchanged since the last sync"
    said = f"{found.object} {found.rows:,} rows"
    if found.object == "Task":
        said += f" of the types {', '.join(task_types)}"
        if not found.rows and found.passed_over.get(Passed.OTHER_TASK_TYPE):
            said += ", so EVERYCASE_TASK_TYPES has to name the types that this organisation uses"
    passed = [f"{n:,} {why}" for why, n in found.passed_over.items()]
    return said + (f" (passed over: {'; '.join(passed)})" if passed else "")
