"""Which settings file and source a home was last used with, so that a run with other settings can say so."""

from __future__ import annotations

import contextlib
import json
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path

from everycase.settings import Settings

_FILE = "last-run.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastUse:
    """Source and settings file of the last command that wrote to a home. `settings` is empty for no file."""

    source: str
    settings: str


def remember(settings: Settings) -> None:
    """Write source and settings file into the home, if the home exists. A failed write is ignored."""
    file = settings.file
    used = LastUse(source=settings.source, settings=str(file.resolve()) if file else "")
    if settings.home.is_dir() and used != recall(settings.home):
        with contextlib.suppress(OSError):
            (settings.home / _FILE).write_text(json.dumps(asdict(used)), encoding="utf-8")


def recall(home: Path) -> LastUse | None:
    """Read what `remember` wrote; None if there is nothing, or nothing readable."""
    try:
        return LastUse(**json.loads((home / _FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def hint(settings: Settings) -> str:
    """Say what this home was last loaded with, if that was another settings file or source; else empty."""
    last = recall(settings.home)
    now = str(settings.file.resolve()) if settings.file else ""
    if last is None or (last.settings, last.source) == (now, settings.source):
        return ""
    if last.settings == now:
        return (
            f"this home was last loaded from {last.source}: set EVERYCASE_SOURCE={shlex.quote(last.source)}"
        )
    named = f"--config {last.settings}" if last.settings else "no settings file"
    return f"this home was last loaded with {named} (source {last.source})"
