"""What is wrong with a setting, as a person would say it: where, what, what is right. Never its value."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
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
    "string_type": "must be a text",
    "tuple_type": "must be a list, or texts separated by commas",
    "path_type": "must be a path",
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
        found.setdefault(_names(e["loc"], tree), _say(dict(e), tree))
    return found


def _names(loc: Sequence[int | str], tree: type[BaseModel]) -> tuple[str, ...]:
    """The setting's names in the tree, without the items and kinds that pydantic puts behind them."""
    level: type[BaseModel] | None = tree
    names: list[str] = []
    for part in loc:
        if level is None:
            break
        names.append(str(part))
        level = _section(level, str(part))
    return tuple(names)


def _section(tree: type[BaseModel], name: str) -> type[BaseModel] | None:
    info = tree.model_fields.get(name)
    kind = info.annotation if info else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _say(e: Mapping[str, Any], tree: type[BaseModel]) -> str:
    kind, context = str(e["type"]), e.get("ctx") or {}
    if kind == "extra_forbidden":
        name = str(e["loc"][-1]).lower().removeprefix("everycase_")
        return f"there is no such setting{near_miss(name, _siblings(tree, e['loc']))}"
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
        section = _section(tree, str(name))
        if section is None:
            return []
        tree = section
    return list(tree.model_fields)
