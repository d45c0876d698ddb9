"""Several objects with one cause are one sentence."""

from __future__ import annotations

from everycase.domain.sentences import together

ABSENT = (
    "/exports/Task has no {0} file (if the organisation has no such object, set EVERYCASE_WITHOUT={0}): "
    "what is staged of {0} was left as it is"
)


def test_objects_that_are_all_absent_are_named_in_one_sentence() -> None:
    """Its setting can be pasted; a folder that is called like an object keeps its name."""
    said = together(
        [(n, ABSENT.format(n)) for n in ("Task", "WorkOrder")] + [("Case", ""), ("Case", "is damaged")]
    )
    assert said == [
        "/exports/Task has no Task, WorkOrder file (if the organisation has no such object, set "
        "EVERYCASE_WITHOUT=Task,WorkOrder): what is staged of Task, WorkOrder was left as it is",
        "is damaged",
    ]
