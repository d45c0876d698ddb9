"""Which alerts stand on each channel, and what was last sent of each, so that nothing is sent twice."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from everycase.domain.thresholds import Standing
from everycase.store.db import Connection
from everycase.store.queries import queries

SQL = queries("alerts")


def standing(conn: Connection) -> dict[str, dict[str, Standing]]:
    """The alerts that stand, by channel and rule."""
    found: dict[str, dict[str, Standing]] = {}
    for channel, rule, value, started_at, sent_at, sent_value in conn.execute(SQL["standing"]):
        found.setdefault(channel, {})[rule] = Standing(
            value=value, started_at=started_at, sent_at=sent_at, sent_value=sent_value
        )
    return found


def standing_rules(conn: Connection) -> list[str]:
    """The rules whose alert stands on some channel."""
    return sorted({rule for rules in standing(conn).values() for rule in rules})


def keep_channels(conn: Connection, channels: Collection[str]) -> None:
    """Forget what stands on any other channel."""
    conn.execute(SQL["keep_channels"], {"channels": list(channels)})


def record(
    conn: Connection,
    channel: str,
    *,
    sent: Mapping[str, float],
    ended: Collection[str],
    seen: Mapping[str, float],
    now: datetime,
) -> None:
    """Write down what a channel took, in one statement. A rule is in one of the three.

    `sent`: alerts that were delivered, with how bad each is; `ended`: alerts whose end was delivered;
    `seen`: measured without a message, which changes what stands and starts nothing.
    """
    if not (sent or ended or seen):
        return
    conn.execute(
        SQL["record"],
        {
            "channel": channel,
            "sent": list(sent),
            "sent_values": [float(v) for v in sent.values()],
            "ended": list(ended),
            "seen": list(seen),
            "seen_values": [float(v) for v in seen.values()],
            "now": now,
        },
    )
