"""A database of release 0.1, with cases in every state, becomes one of today without losing any."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic import command

from everycase.store import db, migrate
from tests.support.databases import Databases

FIRST_RELEASE = "0004"
CASES = {
    # record id: (status, object_id, weaviate_timestamp, open failure, the state that it becomes)
    "never": ("in_progress", None, None, None, "never"),
    "failed_first": ("failed", None, None, "EmbeddingRejected", "never"),
    "loaded": ("completed", "1", "now()", None, "loaded"),
    "update_failed": ("failed", "2", "now()", "EmbeddingRejected", "loaded"),
    "doubtful": ("in_progress", "3", None, None, "doubtful"),
    "timed_out": ("failed", "4", None, "WeaviateTimeout", "doubtful"),
    "quarantined": ("failed", "5", "now()", "PIIResidual", "to_remove"),
    "deleted": ("deleted", None, None, None, "removed"),
}


@pytest.fixture
def old(databases: Databases) -> Iterator[str]:
    """A database at the last revision of 0.1, filled."""
    with databases.empty() as dsn:
        command.upgrade(migrate._config(dsn), FIRST_RELEASE)
        _fill(dsn)
        yield dsn


def _fill(dsn: str) -> None:
    with db.connect(dsn) as conn:
        for n, (record, (status, object_id, loaded, failure, _)) in enumerate(CASES.items()):
            conn.execute(
                "insert into udp.case (id, case_number, row_hash) values (%s, %s, 'h')", (record, f"{n}")
            )
            conn.execute(
                "insert into recon.data_lineage (record_id, case_number, source_system, current_stage, "
                "status, object_id, weaviate_timestamp) values (%s, %s, 'export', 'extracted', %s, %s::uuid, "
                f"{loaded or 'null'})",  # type: ignore[arg-type]
                (record, f"{n}", status, object_id and f"0000000{object_id}-0000-0000-0000-000000000000"),
            )
            if failure:
                conn.execute(
                    "insert into recon.failed_records (record_id, stage, error_type, error_message, "
                    "disposition, next_retry_time) "
                    "values (%s, 'pii_removal', %s, 'x', 'retry', now() - interval '1 day')",
                    (record, failure),
                )
        conn.execute(
            "insert into recon.failed_records (record_id, source_object, stage, error_type, error_message, "
            "disposition, next_retry_time) "
            "values ('p', 'Case', 'join', 'MissingChildData', 'x', 'retry', now())"
        )


def test_every_state_of_the_first_release_gets_its_name(old: str) -> None:
    """No row is lost, and what was derived from two columns stands in one."""
    assert migrate.upgrade(old)
    with db.connect(old) as conn:
        rows = dict(conn.execute("select record_id, index_state from recon.data_lineage").fetchall())
        waiting = conn.execute(
            "select next_retry_time from recon.failed_records where error_type = 'MissingChildData'"
        ).fetchone()
    assert rows == {record: found[-1] for record, found in CASES.items()}
    assert waiting == (None,)
    assert not migrate.upgrade(old)
