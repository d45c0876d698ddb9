"""E-mail bodies: the new words stay, the old ones and the signature go."""

from pathlib import Path

import pytest

from everycase.redaction.mails import clean_body


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("One line.", "One line."),
        ("New.\n\nOn Monday Ada <a@x.example> wrote:\n> old", "New."),
        ("New.\n\n-----Original Message-----\nFrom: x\nold", "New."),
        ("New.\n\nFrom: A\nSent: today\nTo: B\nSubject: C\n\nold", "New."),
        ("> quoted\nanswer\n> more\nanswer two", "answer\nanswer two"),
        ("New.\n\n-- \nAda\nHead of Fans", "New."),
        ("New.\n\nRegards,\nAda", "New."),
        (
            "New.\n\nThanks,\nAnd then the fan stopped again for an hour.",
            "New.\n\nThanks,\nAnd then the fan stopped again for an hour.",
        ),
        ("New.\n\nSent from my phone", "New."),
        ("From: the start this line is text.", "From: the start this line is text."),
        ("-- \nonly this", "-- \nonly this"),
        ("On the other hand, he wrote", "On the other hand, he wrote"),
        (
            "New.\n\nOn Mon, Nov 4, 2024 A wrote:\n> old\n\nAnswer.\n\n> old\nMore.",
            "New.\n\n\nAnswer.\n\nMore.",
        ),
        ("New.\n\nAm 04.11.2024 um 08:00 schrieb A B <a@x.example>:\n> old\nAnswer.", "New.\n\nAnswer."),
        ("New.\n\nB C\n11/04/2024 08:00 AM\nTo: D E/X/Y@Z\ncc: \nSubject: F\n\nold", "New."),
        ("New.\n\nOn Mon A <a@x.example> wrote:\n\nold without signs", "New."),
        ("New.\n\nadA", "New."),
        ("New.\n\nRegards,\nAda\n\n-- \nAda\nHead of Fans", "New."),
        ("New.\n\n-- \nAda\n\nDear Bo,\n\nold", "New.\n\n-- \nAda\n\nDear Bo,\n\nold"),
        ("New.\n\nBest,\nKonrad", "New.\n\nBest,\nKonrad"),
        ("New.\n\nBest,\nKonrad\nPhone: +1 212 555 0143", "New."),
        ("New.\n\nB Smith\nSystems Engineer\nb@x.example", "New."),
    ],
)
def test_what_is_kept(body: str, kept: str) -> None:
    """Never the first block, never a text without contact lines."""
    assert clean_body(body, ["ada"]) == kept


def test_real_formats_keep_their_first_line(shared_data: Path) -> None:
    """Of the format fixtures, none loses all it said."""
    for file in sorted((shared_data / "email_fixtures").glob("email_*.txt")):
        body = file.read_text(encoding="utf-8", errors="replace")
        assert clean_body(body, []).strip(), file.name
