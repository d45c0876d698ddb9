"""An answer of Salesforce that has an unexpected form ends in a sentence, and the next read is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from everycase.domain.cases import Record
from everycase.domain.catalogue import OBJECTS, Catalogue, SourceObject
from everycase.domain.errors import EverycaseError
from everycase.sources.salesforce.examine import examine
from everycase.sources.salesforce.source import SalesforceSource
from tests.support.exports import case, child, record_id
from tests.support.salesforce.answers import Answer
from tests.support.salesforce.far_end import MemoryState, OrganisationEnd, source_of
from tests.support.salesforce.faults import Ask, Fault
from tests.support.salesforce.wrong_forms import WrongForm, wrong_forms

CASE = OBJECTS[0]
COMMENT = next(o for o in OBJECTS if o.name == "CaseComment")
ROWS = {CASE: 3, COMMENT: 5}


@pytest.fixture
def end() -> Iterator[OrganisationEnd]:
    """Cases, which are read by REST, comments, which are read by Bulk, and a case that was purged."""
    found = OrganisationEnd(bulk_from=2000)
    found.put("Case", *(case(n) for n in range(1, ROWS[CASE] + 2)))
    found.put("CaseComment", *(child("CaseComment", n, record_id("Case", 1)) for n in range(ROWS[COMMENT])))
    with found.server:
        found.server.queries.page = found.server.jobs.page = 2
        yield found


class Trial:
    """Reads by REST and by Bulk, and what changed, of an organisation."""

    def __init__(self, end: OrganisationEnd) -> None:
        self._end, self._state = end, MemoryState()
        self._since = self._read(self._source(), CASE)
        end.remove("Case", record_id("Case", ROWS[CASE] + 1))

    def __call__(self) -> bool:
        """Whether all of it went well. Nothing but the errors of everycase may end it."""
        source = self._source()
        # A job is lost, so that the list of jobs is asked for.
        self._end.server.faults.plan(Fault.GARBLED, Ask.JOB_NEW)
        try:
            reads = [self._read(source, obj) for obj in ROWS]
            reads.append(self._read(source, CASE, self._since))
        except EverycaseError:
            return False
        finally:
            self._end.server.faults.clear()
            source.session.close()
        return all(reads)

    def _source(self) -> SalesforceSource:
        return source_of(self._end.server, bulk_from=5, state=self._state)

    def _read(self, source: SalesforceSource, obj: SourceObject, since: str = "") -> str:
        """The mark; empty where the read was not whole, which must be said."""
        reading = source.changes(obj, since)
        ids = {r.id for r in reading if isinstance(r, Record)}
        proof = reading.proof()
        assert proof.is_whole or proof.problem
        assert since or len(ids) >= ROWS[obj] or not proof.is_whole, "rows are missing from a whole read"
        return proof.mark


def forms_of(end: OrganisationEnd, ask: Ask, work: Callable[[], bool]) -> list[WrongForm]:
    """What can be wrong with the answers that this request gets while `work` is done."""
    found: dict[str, WrongForm] = {}

    def note(answer: Answer) -> Answer:
        found.update((f.name, f) for f in wrong_forms(answer))
        return answer

    end.server.bends = {ask: note}
    assert work()
    assert found
    return list(found.values())


def bending(form: WrongForm) -> Callable[[Answer], Answer]:
    """Bends every answer that can be bent so."""

    def bend(answer: Answer) -> Answer:
        return form.bend(answer) if form.name in {f.name for f in wrong_forms(answer)} else answer

    return bend


@pytest.mark.parametrize(
    "ask",
    [Ask.TOKEN, Ask.DESCRIBE, Ask.QUERY, Ask.MORE, Ask.DELETED, Ask.JOB_NEW, Ask.JOB, Ask.JOBS, Ask.RESULTS],
)
def test_an_answer_of_an_unexpected_form_is_a_sentence(end: OrganisationEnd, ask: Ask) -> None:
    """Every key of it, missing or of another type: no row is lost, no job stays, the next read is whole."""
    trial = Trial(end)
    for form in forms_of(end, ask, trial):
        end.server.bends = {ask: bending(form)}
        try:
            trial()
            end.server.bends = {}
            assert trial()
            assert not end.server.jobs.open
        except BaseException as e:
            e.add_note(f"{ask}: {form.name}")
            raise


@pytest.mark.parametrize("ask", [Ask.VERSIONS, Ask.QUERY, Ask.LIMITS])
def test_doctor_finds_an_answer_of_an_unexpected_form(end: OrganisationEnd, ask: Ask) -> None:
    """It is a finding that says so, and never ends the examination."""
    end.server.usage_told = None

    def examined() -> bool:
        source = source_of(end.server)
        found = examine(source, Catalogue())
        source.session.close()
        return len(found) == 11 and all(o.detail for o in found)

    for form in forms_of(end, ask, examined):
        end.server.bends = {ask: bending(form)}
        assert examined(), form.name
