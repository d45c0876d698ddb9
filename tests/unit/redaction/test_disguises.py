"""No value is left in any disguise; the judge is the evaluation's forms, which share no code with rules."""

from __future__ import annotations

import quopri
import re
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import quote, unquote

import pytest
from benchmarks.redaction_eval import identities
from benchmarks.redaction_eval.cases import MAIN_FIELDS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everycase.domain.catalogue import Catalogue
from everycase.redaction.redactor import TableRedactor
from tests.unit.redaction.pieces import case_with, people, values_of

REDACTOR = TableRedactor(catalogue=Catalogue())
PLACEHOLDER = re.compile(r"<([A-Z]+)_\d+>")
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)


INVISIBLE = "\u200b\u2060\ufeff\xad\u200d"
DISGUISES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "percent escapes": quote,
    "most percent escapes": lambda t: quote(t, safe="@.+"),
    "quoted-printable": lambda t: quopri.encodestring(t.encode()).decode(),
    "zero-widths": lambda t: "".join(c + INVISIBLE[i % 5] * (i % 3 == 1) for i, c in enumerate(t)),
    "wide": identities.wide,
    "capitals": str.upper,
    "decomposed": lambda t: unicodedata.normalize("NFD", t),
    "other digits": lambda t: t.translate({48 + i: 0x966 + i for i in range(10)}),
    "entities": lambda t: "".join(f"&#{ord(c)};" if i % 3 == 1 else c for i, c in enumerate(t)),
}
_NOISE = (
    *("", "\n> ", "=C3=BC", "=E2=80=93", "%20", "%", "=", "=\n", "&lt;", "<b>", "</p>", "Hi ", "Best,\n"),
    *("\x1e", "\x00", "\r\n", "--\n", "1.2.3.4", "\u0301" * 40, "Ã¼", "Â\xa0", "\u200b", "٠٤٠", "０８"),
    *("ß", "İ", "😀", "\ud800", "<EMAIL_99>"),
)
NOISE = st.lists(st.sampled_from(_NOISE), max_size=3).map("".join)
SIGNS = st.sampled_from(
    ["", "(", "[", '"', "'", "/", "\\", "-", ",", ":", ";", "%20", "&lt;", "\t", "\u200b", "😀"]
)
OVER_LINES = ("line break", "two lines")
"""A mail whose first half of a name is quoted and whose second is not keeps the second."""
DISGUISED = ("glued", "escaped", "percent", "quoted-printable", "mojibake", "mojibake of a console")
"""Forms that are a disguise: those of one disguise in another are not looked for."""


@st.composite
def disguised(draw: st.DrawFn) -> tuple[str, dict[str, str], list[str]]:
    """A text, the identity columns, and the pieces of their values that must not be left in it."""
    identity, forms = draw(st.sampled_from(people()))
    parts, pieces = ["x"], []
    for form in draw(
        st.lists(st.sampled_from([f for f in forms if f.name not in OVER_LINES]), min_size=1, max_size=3)
    ):
        change = "as it is" if form.name in DISGUISED else draw(st.sampled_from(sorted(DISGUISES)))
        text = DISGUISES[change](form.text)
        parts += [draw(NOISE), draw(SIGNS) + text + draw(SIGNS), draw(NOISE)]
        pieces += form.pieces
    return " ".join(parts), identity, pieces


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(disguised(), st.sampled_from(sorted(MAIN_FIELDS)))
def test_no_value_is_left_in_any_disguise(made: tuple[str, dict[str, str], list[str]], table: str) -> None:
    """No exception escapes, and a reader who decodes what came out finds none of the values."""
    text, identity, pieces = made
    found = str(
        [v.get(MAIN_FIELDS[t], "") for t, v in values_of(REDACTOR.redact(case_with({table: text}, identity)))]
    )
    views = list(as_read(found))
    assert not [p for p in pieces if any(level(p) in view for view in views)]


def as_read(text: str) -> Iterator[str]:
    """As it stands, and decoded; none of it by the code under test."""
    yield level(text)
    yield level(unquote(text))
    yield level(quopri.decodestring(text.encode("utf-8", "replace")).decode("utf-8", "replace"))


def level(text: str) -> str:
    """Without placeholders, case, accents and what cannot be seen."""
    text = unicodedata.normalize("NFKC", PLACEHOLDER.sub("\x1e", text))
    seen = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return " ".join(identities.bare(seen).casefold().split())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Marie-Claire Mensah", "marie-clairemensah"),
        ("Marie-Claire Mensah", "mensahmarie-claire"),
        ("Ingrid Müller-Lüdenscheidt", "imuller-ludenscheidt01"),
        ("Dr. Ingrid Müller-Lüdenscheidt", "imueller-luedenscheidt"),
        ("Dług Óśka", "D=C5=82ug =C3=93=C5=9Bka"),
        ("Пётр Иванов", "=D0=9F=D1=91=D1=82=D1=80 =D0=98=D0=B2=D0=B0=D0=BD=D0=BE=\n=D0=B2"),
        ("Пётр Иванов", "=D0=9F=D1=91=D1=82=D1=80 =D0=98=D0=B2=D0=B0=D0=BD=D0=BE=D0=\n=B2"),
        ("Ada Quill", "A%E2%80%8Bda%C2%A0Quill"),
        ("Ada Quill", "A=C2=ADda=C2=A0Quill"),
        ("Ada Quill", "AdaÂ\xa0Quill"),
    ],
)
def test_a_login_or_an_escape_of_an_own_name_goes_whole(name: str, said: str) -> None:
    """With the name's hyphens, with escaped zero-widths and blanks, with a line's end in an escape."""
    case = case_with({"CaseComment": f"told by {said} at noon"}, {"ContactName": name})
    assert values_of(REDACTOR.redact(case))[1][1] == {"CommentBody": "told by <PERSON_1> at noon"}


@pytest.mark.parametrize(
    "uuid", ["aabe21f0-daa6-ee03-4d56-39846f52b69d", "1fbb434b-e48c-de81-ea83-f7d732eb17e8"]
)
def test_the_end_of_a_uuid_is_no_account(uuid: str) -> None:
    """Its groups and check digits may happen to be those of an IBAN; two of 12,808 in the sample are."""
    case = case_with({"CaseComment": f"hash of the component: {uuid}."}, {})
    assert values_of(REDACTOR.redact(case))[1][1] == {"CommentBody": f"hash of the component: {uuid}."}
