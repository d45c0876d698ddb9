"""Addresses and versions, secrets, placeholders, HTML: what rules promise beside the tables."""

from __future__ import annotations

import pytest

from everycase.domain.cases import JoinedCase
from everycase.domain.catalogue import Catalogue, IdentityKind
from everycase.domain.failures import ErrorType, RedactionFailure
from everycase.redaction.redactor import TableRedactor
from everycase.redaction.residual import ResidualScan
from everycase.redaction.sanitise import sanitise
from everycase.redaction.spans import Label
from tests.unit.redaction.test_redactor import REDACTOR, clean, joined


@pytest.mark.parametrize(
    "text",
    [
        "session for client /{}:5678 closed",
        "node {} is down",
        "connect to iLO {}",
        "host-{} and more",
        "ip_{} and more",
        "upgraded from {}",
    ],
)
@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.1.7", "172.16.200.9"])
def test_a_word_before_it_does_not_make_an_address_a_version(text: str, address: str) -> None:
    """What hosts and versions may both follow leaves it to the numbers."""
    if address.startswith("10.") and "upgraded" in text:
        address = "10.1.200.3"
    assert clean(text.format(address), identity={}) == text.format("<IP_1>")


@pytest.mark.parametrize(
    "text",
    ["firmware 2.55.1.4", "driver (1.2.3.4)", "HDP-2.3.4.7-4", "zookeeper 3.4.6.1", "version: 10.0.0.5"],
)
def test_a_version_of_four_parts_stays(text: str) -> None:
    """By its word, or by small numbers behind a product."""
    assert clean(text, identity={}) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("dbPassword=hunter2 ok", "dbPassword=<PASSWORD_1> ok"),
        ("-Dx.keyStore.password=q1w2e3 ok", "-Dx.keyStore.password=<PASSWORD_1> ok"),
        ("<password>s3cret</password> ok", "<password><PASSWORD_1></password> ok"),
        ("password: Abc,123! ok", "password: <PASSWORD_1> ok"),
        ("pwd=x9k,port=2181", "pwd=<PASSWORD_1>,port=2181"),
        ("user: corp\\jsmith fails", "user: <LOGIN_1> fails"),
        ("at 192.168.001.010 ok", "at <IP_1> ok"),
        ("B21 10.0.0.1 202-555-0143 x", "B21 <IP_1> <PHONE_1> x"),
    ],
)
def test_secrets_and_numbers_go_whole(text: str, found: str) -> None:
    """Also in settings, and with other numbers beside them."""
    assert clean(text, identity={}) == found


@pytest.mark.parametrize(
    "text",
    [
        "Event 12345 Failed on P4 1TB drive",
        "Engineer: replaced the fan and tested it",
        "ERROR\\nCaused by x",
    ],
)
def test_a_work_order_keeps_what_was_done(text: str) -> None:
    """What has the shape of a postal code, a label or a login, and is none."""
    assert clean(text, "WorkOrder", identity={}) == text


def test_a_postal_code_goes_with_its_street() -> None:
    """The line after a street is a town."""
    assert "80331" not in clean("12 Hill Street\n80331 Muenchen", "WorkOrder", identity={})


def test_numbers_go_on_after_the_placeholders_that_a_text_has() -> None:
    """So that two people never share one, and a placeholder is no name."""
    assert clean("<PERSON_1> met Odalys Ferrucci") == "<PERSON_1> met <PERSON_2>"
    assert clean("<PERSON_1> met", identity={"ContactName": "Person"}) == "<PERSON_1> met"


def test_a_dressed_up_number_is_no_placeholder() -> None:
    """`<PHONE_2025550143>` is a telephone number."""
    found = clean("see <PHONE_2025550143>", identity={"ContactPhone": "202 555 0143"})
    assert "2025550143" not in found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<html><body><p>One</p><script>x()</script><p>Two</p></body></html>", "One\nTwo"),
        ("a &amp;amp;lt; b &amp;#64; c", "a < b @ c"),
        ("List<String> x = y && z;", "List<String> x = y && z;"),
        ("a\u200bb\x00c\ud800d", "abc\ufffdd"),
    ],
)
def test_text_is_as_it_should_have_been(text: str, found: str) -> None:
    """A page in a text field, entities in layers, characters that hide; and code stays code."""
    assert sanitise(text) == found


def test_a_placeholder_is_no_tag() -> None:
    """HTML that was redacted once keeps its placeholders."""
    assert clean("<p>Hi <PERSON_1>, done</p>", "WorkOrderFeed", identity={}) == "Hi <PERSON_1>, done"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("to odalys  FERRUCCI", Label.PERSON),
        ("to Ferrucci-Odalys", Label.PERSON),
        ("a@b.example", Label.EMAIL),
        ("a%40b.example", Label.EMAIL),
        ("host 10.0.0.200", Label.IP),
        ("card 4111 1111 1111 1111", Label.CARD),
        ("ssn 219-09-9999", Label.SSN),
        ("0 8 9-2345 678", Label.PHONE),
        ("０８９ ２３４５６７８", Label.PHONE),
        ("at Bright Moor-Mills", Label.COMPANY),
        ("password=Winter99", Label.PASSWORD),
    ],
)
def test_the_residual_scan_sees_what_a_rule_would_miss(text: str, label: Label) -> None:
    """By a route of its own, with no mask before it."""
    people = [
        (IdentityKind.PERSON, "Odalys Ferrucci"),
        (IdentityKind.PHONE, "+49 89 2345678"),
        (IdentityKind.COMPANY, "Brightmoor Mills"),
    ]
    scan = ResidualScan(people)
    assert {r.label for r in scan.find(text)} == {label}
    assert scan.find("the fan of <PERSON_1> at 1.2.3.4.5, case 8923 x 45678") == []


class _Undecodable:
    version = "1"

    def find(self, text: str) -> list[tuple[int, int, str]]:
        raise UnicodeDecodeError("utf-8", text.encode(), 0, 1, "bad")


def test_trouble_with_an_encoding_has_its_own_name_and_says_nothing() -> None:
    """No text in the message, and none in a chained error."""
    redactor = TableRedactor(catalogue=Catalogue(), detectors=[_Undecodable()])
    with pytest.raises(RedactionFailure) as caught:
        redactor.redact(joined("secret words"))
    assert caught.value.error_type is ErrorType.ENCODING_ERROR
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


class _FailsTwice:
    version = "1"
    calls = 0

    def find(self, text: str) -> list[tuple[int, int, str]]:
        self.calls += 1
        if self.calls < 3:
            raise RuntimeError
        return []


def test_a_case_gets_three_attempts_each_stricter() -> None:
    """Contract §11; the last one masks every candidate, also a technical one."""
    redactor = TableRedactor(catalogue=Catalogue(), detectors=[_FailsTwice()])
    case: JoinedCase = joined("number 1234567 here", identity={})
    assert redactor.redact(case).case.values["Description"] == "number <PHONE_1> here"
    assert REDACTOR.redact(case).case.values["Description"] == "number 1234567 here"
