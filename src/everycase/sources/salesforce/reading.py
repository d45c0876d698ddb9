"""A read under way, and the balance by which it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from everycase.domain.failures import ErrorType
from everycase.ports import ReadProof
from everycase.sources.salesforce.errors import PageBroken, ReadFailure

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class ReadOutcome:
    """What a read has come to so far; filled in by whoever reads."""

    window: str
    names_everything: bool = False
    announced: int = 0
    read: int = 0
    counted: int | None = None
    is_whole: bool = False
    mark: str = ""
    problem: str = ""
    error_type: ErrorType = ErrorType.SOURCE_UNAVAILABLE
    passed_over: int = 0
    expected: int | None = None
    """Rows that are to come, for progress."""

    def balance(
        self, name: str, *, announced: int, read: int, before: int | None, after: Callable[[], int]
    ) -> None:
        """Add one part of the read. Raises `PageBroken` where its figures do not agree.

        `before` and `after` are counts of the same condition. Rows that are edited or purged during the
        read leave it, so that what was read may lie between the two.
        """
        self.announced += announced
        self.read += read
        counted = before
        if before is not None and read != before:
            last = after()
            counted = read if min(before, last) <= read <= max(before, last) else last
        if counted is not None:
            self.counted = (self.counted or 0) + counted
        if read != announced or (counted is not None and read != counted):
            raise PageBroken(
                f"{name}, {self.window}: {announced:,} rows were announced, {read:,} came and "
                f"{counted or 0:,} were counted: nothing is concluded from this read, and "
                "the next run makes it again"
            )


class OrganisationReading(Generic[T]):
    """Rows of an organisation, streamed. Implements `ports.Reading`."""

    def __init__(
        self,
        outcome: ReadOutcome,
        read: Callable[[], Iterator[T]],
        *,
        begin: Callable[[], None] = lambda: None,
        note_stored: Callable[[], None] = lambda: None,
        close: Callable[[], None] = lambda: None,
        stop: Callable[[], None] = lambda: None,
        on_failure: Callable[[ReadFailure], None] = lambda _: None,
    ) -> None:
        """`note_stored` keeps the position; `close` tidies up when the rows are stored."""
        self._outcome, self._read, self._on_failure = outcome, read, on_failure
        self._begin, self._note_stored, self._close, self._stop = begin, note_stored, close, stop
        self._has_ended = False

    @property
    def expected(self) -> int | None:
        """Rows that are to come; None where nobody has counted them yet."""
        return self._outcome.expected

    def begin(self) -> None:
        """Let Salesforce make ready. What goes wrong here is met again, and told, when the rows are read."""
        try:
            self._begin()
        except ReadFailure:
            return

    def stop(self) -> None:
        self._stop()

    def __iter__(self) -> Iterator[T]:
        try:
            yield from self._read()
        except ReadFailure as e:
            self._outcome.is_whole = False
            self._outcome.problem, self._outcome.error_type = str(e), e.error_type
            self._on_failure(e)
        self._has_ended = True

    def note_stored(self) -> None:
        """All rows that were given out are stored: the read need not give them again."""
        self._note_stored()

    def proof(self) -> ReadProof:
        if self._has_ended and self._outcome.is_whole:
            self._close()
        o = self._outcome
        return ReadProof(
            announced=o.announced,
            read=o.read,
            counted=o.counted,
            is_whole=o.is_whole and self._has_ended,
            names_everything=o.names_everything,
            mark=o.mark if o.is_whole and self._has_ended else "",
            window=o.window,
            problem=o.problem,
            error_type=o.error_type,
        )
