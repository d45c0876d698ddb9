"""What travels to a worker process."""

from __future__ import annotations

from dataclasses import dataclass

from everycase.settings import Settings


@dataclass(frozen=True)
class Worker:
    """What a worker process is told: the settings, from which it builds its own objects once."""

    settings: Settings
    debug: bool

    def __hash__(self) -> int:
        return hash(self.settings.model_dump_json())
