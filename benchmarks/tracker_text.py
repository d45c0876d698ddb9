"""Lean cases of realistic text: the sentences of the real issue tracker in ../shared/data, mixed anew.

A case has the sentences of three real ones of the same product that were created about the same time, in any order and with
other digits, until it is as long as cases are (half of them have more than 150 words). Every twentieth real case is left
out and is a query: no case has its sentences, so only its words find anything.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.lean import Invented
from everycase.domain.cases import IndexObject

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "jira-2019-01-31.zip"
_TEXTS = {
    "Case.csv": ("Id", "Subject", "Description", "Resolution_Plain_Text__c"),
    "CaseComment.csv": ("ParentId", "CommentBody"),
    "EmailMessage.csv": ("ParentId", "TextBody"),
}
_LEFT_OUT, _MIXED, _NEAR = 20, 3, 40
_MEDIAN_WORDS, _SPREAD, _MOST_WORDS = 150, 0.7, 1000
_LONGEST_SENTENCE = 1000
_ENDS = re.compile(r"\n+|(?<=[.!?])\s+")
_DIGIT = re.compile(r"\d")


class Tracked(Invented):
    """Cases by number; the same seed gives the same ones."""

    def __init__(self, seed: int = 1, *, space: str, width: int) -> None:
        super().__init__(seed, space=space, width=width)
        real = _read(DATA)
        self._whole = [" ".join(sentences) for sentences in real[::_LEFT_OUT]]
        self._pool = [sentences for i, sentences in enumerate(real) if i % _LEFT_OUT]

    def text(self, words: int = 0) -> list[str]:
        wanted = words or min(_MEDIAN_WORDS * float(np.exp(self._rng.normal(0, _SPREAD))), _MOST_WORDS)
        near = int(self._rng.integers(len(self._pool))) + self._rng.integers(-_NEAR, _NEAR + 1, _MIXED)
        sentences = [s for i in np.clip(near, 0, len(self._pool) - 1) for s in self._pool[int(i)]]
        chosen: list[str] = []
        for place in self._rng.permutation(len(sentences)):
            chosen += _DIGIT.sub(lambda _: str(self._rng.integers(10)), sentences[int(place)]).split()
            if len(chosen) >= wanted:
                break
        return chosen

    def query(self, _: IndexObject, /, words: int) -> str:
        """The beginning of a real case that was left out: none of the index."""
        long = [text.split() for text in self._whole if len(text.split()) >= words]
        return " ".join(long[int(self._rng.integers(len(long)))][:words])

    def whole(self, words: int) -> str:
        """A real case that was left out, all of it, and of so many words at least."""
        long = [text for text in self._whole if len(text.split()) >= words]
        return long[int(self._rng.integers(len(long)))]


def _read(path: Path) -> list[list[str]]:
    """The sentences of each case, by product and time."""
    csv.field_size_limit(10**9)
    order: dict[str, tuple[str, str]] = {}
    found: dict[str, list[str]] = defaultdict(list)
    with zipfile.ZipFile(path) as archive:
        for name, (case, *fields) in _TEXTS.items():
            for row in csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8")):
                if name == "Case.csv":
                    order[row[case]] = row["CaseNumber"].split("-")[0], row["CreatedDate"]
                found[row[case]] += [s for field in fields for s in _sentences(row[field])]
    return [found[case] for case in sorted(order, key=lambda case: (order[case], case))]


def _sentences(text: str) -> Iterator[str]:
    for sentence in _ENDS.split(text.replace("\0", " ")):
        if sentence.strip():
            yield sentence.strip()[:_LONGEST_SENTENCE]
