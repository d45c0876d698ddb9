"""Presidio with its patterns alone, in this process: what an ordinary tool does with the same texts."""

from __future__ import annotations

import logging
import time
from importlib import import_module
from typing import Any

from benchmarks.redaction_eval.labelled import TYPES, Finder, Place


class Patterns:
    """All pattern recognizers for English; no language model. Raises `ImportError` where it is not installed."""

    def __init__(self) -> None:
        logging.getLogger("tldextract").setLevel(logging.CRITICAL)  # it asks the network for its list
        registry = import_module("presidio_analyzer").RecognizerRegistry()
        registry.load_predefined_recognizers(languages=["en"])
        base = import_module("presidio_analyzer").PatternRecognizer
        phone = import_module("presidio_analyzer.predefined_recognizers").PhoneRecognizer
        self._recognizers: list[Any] = [r for r in registry.recognizers if isinstance(r, base | phone)]

    def find(self, text: str) -> list[Place]:
        """Every span of every recognizer, whatever its type, with our label where we have one."""
        found = (r.analyze(text, r.supported_entities, None) for r in self._recognizers)
        hits = [h for some in found for h in some or () if h.score >= 0.3]
        return [(h.start, h.end, TYPES.get(h.entity_type, h.entity_type)) for h in hits]

    def finder(self) -> Finder:
        return self.find

    def milliseconds(self, text: str) -> float:
        started = time.process_time()
        self.find(text)
        return (time.process_time() - started) * 1000
