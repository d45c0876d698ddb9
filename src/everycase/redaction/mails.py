"""E-mail bodies without what others wrote before and what stands under every mail (contract §4, §6)."""

from __future__ import annotations

from collections.abc import Collection

from everycase.domain.cases import Record
from everycase.redaction.quotes import without_quotes
from everycase.redaction.shadow import fold
from everycase.redaction.signatures import without_signature


def clean_body(body: str, sender: Collection[str]) -> str:
    """The new words of an e-mail. `sender`: folded names of who wrote it, and the parts of them."""
    return "\n".join(without_signature(without_quotes(body.split("\n")), sender)).strip("\n")


def senders(record: Record) -> frozenset[str]:
    """The folded names of who wrote an e-mail, and the parts of them."""
    found: list[str] = []
    for column in ("FromName", "CreatedByName", "FromAddress"):
        name = fold(record.identity.get(column, "")[:500]).partition("@")[0]
        found += [name, *"".join(c if c.isalnum() else " " for c in name).split()]
    return frozenset(n for n in found if len(n) >= 2)
