"""What is wrong with a setting, as a person would say it: where, what, what is right. Never its value."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

_SAYS = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "time_delta_parsing": "must be a period like 90s, 15m, 6h or 30d",
    "time_delta_type": "must be a period like 90s, 15m, 6h or 30d",
    "dict_type": "must be a table of names and values",
    "model_type": "must be a table of names and values",
    "missing": "is missing",
    "too_short": "must name at least one",
}
_LIMITS = {
    "greater_than_equal": ("ge", "must be at least"),
    "less_than_equal": ("le", "must be at most"),
    "greater_than": ("gt", "must be more than"),
    "less_than": ("lt", "must be less than"),
}


def near_miss(name: str, names: Iterable[str]) -> str:
    """`, did you mean X?` where one of the names is like this one."""
    found = difflib.get_close_matches(name, list(names), n=1, cutoff=0.7)
    return f" (did you mean {found[0]}?)" if found else ""


def explain(error: ValidationError, tree: type[BaseModel]) -> dict[tuple[str, ...], str]:
    """What is wrong, by the names of the setting; of several mistakes in one setting the first."""
    found: dict[tuple[str, ...], str] = {}
    for e in error.errors():
        names = tuple(p for p in e["loc"][:2] if isinstance(p, str))
        found.setdefault(names, _say(dict(e), tree))
    return found


def _say(e: Mapping[str, Any], tree: type[BaseModel]) -> str:
    kind, context = str(e["type"]), e.get("ctx") or {}
    if kind == "extra_forbidden":
        return f"there is no such setting{near_miss(str(e['loc'][-1]), _siblings(tree, e['loc']))}"
    if kind == "literal_error":
        allowed = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        return f"must be one of {', '.join(allowed)}{near_miss(str(e.get('input')), allowed)}"
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        return f"{words} {context[key]}"
    if kind == "value_error":
        return str(context.get("error") or e["msg"])
    return _SAYS.get(kind, str(e["msg"]).rstrip("."))


def _siblings(tree: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    """The settings that may stand where the wrong name stands."""
    for name in loc[:-1]:
        info = tree.model_fields.get(str(name))
        if (
            info is None
            or not isinstance(info.annotation, type)
            or not issubclass(info.annotation, BaseModel)
        ):
            return []
        tree = info.annotation
    return list(tree.model_fields)
