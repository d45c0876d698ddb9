"""JSON of Salesforce, read by key and type: what is missing, or is something else, ends in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from everycase.domain.rows import MalformedRow, long_id, moment
from everycase.sources.salesforce.errors import ReadFailure

_OURS = "/services/data/"
_MOST_DIGITS = 15


class UnexpectedAnswer(ReadFailure):
    """An answer of Salesforce does not have the form that it should have: nothing is concluded from it."""

    def __init__(self, what: str, problem: str) -> None:
        super().__init__(
            f"Salesforce answered {what} in an unexpected form: {problem}; the next run asks again"
        )


class Answer:
    """One JSON object of an answer.

    Each method reads one key. It raises `UnexpectedAnswer`, which names the key and never the value.
    """

    def __init__(self, body: object, what: str) -> None:
        """`what` names the request: `the count of Case`. Raises `UnexpectedAnswer` if `body` is no object."""
        if not isinstance(body, dict):
            raise UnexpectedAnswer(what, f"{_kind(body)} where an object should be")
        self.body: Mapping[str, Any] = body
        self._what = what

    def text(self, key: str) -> str:
        """A text that is not empty."""
        found = self.body.get(key)
        if not isinstance(found, str) or not found:
            raise self._wrong(key, "a text")
        return found

    def optional_text(self, key: str) -> str:
        """A text; empty where there is null, or nothing."""
        found = self.body.get(key)
        if found is not None and not isinstance(found, str):
            raise self._wrong(key, "a text")
        return found or ""

    def number(self, key: str) -> int:
        """A whole number that is not negative."""
        found = self.body.get(key)
        if not isinstance(found, int) or isinstance(found, bool) or found < 0:
            raise self._wrong(key, "a whole number")
        return found

    def flag(self, key: str) -> bool:
        found = self.body.get(key)
        if not isinstance(found, bool):
            raise self._wrong(key, "true or false")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, which may be empty."""
        found = self._list(key)
        if not all(isinstance(t, str) for t in found):
            raise self._wrong(key, "a list of texts")
        return tuple(found)

    def records(self, key: str) -> list[dict[str, Any]]:
        """A list of objects as they came, for whoever reads very many."""
        found = self._list(key)
        if not all(isinstance(r, dict) for r in found):
            raise self._wrong(key, "a list of objects")
        return found

    def objects(self, key: str) -> list[Answer]:
        """A list of objects, which may be empty."""
        return [Answer(r, self._what) for r in self.records(key)]

    def object(self, key: str) -> Answer:
        if not isinstance(self.body.get(key), dict):
            raise self._wrong(key, "an object")
        return Answer(self.body[key], self._what)

    def record_id(self, key: str) -> str:
        """An id, made 18 characters long."""
        try:
            return long_id(self.text(key))
        except MalformedRow:
            raise self._wrong(key, "an id") from None

    def moment(self, key: str) -> datetime:
        try:
            return moment(self.text(key))
        except MalformedRow:
            raise self._wrong(key, "a date") from None

    def address(self, key: str) -> str:
        """The path of a further page at the same host; empty where there is null, or nothing."""
        found = self.optional_text(key)
        if found and not found.startswith(_OURS):
            raise self._wrong(key, f"a path below {_OURS}")
        return found

    def is_null(self, key: str) -> bool:
        """Whether the key is there and has no value."""
        return key in self.body and self.body[key] is None

    def _list(self, key: str) -> list[Any]:
        found = self.body.get(key)
        if not isinstance(found, list):
            raise self._wrong(key, "a list")
        return found

    def _wrong(self, key: str, wanted: str) -> UnexpectedAnswer:
        is_there = key in self.body
        problem = f"{key} is {_kind(self.body[key])}" if is_there else f"{key} is missing"
        return UnexpectedAnswer(self._what, f"{problem} where {wanted} should be")


def header_number(text: str | None, name: str, what: str) -> int | None:
    """The whole number of a header; None where the header is missing. Raises `UnexpectedAnswer`."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise UnexpectedAnswer(what, f"the header {name} is no whole number")
    return int(text)


def _kind(value: object) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    names = {bool: "true or false", dict: "an object", list: "a list", str: "another text"}
    return names.get(type(value), "another number")
