"""`sobjects` and `describe`, with what the user may not see left out."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.support.salesforce.answers import Answer, as_json, refusal
from tests.support.salesforce.organisation import Organisation
from tests.support.salesforce.schema import FieldType, ObjectType

_OLDEST = "Thu, 01 Jan 2026 00:00:00 GMT"


def describe_all(organisation: Organisation) -> Answer:
    shown = [t.type for n, t in organisation.tables.items() if n not in organisation.hidden_objects]
    return as_json({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [_summary(kind) for kind in shown]})


class Descriptions:
    """Answers describe, and 304 to whoever has seen this description already."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self.no_such_object = refusal(404, "NOT_FOUND", "The requested resource does not exist")
        self.is_old = False
        """304 to whoever knows any description, as where only permissions have changed."""
        self._seen: dict[str, tuple[str, int]] = {}

    def describe(self, name: str, since: str | None) -> Answer:
        organisation = self._organisation
        kinds = {t.type.name.lower(): t.type for t in organisation.tables.values()}
        kind = kinds.get(name.lower())
        if kind is None or kind.name in organisation.hidden_objects:
            return self.no_such_object
        fields = [f for f in kind.fields if (kind.name, f.name) not in organisation.hidden_fields]
        content = _summary(kind) | {"fields": [_field(f) for f in fields]}
        modified = self._modified(kind.name, content)
        if since is not None and (self.is_old or since == modified):
            return Answer(status=304)
        return as_json(content, **{"Last-Modified": modified})

    def _modified(self, name: str, content: dict[str, Any]) -> str:
        """A date that moves on whenever the description is another one."""
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        seen, version = self._seen.get(name, ("", -1))
        if seen != digest:
            version += 1
            self._seen[name] = (digest, version)
        return _OLDEST.replace("00:00:00", f"00:{version // 60:02}:{version % 60:02}")


def _summary(kind: ObjectType) -> dict[str, Any]:
    return {
        "name": kind.name,
        "label": kind.name,
        "keyPrefix": kind.prefix,
        "queryable": True,
        "retrieveable": True,
        "replicateable": kind.is_replicateable,
        "custom": False,
        "urls": {},
    }


def _field(f: FieldType) -> dict[str, Any]:
    return {
        "name": f.name,
        "label": f.name,
        "type": f.type,
        "length": f.length,
        "referenceTo": list(f.refers_to),
        "relationshipName": f.relationship or None,
        "polymorphicForeignKey": len(f.refers_to) > 1,
        "calculated": f.is_calculated,
        "compoundFieldName": f.compound or None,
        "custom": f.name.endswith("__c"),
        "filterable": f.is_filterable and f.type not in ("textarea", "address"),
        "nillable": True,
    }
