"""Answers of another form than they should have: a key that is missing, a value of another type.

Scalars of records are left alone: whether a subject should have been another text nobody can see.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tests.support.salesforce.answers import Answer

_MISSING = object()
_WRONG: tuple[Any, ...] = (_MISSING, None, 7, -7.5, "word", ["word"], {})
_NO_VALUES: tuple[Any, ...] = (_MISSING, ["word"])
_WRONG_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Sforce-NumberOfRecords": ("", "many", "-1", "1.5", "1e3", "\u00b2", "9" * 5000),
    "Sforce-Locator": ("", "nowhere"),
}
_OF_NO_USE = frozenset(
    "attributes label length polymorphicForeignKey compoundFieldName custom filterable nillable keyPrefix "
    "queryable retrieveable urls operation concurrencyMode contentType apiVersion lineEnding columnDelimiter "
    "retries totalProcessingTime signature issued_at token_type deletedDate earliestDateAvailable".split()
)
"""Keys that nobody reads; fields of an organisation's own are read like the others."""
Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongForm:
    """One thing of an answer that is not as it should be."""

    name: str
    """Such as `records.0.Id: null`."""
    bend: Callable[[Answer], Answer]
    """Makes it of the right answer."""


def wrong_forms(answer: Answer) -> list[WrongForm]:
    """Every key of a JSON answer spoilt in several ways; of a page of CSV its headers."""
    if answer.headers.get("Content-Type", "").startswith("application/json"):
        return list(_wrong_json(json.loads(answer.body)))
    return [
        WrongForm(name=f"{name}: {text[:9]!r}", bend=partial(_with_header, name=name, text=text))
        for name, texts in _WRONG_HEADERS.items()
        for text in texts
        if name in answer.headers
    ]


def _wrong_json(content: Any) -> Iterator[WrongForm]:
    for place in [(), *_places(content)]:
        kind = type(_at(content, place))
        for wrong in _NO_VALUES if _is_of_a_row(place) else _WRONG:
            is_possible = wrong is not _MISSING or (place and isinstance(place[-1], str))
            if is_possible and type(wrong) is not kind:
                bend = partial(_with_value, place=place, wrong=wrong)
                yield WrongForm(name=_named(place, wrong), bend=bend)


def _places(content: Any) -> Iterator[Place]:
    """Of a list the first element alone: the others are like it."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key in _OF_NO_USE or key.endswith("__c"):
                continue
            yield (key,)
            yield from ((key, *rest) for rest in _places(value))
    elif isinstance(content, list) and content:
        yield (0,)
        yield from ((0, *rest) for rest in _places(content[0]))


def _is_of_a_row(place: Place) -> bool:
    """Whether it is a field of a queried row; Id is one that must be there."""
    return len(place) > 2 and place[0] == "records" and place[-1] != "Id"


def _at(content: Any, place: Place) -> Any:
    for step in place:
        content = content[step]
    return content


def _with_value(answer: Answer, *, place: Place, wrong: Any) -> Answer:
    content = json.loads(answer.body)
    if not place:
        content = wrong
    elif wrong is _MISSING:
        del _at(content, place[:-1])[place[-1]]
    else:
        _at(content, place[:-1])[place[-1]] = wrong
    return replace(answer, body=json.dumps(content).encode())


def _with_header(answer: Answer, *, name: str, text: str) -> Answer:
    return replace(answer, headers={**answer.headers, name: text})


def _named(place: Place, wrong: Any) -> str:
    value = "missing" if wrong is _MISSING else json.dumps(wrong)
    return f"{'.'.join(map(str, place)) or 'all of it'}: {value}"
