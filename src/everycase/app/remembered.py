"""What a home was last loaded with: a person in another folder learns which settings it belongs to."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from everycase.settings import Settings

_FILE = "last-run.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastUse:
    """Source and settings file of the last command that wrote here; `settings` is empty for none."""

    source: str
    settings: str


def remember(settings: Settings) -> None:
    """Keep it in the home, where there is one. That it cannot be written keeps no run from its work."""
    file = settings.file
    used = LastUse(source=settings.source, settings=str(file.resolve()) if file else "")
    if settings.home.is_dir() and used != recall(settings.home):
        with contextlib.suppress(OSError):
            (settings.home / _FILE).write_text(json.dumps(asdict(used)), encoding="utf-8")


def recall(home: Path) -> LastUse | None:
    """None where nothing is kept, or nothing that can be read."""
    try:
        return LastUse(**json.loads((home / _FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def hint(settings: Settings) -> str:
    """`this home was last loaded with …`, where these settings come from another file; else empty."""
    last = recall(settings.home)
    now = str(settings.file.resolve()) if settings.file else ""
    if last is None or last.settings == now:
        return ""
    named = f"--config {last.settings}" if last.settings else "no settings file"
    return f"this home was last loaded with {named} (source {last.source})"
