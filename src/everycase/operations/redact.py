"""What redaction would remove from a text, and why: for whoever tunes a list or looks into a fault."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from everycase.app import App
from everycase.domain.errors import WrongUse

if TYPE_CHECKING:
    from everycase.redaction.preview import Finding, Preview

LARGEST = 5_000_000
"""Characters of a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactedText:
    """The text as it would be stored, and every span that would go with its rule."""

    preview: Preview
    version: str

    @property
    def findings(self) -> list[Finding]:
        return self.preview.findings

    @property
    def rules(self) -> dict[str, int]:
        return dict(Counter(f"{f.label}: {f.rule}" for f in self.findings).most_common())

    def as_dict(self) -> dict[str, Any]:
        return {
            "rules_version": self.version,
            "text": self.preview.text,
            "findings": [f.as_dict() for f in self.findings],
            "rules": self.rules,
            "cut_lines": self.preview.cut_lines,
            "kept": self.preview.kept,
        }


def redact_text(app: App, text: str, *, table: str, identity: dict[str, str]) -> RedactedText:
    """Redact a text as if it stood in `table` of a case with these identity columns. Writes nothing.

    Raises `WrongUse` for a table or column that the catalogue does not have, and for too large a text.
    """
    if table not in app.catalogue.by_name:
        raise WrongUse(f"no table {table!r}; there are: {', '.join(app.catalogue.by_name)}")
    if len(text) > LARGEST:
        raise WrongUse(f"the text has {len(text):,} characters; {LARGEST:,} are the most")
    known = {c.name for o in app.catalogue.objects for c in o.identity}
    for column in identity:
        if column not in known:
            raise WrongUse(f"no identity column {column!r}; there are: {', '.join(sorted(known))}")
    from everycase.redaction.preview import make_preview  # and with it all rules

    preview = make_preview(app.redactor, app.catalogue, text, table=table, identity=identity)
    return RedactedText(preview=preview, version=app.redactor.version)


def read_text(file: Path) -> str:
    """A text file in UTF-8. Raises `WrongUse` where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as e:
        raise WrongUse(
            f"{file} cannot be read ({e.strerror}): name a text file, or - for standard input"
        ) from None


def parse_column(written: str) -> tuple[str, str]:
    """`ContactName=Ada Lovelace` as its two halves. Raises `WrongUse` for anything else."""
    column, sign, value = written.partition("=")
    if not (sign and column.strip() and value.strip()):
        raise WrongUse(f"{written!r} is no COLUMN=VALUE, such as ContactName=Ada Lovelace")
    return column.strip(), value.strip()
