"""What an organisation shows of its objects: fields and their types, asked for only where they changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from everycase.ports import ReadState
from everycase.sources.salesforce.answers import Answer
from everycase.sources.salesforce.errors import QueryRefused, ReadFailure, decode
from everycase.sources.salesforce.session import Session

_NUMBERS = frozenset({"double", "int", "currency", "percent", "long"})
_COMPOUND = frozenset({"address", "location", "complexvalue"})
_LONG_TEXT = "textarea"


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedField:
    """One field that the user may see."""

    name: str
    type: str
    relationship: str = ""
    refers_to: tuple[str, ...] = ()
    is_calculated: bool = False

    @property
    def is_number(self) -> bool:
        return self.type in _NUMBERS

    @property
    def is_compound(self) -> bool:
        """A value of several fields, which Bulk refuses and which has no text form."""
        return self.type in _COMPOUND

    @property
    def is_long_text(self) -> bool:
        return self.type == _LONG_TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """An object as the user may see it."""

    name: str
    fields: Mapping[str, DescribedField]
    """By their name in lower case."""
    relationships: Mapping[str, DescribedField]
    """Reference fields by the lower-case name of the relationship."""
    is_replicateable: bool
    """Whether `/deleted` knows it."""


class Descriptions:
    """Describes objects; each once a process, and by a conditional request where it is known from before."""

    def __init__(self, session: Session, state: ReadState) -> None:
        self._session, self._state = session, state
        self._known: dict[str, Description | None] = {}
        self.changed: set[str] = set()
        """Objects whose description is not the one that was known before."""

    def forget(self) -> None:
        """Ask again: fields and permissions may have changed."""
        self._known.clear()

    def doubt(self, name: str) -> None:
        """Ask for the whole description next time: Salesforce refused what the one that is kept shows."""
        self._known.pop(name, None)
        self._state.delete(self._key(name))

    def describe(self, name: str) -> Description | None:
        """The object, or None where the organisation shows no such object to the user.

        It is asked for even where our share of the daily calls is used up, and so shows when it is renewed.
        """
        if name not in self._known:
            self._known[name] = self._ask(name)
        return self._known[name]

    def _ask(self, name: str) -> Description | None:
        key = self._key(name)
        kept = self._state.get(key)
        headers = {"If-Modified-Since": str(kept["modified"])} if kept else {}
        what = f"the description of {name}"
        path = f"{self._session.path}/sobjects/{name}/describe"
        for _ in range(3):
            try:
                response = self._session.request("GET", path, what, headers=headers, is_free=True)
            except QueryRefused as e:
                if e.status == 404 or e.code == "INVALID_TYPE":
                    return None
                raise
            if response.status_code == 304 and kept:
                return _restored(kept)
            try:
                body = decode(response)
            except ValueError:
                continue
            return self._keep(key, Answer(body, what), response.headers.get("Last-Modified"))
        raise ReadFailure(f"Salesforce answered {what} with something that is not JSON, again and again")

    def _key(self, name: str) -> str:
        return f"describe:{self._session.log_in().organisation}:{name}"

    def _keep(self, key: str, answer: Answer, modified: str | None) -> Description:
        """Raises `UnexpectedAnswer` where the answer is no description."""
        name, fields = answer.text("name"), [_field(f) for f in answer.objects("fields")]
        is_replicateable = answer.flag("replicateable")
        self.changed.add(name)
        if modified:
            plain = json.loads(json.dumps([asdict(f) for f in fields]))
            self._state.put(
                key,
                {"modified": modified, "name": name, "fields": plain, "is_replicateable": is_replicateable},
            )
        return _description(name, fields, is_replicateable)


def _restored(kept: Mapping[str, Any]) -> Description:
    fields = [DescribedField(**{**f, "refers_to": tuple(f["refers_to"])}) for f in kept["fields"]]
    return _description(str(kept["name"]), fields, bool(kept["is_replicateable"]))


def _description(name: str, fields: list[DescribedField], is_replicateable: bool) -> Description:
    return Description(
        name=name,
        fields={f.name.lower(): f for f in fields},
        relationships={f.relationship.lower(): f for f in fields if f.relationship},
        is_replicateable=is_replicateable,
    )


def _field(answer: Answer) -> DescribedField:
    return DescribedField(
        name=answer.text("name"),
        type=answer.text("type"),
        relationship=answer.optional_text("relationshipName"),
        refers_to=answer.texts("referenceTo"),
        is_calculated=answer.flag("calculated"),
    )
