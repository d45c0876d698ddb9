"""Limits of a server, learnt from its refusals and kept for the rest of the run.

Kept by this process: each worker process of `processes:N` learns for itself, at the cost of a request
or two.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from everycase.domain.usage import Usage, lessons
from everycase.embedders.answers import AnswerVerdict

log = structlog.get_logger()

FIRST_ANSWER_S = 5.0
"""How long other threads wait for the first request of a process, which may reveal the limits."""

_MARGIN = 0.95
"""Of what a server says that it takes: tokens are not spread evenly."""


class Habits:
    """How large a request may be, and which parameters to leave out. Safe to use from many threads."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._lock = threading.Lock()
        self._most_texts: int | None = None
        self._most_characters: int | None = None
        self._left_out: frozenset[str] = frozenset()
        self._is_told = True
        self._first = threading.Lock()
        self._is_known = threading.Event()

    @property
    def left_out(self) -> frozenset[str]:
        """Parameters that the server refused, and that it did without."""
        return self._left_out

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """Let the first request run alone, so that the others start with what it learns."""
        if self._is_known.is_set() or not self._first.acquire(blocking=False):
            self._is_known.wait(FIRST_ANSWER_S)
            yield
            return
        try:
            yield
        finally:
            self._is_known.set()

    def fitting(self, lengths: Iterable[int]) -> int:
        """How many texts of these lengths, from the first on, one request may hold; at least one."""
        count = characters = 0
        for length in lengths:
            characters += length
            if count and not self._has_room(count, characters):
                break
            count += 1
        return count

    def _has_room(self, texts: int, characters: int) -> bool:
        """Whether a text more can come to so many, with so many characters in all."""
        is_many = self._most_texts is not None and texts >= self._most_texts
        is_much = self._most_characters is not None and characters > self._most_characters
        return not (is_many or is_much)

    def shrink(self, verdict: AnswerVerdict, texts: int, characters: int) -> None:
        """A request of so many texts and characters is too large: the next ones are smaller."""
        with self._lock:
            before = self._most_texts, self._most_characters
            if verdict.is_of_tokens:
                most = int(characters * (verdict.keep * _MARGIN if verdict.keep else 0.5))
                self._most_characters = _least(self._most_characters, most)
            else:
                said = verdict.most_texts or 0
                self._most_texts = _least(self._most_texts, said if 0 < said < texts else texts // 2)
            if (self._most_texts, self._most_characters) != before:
                self._is_told = False

    def leave_out(self, names: Sequence[str]) -> None:
        """The server takes requests without these parameters, and refuses them with them."""
        with self._lock:
            if not set(names) <= self._left_out:
                self._is_told, self._left_out = False, self._left_out | set(names)

    def note(self, usage: Usage) -> None:
        """A request has gone through: what is known by now is right, and the run's report has it."""
        with self._lock:
            usage.most_texts = self._most_texts or 0
            usage.most_characters = self._most_characters or 0
            usage.left_out = tuple(sorted(self._left_out))
            is_new, self._is_told = not self._is_told, True
        if is_new:
            for lesson in lessons(self._provider, usage):
                log.warning("provider_learnt", provider=self._provider, lesson=lesson)


def _least(known: int | None, found: int) -> int:
    return max(1, found if known is None else min(known, found))
