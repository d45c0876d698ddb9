"""Presidio beside the rules, as one detector: an optional extra, `pip install 'everycase[presidio]'`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module, metadata
from typing import Any, Protocol

from everycase.domain.errors import WrongUse
from everycase.redaction.spans import Label

LABELS: Mapping[str, Label] = {
    "PERSON": Label.PERSON,
    "ORGANIZATION": Label.COMPANY,
    "LOCATION": Label.ADDRESS,
    "EMAIL_ADDRESS": Label.EMAIL,
    "US_SSN": Label.SSN,
    "IBAN_CODE": Label.IBAN,
    "CREDIT_CARD": Label.CARD,
}
"""What is asked of Presidio. Its phones and addresses damage technical tokens (docs/facts.md)."""

LEAST_SCORE = 0.5


class Analyzer(Protocol):
    """What is used of `presidio_analyzer.AnalyzerEngine`."""

    def analyze(self, text: str, language: str, entities: list[str], score_threshold: float) -> list[Any]:
        """Results with `start`, `end` and `entity_type`."""


class PresidioDetector:
    """Implements `options.Detector` with an analyzer and whatever model it was given."""

    def __init__(self, analyzer: Analyzer, *, version: str, language: str = "en") -> None:
        self._analyzer, self._language = analyzer, language
        self.version = f"presidio-{version}-{language}"

    def find(self, text: str) -> Sequence[tuple[int, int, str]]:
        found = self._analyzer.analyze(
            text=text, language=self._language, entities=sorted(LABELS), score_threshold=LEAST_SCORE
        )
        return [(r.start, r.end, LABELS[r.entity_type].value) for r in found if r.entity_type in LABELS]


def load() -> PresidioDetector:
    """Presidio with the model that is its default. Raises `WrongUse` where it is not installed."""
    try:
        engine = import_module("presidio_analyzer").AnalyzerEngine()
    except (ImportError, OSError):
        raise WrongUse(
            "Presidio or its language model is not installed: pip install 'everycase[presidio]', "
            "or set EVERYCASE_REDACTION__MODEL=none"
        ) from None
    return PresidioDetector(engine, version=metadata.version("presidio-analyzer"))
