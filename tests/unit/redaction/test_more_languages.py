"""Leaks and damage that texts of other languages and ways of writing showed, by kind (rules of version 7)."""

from __future__ import annotations

import pytest

from tests.unit.redaction.test_redactor import clean


def _left(text: str, wanted: str, table: str = "CaseComment") -> list[str]:
    found = clean(text, table, identity={})
    return [w for w in wanted.split("|") if w in found]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The customer (Mike, 303-555-0188) is waiting.", "Mike|303-555"),
        ("Also Dana Whitlock (cell 303 555 0142) and Femke at 020-5551234", "Dana|Whitlock|Femke|0142"),
        ("Corinne Alves (0632685973), then Tola Krawczyk, 720 299 206", "Corinne|Alves|0632685973|Tola|720"),
        ("Ring 303-555-0188 (Rosa) after noon", "Rosa|0188"),
    ],
)
def test_the_name_beside_a_telephone_number_goes_and_confirms_it(text: str, wanted: str) -> None:
    """Before it, with a sign or a word for telephone between, or in brackets behind it."""
    assert _left(text, wanted) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Puede llamar al 612 345 678 o 91 123 45 67.", "612 345|91 123"),
        ("Javier está en el 655 44 33 22", "655 44"),
        ("Tel. fijo 934567890; proszę dzwonić: 668 040 015", "934567890|668 040"),
        ("ligar para 11 9967-2125; my number is 3468951433", "9967-2125|3468951433"),
        ("Telefonnummer lautet 03393581334", "03393581334"),
    ],
)
def test_numbers_of_more_countries_go(text: str, wanted: str) -> None:
    """By groups that nothing else is written in, by the word before, as the second of two."""
    assert _left(text, wanted) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Heute mit Kollege Markus Brandner und Stefanie Lutz gesprochen", "Markus|Brandner|Stefanie|Lutz"),
        ("Habe mit Antje Bärwald telefoniert, gemeldet von Uwe Thiel", "Antje|Bärwald|Uwe|Thiel"),
        ("i.A. Dörte Hansen\nHerr Haering ruft an", "Dörte|Hansen|Haering"),
        ("El técnico Ramón vino; atendido por Lucía Ferrer", "Ramón|Lucía|Ferrer"),
        ("J'ai eu Jean-Luc Moreau en ligne, signalé par Élodie Girard", "Jean-Luc|Moreau|Élodie|Girard"),
        ("Il tecnico Fedele; segnalato da Camilla Lanfranchi", "Fedele|Camilla|Lanfranchi"),
        ("Aberto por Cauã das Neves, o técnico Bruna trocou", "Cauã|Neves|Bruna"),
        (
            "collega Femke de Vries; gemeld door Vigo Dorsman; Beste heer Eerden,",
            "Femke|Vries|Vigo|Dorsman|Eerden",
        ),
        ("Zgłoszone przez Łukasz Rykała; rozmawiałem z Jan Bobel", "Łukasz|Rykała|Jan|Bobel"),
        ("Tanaka-san confirmed, Sharma-ji too", "Tanaka|Sharma"),
        ("Teilnehmer: Jun Wei, Karin Thies\nPresenti: Renata Nievo", "Jun|Wei|Karin|Thies|Renata|Nievo"),
        ("Owner: K. Möller; backup: T. van Dijk", "Möller|Dijk"),
        ("Rebecca Holmes from the customer site confirmed; Katie called about it", "Rebecca|Holmes|Katie"),
        ("Left a voicemail for David Reidl. @Mohamed pls check", "David|Reidl|Mohamed"),
        ("[14:02] Jun Wei: failed\n[14:03] Priyanka: ok\n[14:04] jun.wei: thx", "Jun|Wei|Priyanka|jun"),
        ("Engineer: Alice Harding\nContact: Mary Day", "Alice|Harding|Mary|Day"),
    ],
)
def test_names_in_running_text_of_more_languages_go(text: str, names: str) -> None:
    """By who did it, whom somebody spoke with, lists of those present, speakers, honours."""
    assert _left(text, names) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("root pw is now Tr0ub4dor&3; net user bob P@ssw0rd! /add", "Tr0ub4dor|P@ssw0rd"),
        ("social security no. 219099999", "219099999"),
        ("jane dot doe at example dot com", "jane|example"),
        ("su - kjohnson; chown bwilson:users f; last login: plopez pts/0", "kjohnson|bwilson|plopez"),
        ("https://portal.example.com/users/jane.doe/tickets \\\\filer\\home\\jdoe\\x", "jane.doe|jdoe"),
    ],
)
def test_more_secrets_and_accounts_go(text: str, wanted: str) -> None:
    """A password that was changed, accounts in commands, paths and URLs."""
    assert _left(text, wanted) == []


@pytest.mark.parametrize(
    "address",
    [
        "1-7-1 Konan, Minato-ku, Tokyo 108-0075",
        "Plot No. 12, Sector 44, Gurgaon 122003",
        "350 Fifth Avenue, 34th Floor",
        "Calle Mayor 5, 3º B",
    ],
)
def test_addresses_of_more_countries_go(address: str) -> None:
    """Japan in Latin letters, plots of India, floors."""
    assert (
        clean(f"Deliver to {address}\nSpare 1", "WorkOrder", identity={}) == "Deliver to <ADDRESS_1>\nSpare 1"
    )


@pytest.mark.parametrize(
    "text",
    [
        "OS10 10.5.4.2, ESXi7 7.0.3.1, OS: 10.5.2.3",
        "Order 0171 2233 4455 was part 089-2345-001",
        "Asset Tag (0000123456), Serial Number - 4500123456, Contract Id, 2145551234, Heap Size - 3145728000",
        "Sample Size: 612 34 56 78, 612 345 678 blocks, 312 500 000 sectors",
        "ersetzt durch Netzteil Lüfter; Fehler mit Broadcom NetXtreme Treiber besprochen",
        "remplacé par Kit Ventilateur",
        "Message from Event Log, call from Main Loop, waiting for Spare Part P1234-001",
        "Windows Update asked for reboot. Active Directory approved. Interrupt called about 3 times.",
        "@Override public void run() @Autowired private Foo foo; ping @channel",
        "[10:02] Kernel: panic\n[12:01] Error: disk\nPresent: True, Backup: Failed, Team: Storage Ops",
        "su - oracle; chown root:root /x; Last login: Mon Jul 14 09:12; /users/index.html",
        "Jun 12 patch, Sun Fire servers, Mar 3 crash",
    ],
)
@pytest.mark.parametrize("table", ["CaseComment", "WorkOrder"])
def test_what_is_technical_in_such_texts_stays(text: str, table: str) -> None:
    """Versions of systems named by a number, other numbers behind their word, parts that did something."""
    assert clean(text, table, identity={}) == text


def test_a_host_whose_name_ends_like_its_address_is_no_version() -> None:
    """`srv10 10.5.6.7`: only systems have versions."""
    assert _left("server srv10 10.5.6.7; node10 10.1.2.3", "10.5.6.7|10.1.2.3") == []
