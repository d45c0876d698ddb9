"""What doctor checks of the source."""

from __future__ import annotations

from everycase.app import App
from everycase.domain.errors import WrongUse
from everycase.domain.thresholds import DeletionGuard
from everycase.pipeline import identity
from everycase.pipeline.plan import compare_source
from everycase.store import db, reads


def check_source(app: App) -> str:
    """Every object can be read and names people, how it is written, and which catalogue fields it lacks."""
    states = [app.source.state(obj) for obj in app.catalogue.present]
    problems = [s.problem for s in states if s.problem]
    if problems:
        raise WrongUse("; ".join(problems))
    identity.check(app.catalogue, states)
    missing = [f"{s.object}.{f}" for s in states for f in s.missing_fields]
    notes = [f"{s.object} as {s.form}" for s in states if s.form]
    notes += [f"without {', '.join(sorted(app.catalogue.without))}"] if app.catalogue.without else []
    notes += [identity.REMARK] if app.catalogue.is_without_identity else []
    notes += [f"not in it, so never populated: {', '.join(missing)}"] if missing else []
    return "; ".join([f"{app.source.kind}, {len(states)} objects", *notes])


def check_identity(app: App) -> str:
    """The database holds no other source's cases. Raises `WrongUse` where it does."""
    with app.pool.connection() as conn:
        is_bound = reads.check(conn, app.source.identity)
    return f"the database {'holds this source' if is_bound else 'is bound to no source yet'}"


def check_deletions(app: App) -> str:
    """What a sync would read is whole and would not be withheld. Reads what has changed at the source."""
    if app.source.is_incremental:
        return "not read here: a sync asks the organisation for what has changed"
    guard = DeletionGuard(allowed=0, most=app.thresholds.deletions)
    with db.connect(app.dsn) as conn:
        objects = compare_source(conn, app.source, app.catalogue, guard=guard, on_rows=lambda *_: None)
    if problems := [o.problem for o in objects if o.problem]:
        raise WrongUse("; ".join(problems))
    return (
        f"{sum(o.rows for o in objects):,} rows would be read, {sum(o.vanished for o in objects):,} deleted"
    )
