"""Join sentences that say the same of several objects."""

from __future__ import annotations

from collections.abc import Iterable

_PLACES = (" no {} file", "WITHOUT={}", " staged of {}")
"""The phrases in which a sentence names its object."""


def together(said: Iterable[tuple[str, str]]) -> list[str]:
    """The different sentences of `(object name, sentence)` pairs, in order.

    Sentences that differ in nothing but the object's name become one that names all the objects; empty ones
    are left out.
    """
    causes: dict[str, list[str]] = {}
    for name, sentence in said:
        if sentence:
            names = causes.setdefault(_template(sentence, name), [])
            names.extend([name] if name not in names else [])
    return [_filled(template, names) for template, names in causes.items()]


def _template(sentence: str, name: str) -> str:
    for place in _PLACES:
        sentence = sentence.replace(place.format(name), place.format("\0"))
    return sentence


def _filled(template: str, names: list[str]) -> str:
    return template.replace("WITHOUT=\0", f"WITHOUT={','.join(names)}").replace("\0", ", ".join(names))
