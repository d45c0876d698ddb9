"""Which parts of a text are identifiers, and which are only numbers."""

import pytest

from everycase.domain.identifiers import LONGEST, MOST, asked_for, identifiers


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The part P00930-B21 fails", ["p00930-b21"]),
        ("after iLO 2.10 (v3.4.6) came", ["2.10", "3.4.6"]),
        ("error 0x8007000e, see CVE-2021-44228.", ["0x8007000e", "cve-2021-44228"]),
        ("case 00001234", ["00001234"]),
        ("[ZOOKEEPER-1234] again", ["zookeeper-1234"]),
        ("code=E1745/B12", ["e1745/b12", "e1745", "b12"]),
        ("at 10:22:33 on 2018-01-02, 3 of 128 drives", []),
        ("no identifier at all", []),
        ("a" * LONGEST + "1", []),
    ],
)
def test_identifiers_have_digits_and_are_no_dates(text: str, found: list[str]) -> None:
    """In lower case, without the `v` of a version, whole and in parts."""
    assert identifiers([text]) == found


def test_every_code_of_a_code_field_is_one() -> None:
    """Digits or not; the field may hold several."""
    assert identifiers([], codes=["ECC_MBE; PSU-FAIL"]) == ["ecc_mbe; psu-fail", "ecc_mbe", "psu-fail"]


def test_a_pasted_log_does_not_have_thousands() -> None:
    """The first ones tell."""
    assert len(identifiers(" ".join(f"E{n}" for n in range(1000, 9000)) for _ in range(9))) == MOST


def test_a_short_query_may_be_an_identifier_without_digits() -> None:
    """A long one is asked for what looks like one."""
    assert asked_for("ECC_MBE") == ["ecc_mbe"]
    assert asked_for("the server shows ECC_MBE and E1745") == ["e1745"]
