"""The journey of one case: its stages with their times, what was joined, what failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from everycase.app import App
from everycase.domain.errors import NotFound
from everycase.domain.rows import MalformedRow, long_id
from everycase.store import failures, lineage
from everycase.store.failures import FailureFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """One case: its lineage row, its trail, its last join, its failures."""

    row: Mapping[str, Any]
    events: list[dict[str, Any]]
    join: Mapping[str, Any] | None
    failures: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        row, join = self.row, self.join
        return {
            "case_number": row["case_number"],
            "record_id": row["record_id"],
            "current_stage": row["current_stage"],
            "status": row["status"],
            "note": row["note"],
            "space": row["space"],
            "limited_data": row["limited_data"],
            "retry_count": row["retry_count"],
            "recovery_count": row["recovery_count"],
            "timestamps": {k: row[k] for k in row if k.endswith("_timestamp")},
            "fields_populated": {
                "total": row["total_fields_populated"],
                "issue": row["issue_fields_populated"],
                "resolution": row["resolution_fields_populated"],
            }
            if row["total_fields_populated"] is not None
            else None,
            "joins": {
                "tasks": join["tasks_joined"],
                "workorders": join["workorders_joined"],
                "comments": join["comments_joined"],
                "emails": join["emails_joined"],
                "workorder_feeds": join["workorder_feeds_joined"],
            }
            if join
            else {},
            "composite": {"length": join["composite_text_length"], "was_truncated": join["was_truncated"]}
            if join and join["composite_text_length"] is not None
            else None,
            "events": self.events,
            "failures": self.failures,
        }


def trace_case(app: App, key: str) -> Journey:
    """The journey of a case by record id (15 or 18 characters) or number. Raises `WrongUse` for none such."""
    with app.pool.connection() as conn:
        row = next((found for k in case_keys(key) if (found := lineage.find(conn, k))), None)
        if row is None:
            staged = next((found for k in case_keys(key) if (found := lineage.find_staged(conn, k))), None)
            if staged:
                raise NotFound(f"case {key} is staged but was never worked on: run everycase sync")
            raise NotFound(f"no case {key!r}, neither by record id nor by case number")
        return Journey(
            row=row,
            events=lineage.journey(conn, row["record_id"]),
            join=lineage.last_join(conn, row["record_id"]),
            failures=failures.list_failures(
                conn, FailureFilter(cases=[row["record_id"]], include_resolved=True)
            ),
        )


def case_keys(key: str) -> list[str]:
    """What a person may mean by a case: as it stands, or as the long form of a record id."""
    try:
        return [key, long_id(key)]
    except MalformedRow:
        return [key]
