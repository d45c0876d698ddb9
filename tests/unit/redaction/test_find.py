"""What is found: each kind of leak of release 0.1, on inputs made here."""

from __future__ import annotations

import pytest

from tests.unit.redaction.test_redactor import clean

WHO = {
    "ContactName": "Jördis Quellmann",
    "ContactEmail": "joerdis.quellmann@werk-sued.example",
    "ContactPhone": "+49 40 5550123",
    "AccountName": "Werk Süd S.p.A.",
    "SiteAddress": "Birkenstraße 9, 20095 Hamburg",
}


@pytest.mark.parametrize(
    "number",
    [
        "040 5550123",
        "+49 (0)40 5550123",
        "0049 40 5550123",
        "０４０５５５０１２３",
        "٠٤٠ ٥٥٥٠١٢٣",
        "040\u2011555\u20110123",
        "040\u2212555\u22120123",
        "040·555·0123",
        "04 05 55 01 23",
        "tel:%2B49405550123",
        "Tel0405550123",
        "5550123",
    ],
)
def test_an_own_number_goes_in_any_digits_and_signs(number: str) -> None:
    """Other scripts, other dashes, groups, glued to a word, escaped."""
    found = clean(f"ring {number} please", "CaseComment", identity=WHO)
    assert "<PHONE_1>" in found
    assert not [c for c in found.replace("PHONE_1", "").replace("2B", "") if c.isdecimal() and c not in "1+"]


@pytest.mark.parametrize(
    "number",
    [
        "T: 398-236-2383",
        "M: 392 513 4902",
        "call back on 392-513-4902",
        "392-513-4902",
        "(37) 788-063-Office",
        "tel. 089/2345678",
        "mobile 0171/123 45 67",
    ],
)
def test_a_number_behind_its_word_or_in_american_groups_needs_no_plan(number: str) -> None:
    """3-3-4 as it stands."""
    assert not [c for c in clean(number, "CaseComment", identity={}).replace("_1", "") if c.isdigit()]


@pytest.mark.parametrize(
    "mail",
    [
        "mailto:a.b%40kunde.example.org",
        "a.b=40kunde.example.org",
        '"a b"@kunde.example.org',
        "a.b (at) kunde (dot) example (dot) org",
        "a.b[at]kunde.example.org",
    ],
)
def test_a_mail_address_in_disguise_is_one(mail: str) -> None:
    """Escaped, quoted, spelled out."""
    found = clean(f"write {mail} now", "CaseComment", identity={})
    assert "kunde" not in found
    assert found.count("<EMAIL_") == 1


@pytest.mark.parametrize(
    ("company", "said"),
    [
        ("Werk Süd S.p.A.", "Werk Süd"),
        ("Werk Süd A/S", "Werk-Süd"),
        ("Werk Süd Sp. z o.o.", "WerkSued"),
        ("Werk Süd GmbH & Co. KG", "werk süd"),
        ("Werk Süd B.V.", "Werk_Süd"),
        ("Quellmann s.r.o.", "Quellmann"),
        ("株式会社青空", "青空"),
    ],
)
def test_a_company_goes_without_its_legal_form(company: str, said: str) -> None:
    """With a hyphen, in one word, with other umlauts."""
    assert clean(f"the people of {said}, again", "CaseComment", identity={"AccountName": company}) == (
        "the people of <COMPANY_1>, again"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("李娜", "李娜"),
        ("佐藤 花子", "花子"),
        ("佐藤花子", "佐藤さん"),
        ("김철수", "철수"),
        ("محمد الأحمد", "ومحمد"),
        ("Иван Петров", "Петрову"),
        ("Jördis Quellmann", "quellmann.joerdis"),
        ("Jördis Quellmann", "jquellmann01"),
        ("Jördis Quellmann", "QuellmannJ"),
        ("Jördis Quellmann", "JÃ¶rdis"),
        ("Jördis Quellmann", "J├╢rdis"),
        ("Jördis Quellmann", "Jo\u0308rdis"),
        ("Jördis Quellmann", "mr quellmann"),
        ("Siobhan O'Dell", "ODell"),
        ("Marie-Claire Quist", "Claire"),
    ],
)
def test_a_name_goes_in_all_scripts_and_forms(name: str, said: str) -> None:
    """Caseless scripts, endings, logins, mojibake, titles."""
    found = clean(f"7 {said} 7", "CaseComment", identity={"ContactName": name})
    assert found in ("7 <PERSON_1> 7", "7 mr <PERSON_1> 7")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mark replaced the board.", "<PERSON_1> replaced the board."),
        ("I asked Mark about it.", "I asked <PERSON_1> about it."),
        ("The engineer M. Price came", "The engineer <PERSON_1> came"),
        ("Mark the port as down", "Mark the port as down"),
        ("the price of the mark", "the price of the mark"),
    ],
)
def test_a_name_that_is_a_word_goes_where_it_is_a_name(text: str, expected: str) -> None:
    """Before a verb, within a sentence, beside an initial."""
    assert clean(text, "CaseComment", identity={"EngineerName": "Mark Price"}) == expected


@pytest.mark.parametrize(
    "text",
    [
        "pw: {}",
        "pass: {}",
        "the password for root is {}",
        "passwort lautet {}",
        "ipmitool -U admin -P {} sdr",
        "ilorest login x -u admin -p {}",
        "mysql -u root -p{}",
        "curl -u admin:{} https://x",
        "--password {}",
        "api_key={}",
        "login: admin / {}",
        "sshpass -p {} ssh x",
        '"password": "{}"',
        "<ns:password>{}</ns:password>",
    ],
)
def test_a_secret_goes_however_it_is_written(text: str) -> None:
    """And the words around it stay."""
    found = clean(text.format("Tr0ub4dor!9"), "CaseComment", identity={})
    assert "Tr0ub4dor" not in found
    assert "<PASSWORD_1>" in found


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("SSN 219 09 9999", "SSN"),
        ("iban de89370400440532013000", "IBAN"),
        ("DE89-3704-0044-0532-0130-00", "IBAN"),
        ("4111.1111.1111.1111", "CARD"),
        ("10.64.1.7.443 > 10.64.1.9.51200", "IP"),
    ],
)
def test_a_number_goes_in_other_groups(text: str, label: str) -> None:
    assert f"<{label}_1>" in clean(f"is {text} now", "CaseComment", identity={})


@pytest.mark.parametrize(
    "street",
    [
        "Calle de Alcalá 45",
        "Keizersgracht 221",
        "ul. Marszałkowska 10",
        "Kungsgatan 12",
        "Via Roma 12",
        "12 rue de la Paix",
        "Rua Augusta, 1500",
        "Lange Straße 4a",
        "480 Observatory Avenue",
    ],
)
def test_streets_of_many_countries_leave_a_work_order(street: str) -> None:
    assert clean(f"Went to {street} at nine", "WorkOrder", identity={}) == "Went to <ADDRESS_1> at nine"


@pytest.mark.parametrize(
    "line",
    [
        "Techniker: Konrad Maier",
        "Ansprechpartner: Konrad Maier",
        "Técnico: Konrad Maier",
        "Contactpersoon: Konrad Maier",
        "Technicien : Konrad Maier",
        "Engineer Konrad Maier arrived",
        "Spoke with Konrad Maier",
        "Frau Maier",
    ],
)
def test_a_person_behind_a_label_or_title_goes(line: str) -> None:
    found = clean(line, "WorkOrder", identity={})
    assert "Maier" not in found
    assert "Konrad" not in found


@pytest.mark.parametrize(
    "text",
    [
        "Petra,\n\nthe fan failed.",
        "Hi Petra, Petra and Petra,\nthe fan failed.",
        "hi petra,\nthe fan failed.",
        "The fan failed.\n\nBest,\nPetra",
        "The fan failed.\n\nTake care,\nPetra Petra",
        "The fan failed.\n\n-Petra",
        "The fan failed.\n\nPetra",
        "Thanks, Petra.",
        "Petra <p@x.example> asked",
        'cc: "Petra, Petra" <p@x.example>',
        "To: Petra; Petra <p@x.example>\nok",
        "Am 4.11. schrieb Petra Petra:\nnur das",
        "Здравствуйте, Petra! Готово.",
        "Γεια σου Petra, ο δίσκος χάλασε.",
        "안녕하세요 Petra, 디스크",
        "Hei Petra,\nviften er byttet.",
        "Готово.\n\nС уважением\nPetra Petra",
        "@Petra Petra please check",
    ],
)
def test_names_go_where_the_form_of_a_mail_shows_them(text: str) -> None:
    """With no identity column at all."""
    assert "petra" not in clean(text, "EmailMessage", identity={}).lower()


def test_an_id_field_that_holds_no_id_passes_through_redaction() -> None:
    """Whatever the door let in: there is no path for a raw value (issue 12, kind 1)."""
    from everycase.domain.cases import JoinedCase, Record
    from everycase.domain.failures import RedactionFailure
    from tests.unit.redaction.test_redactor import CATALOGUE, REDACTOR

    values = {"Id": "5007T000002AbcDQAS", "CaseNumber": "40000001", "ParentId": "ada.quill@werk.example"}
    comment = {
        "CommentBody": "ok",
        "CreatedById": "Dr. Ada Quill",
        "CreatedDate": "ask ada.quill@werk.example",
    }
    children = {o.name: () for o in CATALOGUE.children}
    children["CaseComment"] = (Record(object="CaseComment", id="00aX", values=comment),)
    case = JoinedCase(
        case=Record(object="Case", id=values["Id"], values=values), children=children, generation=1
    )
    found = REDACTOR.redact(case)
    assert found.case.values["ParentId"] == "<EMAIL_1>"
    assert "Quill" not in str(found.children["CaseComment"][0].values)
    assert "quill" not in str(found.children["CaseComment"][0].values)
    number = {**values, "CaseNumber": "ada.quill@werk.example"}
    with pytest.raises(RedactionFailure, match="CaseNumber holds no case number"):
        REDACTOR.redact(
            JoinedCase(case=Record(object="Case", id=values["Id"], values=number), children={}, generation=1)
        )
