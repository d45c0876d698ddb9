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
