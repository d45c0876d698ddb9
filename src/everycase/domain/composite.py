"""The texts of a redacted case: one to be searched by word, and one to be embedded.

Contract §4; docs/decisions/0017 says what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from everycase.domain.cases import Composite, RedactedCase, RedactedRecord

VERSION = "2"
"""Raised when the text of a case would come out differently: part of every case's recipe."""

LIMIT = 30_000
"""Characters (seed: prevents memory issues; contract §4)."""

GAP = "\n\n"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)

_LABELS = {
    "CaseNumber": "Case",
    "ParentId": "Parent case",
    "Subject": "Subject",
    "Description": "Description",
    "Issue_Plain_Text__c": "Issue",
    "Cause_Plain_Text__c": "Cause",
    "GSD_Environment_Plain_Text__c": "Environment",
    "Error_Codes__c": "Error codes",
    "Issue_Type__c": "Issue type",
    "Close_Comments__c": "Closing comments",
    "Product_Number__c": "Product number",
    "Product_Line__c": "Product line",
    "Case_Resolution_Summary__c": "Resolution summary",
    "Resolution__c": "Resolution",
    "Resolution_Plain_Text__c": "Resolution",
    "Resolution_Code__c": "Resolution code",
    "Root_Cause__c": "Root cause",
    "Product_Series__c": "Product series",
    "Product_Hierarchy__c": "Product hierarchy",
    "Status": "Status",
    "Type": "Type",
    "Problem_Description__c": "Problem",
    "Onsite_Action__c": "On-site action",
    "Closing_Summary__c": "Closing summary",
    "WorkOrderNumber": "Work order",
    "CommentBody": "",
    "TextBody": "",
    "Title": "",
    "Body": "",
}

IDENTIFICATION = ("CaseNumber", "Subject", "Issue_Type__c", "Status", "Error_Codes__c")
ISSUE = (
    "Description",
    "Issue_Plain_Text__c",
    "Cause_Plain_Text__c",
    "GSD_Environment_Plain_Text__c",
)
RESOLUTION = (
    "Case_Resolution_Summary__c",
    "Resolution_Plain_Text__c",
    "Resolution__c",
    "Root_Cause__c",
    "Resolution_Code__c",
    "Close_Comments__c",
)
TELLING = (
    "Subject",
    "Issue_Plain_Text__c",
    "Description",
    "Cause_Plain_Text__c",
    "GSD_Environment_Plain_Text__c",
    "Error_Codes__c",
    "Case_Resolution_Summary__c",
    "Resolution_Plain_Text__c",
    "Resolution__c",
    "Root_Cause__c",
    "Resolution_Code__c",
    "Close_Comments__c",
    "Product_Number__c",
    "Product_Line__c",
    "Product_Series__c",
    "Product_Hierarchy__c",
    "Issue_Type__c",
)
"""Of the case, in the order in which they are embedded: a short model reads the problem and its solution."""
_NOT_TELLING = ("Type", "Status", "WorkOrderNumber")
"""Of children; the same words in every case would only use up a model's context."""

PRODUCT = ("Product_Number__c", "Product_Line__c", "Product_Series__c", "Product_Hierarchy__c")

_CHILD_SECTIONS = (
    ("Troubleshooting", "Task", ("Type", "Subject", "Status", "Description")),
    (
        "Work orders",
        "WorkOrder",
        ("WorkOrderNumber", "Status", "Problem_Description__c", "Onsite_Action__c", "Closing_Summary__c"),
    ),
    ("Comments", "CaseComment", ("CommentBody",)),
    ("E-mails", "EmailMessage", ("Subject", "TextBody")),
    ("Work order feed", "WorkOrderFeed", ("Type", "Title", "Body")),
)


@dataclass(slots=True, eq=False)
class _Piece:
    text: str
    when: datetime | None = None


@dataclass(slots=True, eq=False)
class _Section:
    title: str
    pieces: list[_Piece]
    """A case section has one piece, a child section one for each child, oldest first."""
    keeps: bool
    """A section that is shortened only after every child was dropped."""

    @property
    def heading(self) -> str:
        return f"## {self.title}"

    @property
    def text(self) -> str:
        return GAP.join((self.heading, *(p.text for p in self.pieces))) if self.pieces else ""


def compose(case: RedactedCase, *, limit: int = LIMIT) -> Composite:
    """Build a case's text; over `limit` characters children give way, oldest first, on a word."""
    sections = _sections(case)
    full = _join(sections)
    is_whole = len(full) <= limit
    return Composite(
        text=full if is_whole else _fit(sections, limit),
        to_embed=_telling(case, limit),
        full_length=len(full),
        was_truncated=not is_whole,
    )


def _telling(case: RedactedCase, limit: int) -> str:
    """The case's own texts in the order of `TELLING`, then its children's; without headings and labels.

    A text that repeats an earlier one of the case is left out.
    """
    said: list[str] = []
    for name in TELLING:
        words = _words(case.case.values.get(name, ""))
        if words and not any(words in earlier for earlier in map(_words, said)):
            said.append(case.case.values[name])
    for _, obj, names in _CHILD_SECTIONS:
        for record in case.children.get(obj, ()):
            told = (record.values.get(n, "") for n in names if n not in _NOT_TELLING)
            said.extend(text for text in told if text)
    return cut_on_word("\n".join(said), limit)


def cut_on_word(text: str, limit: int) -> str:
    """At most `limit` characters of `text`, ending with a whole word where there is one."""
    if len(text) <= limit:
        return text
    if limit <= 0:
        return ""
    head = text[:limit]
    if not text[limit].isspace():
        words = max(head.rfind(" "), head.rfind("\n"), head.rfind("\t"))
        head = head[:words] if words > 0 else head
    return head.rstrip()


def _sections(case: RedactedCase) -> list[_Section]:
    values = case.case.values
    resolution = tuple(f for f in RESOLUTION if f != "Resolution__c" or not _repeats(values))
    children = [
        _Section(title, [p for r in case.children.get(obj, ()) if (p := _child(r, names)).text], keeps=False)
        for title, obj, names in _CHILD_SECTIONS
    ]
    return [
        _case_section("Case", values, IDENTIFICATION),
        _case_section("Issue", values, ISSUE),
        *children,
        _case_section("Resolution", values, resolution),
        _case_section("Product", values, PRODUCT),
    ]


def _repeats(values: Mapping[str, str]) -> bool:
    """Whether the HTML resolution says nothing that the plain one does not."""
    plain, rich = (_words(values.get(f, "")) for f in ("Resolution_Plain_Text__c", "Resolution__c"))
    return rich == "" or rich in plain


def _words(text: str) -> str:
    return " ".join(text.lower().split())


def _case_section(title: str, values: Mapping[str, str], names: Sequence[str]) -> _Section:
    lines = "\n".join(_line(n, values[n]) for n in names if n in values)
    return _Section(title, [_Piece(lines)] if lines else [], keeps=True)


def _child(record: RedactedRecord, names: Sequence[str]) -> _Piece:
    lines = (_line(n, record.values[n]) for n in names if n in record.values)
    return _Piece("\n".join(lines), record.when)


def _line(name: str, value: str) -> str:
    label = _LABELS[name]
    return f"{label}: {value}" if label else value


def _join(sections: Sequence[_Section]) -> str:
    return GAP.join(t for s in sections if (t := s.text))


def _fit(sections: list[_Section], limit: int) -> str:
    """Drop children, the oldest of the case first, then shorten the longest of what is kept.

    The last child to give way is cut on a word rather than dropped whole.
    """
    excess = len(_join(sections)) - limit
    children = [(piece.when or _LONG_AGO, s, piece) for s in sections if not s.keeps for piece in s.pieces]
    for _, section, piece in sorted(children, key=lambda c: c[0]):
        if excess <= 0:
            break
        shorter = cut_on_word(piece.text, len(piece.text) - excess)
        if shorter:
            excess -= len(piece.text) - len(shorter)
            piece.text = shorter
        else:
            section.pieces.remove(piece)
            excess -= len(piece.text) + len(GAP) + (0 if section.pieces else len(section.heading) + len(GAP))
    while excess > 0:
        longest = max((p for s in sections for p in s.pieces), key=lambda p: len(p.text))
        shorter = cut_on_word(longest.text, max(len(longest.text) - excess, 1))
        if len(shorter) == len(longest.text):
            break
        excess -= len(longest.text) - len(shorter)
        longest.text = shorter
    return cut_on_word(_join(sections), limit)
