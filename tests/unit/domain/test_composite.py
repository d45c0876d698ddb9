"""The composite text: sections in order, children giving way oldest first, the cut on a word."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycase.domain.cases import RedactedCase, RedactedRecord
from everycase.domain.composite import LIMIT, compose, cut_on_word

START = datetime(2024, 1, 1, tzinfo=UTC)


def redacted(case: dict[str, str], **children: list[tuple[int, dict[str, str]]]) -> RedactedCase:
    return RedactedCase(
        record_id="5007T000002AbcDQAS",
        case_number="12345678",
        generation=1,
        case=RedactedRecord(
            object="Case", id="5007T000002AbcDQAS", values={"CaseNumber": "12345678", **case}
        ),
        children={
            name: tuple(
                RedactedRecord(object=name, id=f"{name}{i}", when=START + timedelta(days=day), values=values)
                for i, (day, values) in enumerate(rows)
            )
            for name, rows in children.items()
        },
        redactions={},
    )


def test_sections_stand_in_the_contracts_order() -> None:
    """Identification, issue, troubleshooting, work orders, comments, e-mails, feed, resolution, product."""
    text = compose(
        redacted(
            {"Subject": "s", "Description": "d", "Root_Cause__c": "r", "Product_Line__c": "p"},
            Task=[(0, {"Subject": "t"})],
            WorkOrder=[(0, {"Problem_Description__c": "w"})],
            CaseComment=[(0, {"CommentBody": "c"})],
            EmailMessage=[(0, {"TextBody": "e"})],
            WorkOrderFeed=[(0, {"Body": "f"})],
        )
    ).text
    titles = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert titles == [
        "Case",
        "Issue",
        "Troubleshooting",
        "Work orders",
        "Comments",
        "E-mails",
        "Work order feed",
        "Resolution",
        "Product",
    ]


@pytest.mark.parametrize(
    ("rich", "is_there"),
    [("Replaced  the DIMM.", False), ("Replaced the DIMM", False), ("Replaced the board too.", True)],
)
def test_a_rich_resolution_that_repeats_the_plain_one_is_left_out(rich: str, is_there: bool) -> None:
    """White space and case do not make it different."""
    text = compose(redacted({"Resolution_Plain_Text__c": "replaced the DIMM.", "Resolution__c": rich})).text
    assert (rich in text) is is_there


def test_a_text_that_fits_is_not_cut() -> None:
    """And its length is its own."""
    found = compose(redacted({"Subject": "short"}))
    assert (found.was_truncated, found.full_length) == (False, len(found.text))


def test_the_oldest_children_give_way_first_whatever_table_they_are_in() -> None:
    """The newest stay, and so do identification and resolution."""
    body = "word " * 1000
    found = compose(
        redacted(
            {"Subject": "s", "Root_Cause__c": "the cause"},
            Task=[(9, {"Description": body + "newest"})],
            CaseComment=[(0, {"CommentBody": body + "oldest"}), (5, {"CommentBody": body + "middle"})],
            EmailMessage=[(1, {"TextBody": body + "older"})],
        ),
        limit=10_250,
    )
    assert found.was_truncated
    assert found.full_length > 20_000
    assert [w for w in ("oldest", "older", "middle", "newest", "the cause") if w in found.text] == [
        "middle",
        "newest",
        "the cause",
    ]


def test_a_huge_description_does_not_push_the_resolution_out() -> None:
    """What is kept is shortened where it is longest."""
    found = compose(redacted({"Description": "word " * 400_000, "Root_Cause__c": "the cause"}))
    assert "the cause" in found.text
    assert len(found.text) <= LIMIT
    assert found.full_length > 2_000_000


@given(
    texts=st.lists(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=300), max_size=12),
    limit=st.integers(100, 1500),
)
def test_the_limit_holds_and_nothing_is_lost_below_it(texts: list[str], limit: int) -> None:
    """Whatever the case: no longer than the limit, and whole if it fits."""
    case = redacted({"Description": "d"}, CaseComment=[(i, {"CommentBody": t}) for i, t in enumerate(texts)])
    found = compose(case, limit=limit)
    assert len(found.text) <= limit
    assert found.was_truncated is (found.full_length > limit)
    if not found.was_truncated:
        assert all(t in found.text for t in texts)


@given(text=st.text(max_size=200), limit=st.integers(0, 210))
def test_a_cut_is_a_prefix_that_ends_on_a_word(text: str, limit: int) -> None:
    """Where there is a word to end on."""
    cut = cut_on_word(text, limit)
    assert text.startswith(cut)
    assert len(cut) <= limit
    if cut != text and " " in text[:limit].strip():
        assert text[len(cut) : len(cut) + 1].isspace() or " " not in cut


def test_what_is_embedded_begins_with_the_problem_and_its_solution() -> None:
    """Then come the children; the number, the status and the headings of the case are left out."""
    found = compose(
        redacted(
            {
                "CaseNumber": "00001234",
                "Status": "Closed",
                "Product_Line__c": "line",
                "Resolution_Code__c": "code",
                "Resolution_Plain_Text__c": "the solution",
                "GSD_Environment_Plain_Text__c": "environment",
                "Error_Codes__c": "E-17",
                "Description": "The  problem",
                "Issue_Plain_Text__c": "the problem, at length",
                "Subject": "subject",
            },
            Task=[(0, {"Type": "Plan of Action", "Subject": "task", "Status": "Open", "Description": "t"})],
            EmailMessage=[(0, {"TextBody": "mail"})],
        )
    ).to_embed
    assert found.split("\n") == [
        "subject",
        "the problem, at length",
        "environment",
        "E-17",
        "the solution",
        "code",
        "line",
        "task",
        "t",
        "mail",
    ]


def test_what_is_embedded_is_cut_at_the_end() -> None:
    """On a word; a huge child takes nothing away from the case."""
    found = compose(redacted({"Subject": "s"}, CaseComment=[(0, {"CommentBody": "word " * 50_000})])).to_embed
    assert found.startswith("s\nword word")
    assert len(found) <= LIMIT
    assert found.endswith("word")
