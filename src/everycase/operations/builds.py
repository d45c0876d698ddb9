"""A new index beside the served one: build, switch, drop (contract §8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from everycase.app import App
from everycase.operations.golden import judge_of
from everycase.operations.work import Progress
from everycase.pipeline.ending import Ending
from everycase.pipeline.rebuild import BuildReport
from everycase.ports import Collection

__all__ = ["BuildReport"]


def list_collections(app: App) -> Sequence[Collection]:
    return app.collections.listed()


def build(app: App, progress: Progress, *, max_cost: float | None = None) -> BuildReport:
    """Make a new collection, or continue the one that was begun."""
    return app.new_rebuild(progress, Ending(), max_cost=max_cost).build(uuid4())


def switch(
    app: App, progress: Progress, *, allow_missing: int = 0, max_cost: float | None = None
) -> BuildReport:
    """Bring the new collection up to date, compare it with staging, and serve it in one step.

    It is not served where the golden queries, or cases by their own subjects, find less in it.
    """
    rebuild = app.new_rebuild(progress, Ending(), max_cost=max_cost)
    return replace(rebuild, judge=judge_of(app)).switch(uuid4(), allow_missing=allow_missing)


def drop(app: App, progress: Progress, collection: str) -> None:
    """Remove a collection that is not served."""
    app.new_rebuild(progress, Ending()).drop(collection)
