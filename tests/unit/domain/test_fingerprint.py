"""Fingerprints: equal for equal content, different for different content, stable for ever."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycase.domain import fingerprint
from everycase.domain.cases import Record

CASE = Record(
    object="Case",
    id="5007T000002AbcDQAS",
    values={"Subject": "s", "Description": "d", "Status": "Closed", "Priority": "High", "Root_Cause__c": "r"},
    last_modified_date=datetime(2024, 11, 4, 8, 0, tzinfo=UTC),
    row_hash="h",
)


@pytest.mark.parametrize("field", fingerprint.CHECKSUM_FIELDS)
def test_each_field_of_the_seeds_rule_moves_the_checksum(field: str) -> None:
    """Id, LastModifiedDate, Subject, Description, the four resolution texts and code, Status."""
    changed = replace(CASE, values={**CASE.values, field: "different"})
    assert fingerprint.checksum(changed) != fingerprint.checksum(CASE)


def test_what_the_rule_does_not_name_does_not_move_it() -> None:
    """Priority is not part of the seed's checksum."""
    assert fingerprint.checksum(
        replace(CASE, values={**CASE.values, "Priority": "Low"})
    ) == fingerprint.checksum(CASE)


def test_a_modification_date_moves_the_checksum() -> None:
    """The seed names it."""
    later = replace(CASE, last_modified_date=datetime(2024, 11, 5, tzinfo=UTC))
    assert fingerprint.checksum(later) != fingerprint.checksum(CASE)


@given(hashes=st.lists(st.text("0123456789abcdef", min_size=4, max_size=8), max_size=6))
def test_children_are_hashed_in_order_and_none_is_lost(hashes: list[str]) -> None:
    """Another order, another number: another checksum."""
    rows = [Record(object="Task", id="x", row_hash=h) for h in hashes]
    whole = fingerprint.children_checksum(rows)
    if rows:
        assert fingerprint.children_checksum(rows[:-1]) != whole
    if hashes != hashes[::-1]:
        assert fingerprint.children_checksum(rows[::-1]) != whole


@given(
    st.lists(st.one_of(st.none(), st.text()), max_size=5),
    st.lists(st.one_of(st.none(), st.text()), max_size=5),
)
def test_the_canonical_form_is_unambiguous(one: list[str | None], other: list[str | None]) -> None:
    """Blank and null are the same; nothing else is."""
    same = [p or None for p in one] == [p or None for p in other]
    assert (fingerprint.canonical(one) == fingerprint.canonical(other)) is same


def test_the_object_id_of_a_case_number_never_changes() -> None:
    """An index in the field is full of them."""
    assert str(fingerprint.object_id("12345678")) == "8c91b03a-15aa-5001-a719-ffd55be5e42a"


def test_a_vector_is_hashed_as_it_is_kept() -> None:
    """At half precision: what the cache and the embedded index give back hashes the same."""
    vector = np.linspace(-1, 1, 256, dtype=np.float32)
    kept = vector.astype("<f2").astype(np.float32)
    assert fingerprint.vector_hash(kept) == fingerprint.vector_hash(vector)
    kept[7] += 0.01
    assert fingerprint.vector_hash(kept) != fingerprint.vector_hash(vector)


def test_an_objects_hash_covers_its_properties_and_text() -> None:
    """In whatever order they come; a blank is as good as none."""
    one = fingerprint.object_hash({"a": "1", "b": ["x", "y"], "c": ""}, "text")
    assert fingerprint.object_hash({"b": ["x", "y"], "a": "1"}, "text") == one
    assert fingerprint.object_hash({"b": ["y", "x"], "a": "1"}, "text") != one
    assert fingerprint.object_hash({"b": ["x", "y"], "a": "1"}, "other") != one
