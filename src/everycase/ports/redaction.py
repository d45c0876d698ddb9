"""What removes personal data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from everycase.domain.cases import JoinedCase, RedactedCase


class Redactor(Protocol):
    version: str
    """Changes whenever the same case would come out differently: part of every case's recipe."""

    def redact(self, case: JoinedCase) -> RedactedCase:
        """The case without personal data. Raises `RedactionFailure`; never returns on doubt."""

    def search(self, case: JoinedCase, texts: Sequence[str]) -> Mapping[str, int]:
        """What the rules find, by type, in texts that other rules made of a case earlier."""
