"""Whether the service may serve."""

from __future__ import annotations

from everycase.app import App
from everycase.domain.errors import EverycaseError


def check_ready(app: App) -> str | None:
    """None when the database and the index answer; else one sentence that says which does not."""
    try:
        with app.pool.connection(timeout=2) as conn:
            conn.execute("select 1")
        found = app.index.health()
    except EverycaseError as e:
        return str(e)
    except Exception as e:
        return f"PostgreSQL does not answer ({type(e).__name__})"
    return None if found.is_ready else found.detail
