"""The values of identity columns in the forms in which people write them: none may be left."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

FIRST = ("Jürgen", "Siobhan", "Łukasz", "Marie-Claire", "Tomás", "Ingrid", "Anneliese", "Bogdan", "Xiaoming", "Fatima", "Piotr", "Søren", "Odette", "Kwame", "Rajesh", "Yuki", "Mark", "Grace", "Bo", "Aoife")  # fmt: skip
LAST = ("Wächter", "O'Brien", "Nowakowski", "Dubois", "Núñez", "Lindqvist", "Kowalczyk", "Ionescu", "Zhang", "El-Sayed", "Müller-Lüdenscheidt", "Øvergård", "Marchetti", "Mensah", "Krishnamurthy", "Tanaka", "Price", "Baker", "Li", "van der Berg")  # fmt: skip
COMPANIES = (
    ("Bau Nord", "S.p.A."), ("Brightmoor Mills", "Ltd"), ("Zephyr Optik", "GmbH & Co. KG"), ("Nordvik Energi", "A/S"), ("Polmet Stalowa", "Sp. z o.o."),
    ("Kestrel Foundry", "Inc."), ("Vexillon", "B.V."), ("Škarpa Trans", "s.r.o."), ("Quintana Hermanos", "S.A. de C.V."), ("Ostrava Glass", "a.s."),
)  # fmt: skip
STREETS = (("Lindenweg 7", "80331", "München"), ("12 Quarry Lane", "05401", "Eastwick"), ("Calle Mayor 14", "28013", "Madrid"), ("ul. Długa 5", "00-238", "Warszawa"), ("Keizersgracht 221", "1016 DV", "Amsterdam"))  # fmt: skip
PHONES = (
    ("+49", "89", "2345678"),
    ("+1", "212", "5550187"),
    ("+44", "20", "79460123"),
    ("+33", "1", "42685300"),
    ("+48", "22", "6543210"),
)
_ROUND = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "å": "aa", "Ø": "Oe"})
SENTENCES = (
    "Spoke with {} about the fan.",
    "{} confirmed the fault.",
    "as told by {}, the fan is loud",
    "ticket of {} (again)",
    "cc {}; see log",
)


@dataclass(frozen=True, slots=True)
class Form:
    """A way to write a value, the text with it, and the pieces that must not be left."""

    kind: str
    name: str
    text: str
    pieces: tuple[str, ...]


def bare(name: str) -> str:
    """Without accents, as a keyboard without them writes it."""
    table = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O"})
    return "".join(
        c for c in unicodedata.normalize("NFKD", name.translate(table)) if not unicodedata.combining(c)
    )


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def person_forms(first: str, last: str) -> Iterator[tuple[str, str]]:
    f, la = bare(first).lower().replace("'", ""), bare(last).lower().replace("'", "").replace(" ", "")
    full = f"{first} {last}"
    yield from (
        ("full", full),
        ("upper", full.upper()),
        ("lower", full.lower()),
        ("last, first", f"{last}, {first}"),
        ("last first", f"{last} {first}"),
    )
    yield from (
        ("initial", f"{first[0]}. {last}"),
        ("initial without dot", f"{first[0]} {last}"),
        ("first and initial", f"{first} {last[0]}."),
    )
    yield from (
        ("two spaces", f"{first}  {last}"),
        ("line break", f"{first}\n{last}"),
        ("no-break space", f"{first}\xa0{last}"),
        ("wide", wide(full)),
    )
    yield from (
        ("no accents", bare(full)),
        ("round umlauts", full.translate(_ROUND)),
        ("soft hyphen", full[:2] + "\xad" + full[2:]),
        ("zero width", full[:3] + "\u200b" + full[3:]),
    )
    yield from (
        ("first.last", f"{f}.{la}"),
        ("last.first", f"{la}.{f}"),
        ("first_last", f"{f}_{la}"),
        ("firstlast", f + la),
        ("decomposed", unicodedata.normalize("NFD", full)),
    )
    if len(la) >= 4:
        yield from (
            ("flast", f[0] + la),
            ("flast01", f"{f[0]}{la}01"),
            ("lastf", la + f[0]),
            ("mr last", f"mr {last.lower()}"),
            ("possessive", f"{full}'s"),
        )
    if first not in ("Mark", "Grace", "Bo"):
        yield from (("first alone", first), ("hi first", f"hi {first.lower()},"))
    if last not in ("Price", "Baker", "Li"):
        yield "last alone", last
    if not full.isascii():
        yield "mojibake", full.encode().decode("cp1252", "replace")
        yield "mojibake of a console", full.encode().decode("cp437")


def company_forms(name: str, legal: str) -> Iterator[tuple[str, str]]:
    yield from (
        ("whole", f"{name} {legal}"),
        ("bare", name),
        ("upper", name.upper()),
        ("lower", name.lower()),
        ("no accents", bare(name)),
    )
    if " " in name:
        yield from (
            ("hyphen", name.replace(" ", "-")),
            ("one word", name.replace(" ", "")),
            ("underscore", name.replace(" ", "_")),
            ("line break", name.replace(" ", "\n")),
        )


def phone_forms(country: str, area: str, local: str) -> Iterator[tuple[str, str]]:
    trunk = "" if country == "+1" else "0"
    national = trunk + area + local
    yield from (
        ("international", f"{country} {area} {local}"),
        ("national", f"{trunk}{area} {local}"),
        ("run", national),
        ("slash", f"{trunk}{area}/{local}"),
    )
    yield from (
        ("dashes", f"{trunk}{area}-{local[:3]}-{local[3:]}"),
        ("dots", f"{trunk}{area}.{local[:3]}.{local[3:]}"),
        ("brackets", f"({trunk}{area}) {local[:3]} {local[3:]}"),
    )
    yield from (
        ("pairs", " ".join(national[i : i + 2] for i in range(0, len(national), 2))),
        ("zero zero", f"00{country[1:]} {area} {local}"),
        ("optional zero", f"{country} (0){area} {local}"),
    )
    yield from (
        ("wide", wide(national)),
        ("hyphens of print", f"{trunk}{area}\u2011{local[:3]}\u2011{local[3:]}"),
        ("minus", f"{trunk}{area}\u2212{local}"),
        ("middle dot", f"{trunk}{area}\u00b7{local[:3]}\u00b7{local[3:]}"),
    )
    yield from (
        ("escaped", f"tel:%2B{country[1:]}{area}{local}"),
        ("glued", f"Tel{national}"),
        ("arabic", national.translate({48 + i: 0x660 + i for i in range(10)})),
        ("local", local),
    )


def mail_forms(name: str, host: str) -> Iterator[tuple[str, str]]:
    yield from (
        ("mail", f"{name}@{host}"),
        ("upper", f"{name}@{host}".upper()),
        ("percent", f"mailto:{name}%40{host}"),
        ("quoted-printable", f"{name}=40{host}"),
    )
    yield from (
        ("brackets", f"<{name}@{host}>"),
        ("spelled", f"{name} (at) {host.replace('.', ' (dot) ')}"),
        ("host", host),
        ("tag", f"{name}+x@{host}"),
    )


def address_forms(street: str, code: str, town: str) -> Iterator[tuple[str, str]]:
    yield from (
        ("whole", f"{street}, {code} {town}"),
        ("two lines", f"{street}\n{code} {town}"),
        ("street", street),
        ("upper", street.upper()),
        ("code and town", f"{code} {town}"),
        ("no accents", bare(street)),
        ("town", town),
    )


def forms(rounds: int = 12, seed: int = 3) -> Iterator[tuple[dict[str, str], list[Form]]]:
    """Identity columns of a case, and the texts that hold their values."""
    r = random.Random(seed)
    for _ in range(rounds):
        for first in FIRST:
            last, company, phone, place = (
                r.choice(LAST),
                r.choice(COMPANIES),
                r.choice(PHONES),
                r.choice(STREETS),
            )
            host = bare(company[0]).lower().replace(" ", "-") + ".example.com"
            name = f"{bare(first)}.{bare(last)}".lower().replace("'", "").replace(" ", "")
            identity = {
                "ContactName": f"{first} {last}",
                "ContactEmail": f"{name}@{host}",
                "ContactPhone": " ".join(phone),
                "AccountName": " ".join(company),
                "SiteAddress": f"{place[0]}, {place[1]} {place[2]}",
            }
            yield identity, list(_written(r, first, last, company, phone, (name, host), place))


def _written(
    r: random.Random,
    first: str,
    last: str,
    company: tuple[str, str],
    phone: tuple[str, str, str],
    mail: tuple[str, str],
    place: tuple[str, str, str],
) -> Iterator[Form]:
    said = {
        "person": person_forms(first, last),
        "company": company_forms(*company),
        "phone": phone_forms(*phone),
        "mail": mail_forms(*mail),
        "address": address_forms(*place),
    }
    for kind, ways in said.items():
        for name, value in ways:
            yield Form(kind, name, r.choice(SENTENCES).format(value), tuple(_pieces(value)))


def _pieces(value: str) -> Iterator[str]:
    """What a reader would know it by."""
    for piece in value.replace("\n", " ").replace(",", " ").split():
        core = piece.strip(".()<>'s%") if piece.endswith("'s") else piece.strip(".()<>")
        if sum(map(str.isalnum, core)) >= 4 and core.lower() not in ("mailto", "gmbh"):
            yield core
