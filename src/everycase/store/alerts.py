"""Which alerts stand, and what was last sent of each: the memory of what not to say twice."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from everycase.domain.thresholds import Standing
from everycase.store.db import Connection
from everycase.store.queries import queries

SQL = queries("alerts")


def standing(conn: Connection) -> dict[str, Standing]:
    """The alerts that stand, by rule."""
    return {
        rule: Standing(value=value, started_at=started_at, sent_at=sent_at, sent_value=sent_value)
        for rule, value, started_at, sent_at, sent_value in conn.execute(SQL["standing"])
    }


def record(
    conn: Connection,
    *,
    sent: Mapping[str, float],
    ended: Collection[str],
    seen: Mapping[str, float],
    now: datetime,
) -> None:
    """Write down what was delivered, in one statement. A rule is in one of the three.

    `sent`: alerts that people were told of, with how bad each is; `ended`: those of whose end they were
    told; `seen`: measured without a message, which changes what stands and starts nothing.
    """
    if not (sent or ended or seen):
        return
    conn.execute(
        SQL["record"],
        {
            "sent": list(sent),
            "sent_values": [float(v) for v in sent.values()],
            "ended": list(ended),
            "seen": list(seen),
            "seen_values": [float(v) for v in seen.values()],
            "now": now,
        },
    )
