"""Streets, post boxes and towns, by the forms of countries (contract §6: work orders, feeds, e-mails)."""

from __future__ import annotations

from collections.abc import Iterator

from everycase.redaction.matching import Alternatives, Scanned, TermMatch
from everycase.redaction.spans import Label, Span
from everycase.redaction.words import words

_NAME = r"\p{Lu}[\pL'’.-]+"
_NUMBER = r"\d{1,5}(?:[ ]?[A-Za-z])?(?:[-/]\d{1,4}[a-z]?)?"
_ENGLISH = "|".join(sorted(words("street_words"), key=lambda p: (-len(p), p)))
_ROMANCE = (
    r"(?:[Rr]ue|[Aa]venue|[Bb]oulevard|[Cc]hemin|[Ii]mpasse|[Aa]llée|[Qq]uai|[Rr]oute|[Cc]ours|[Pp]lace|Calle|C/|Avenida|Avda\.?|Av\.|Paseo|Plaza|Pza\.?|Carrera|"
    r"Carretera|Ronda|Camino|Carrer|Via|Viale|Piazza|Corso|Largo|Vicolo|Strada|Rua|Travessa|Praça|Alameda|Rodovia|Estrada)"
)
_LINK = r"(?:(?:de|del|de[ ]la|de[ ]los|de[ ]las|du|des|da|do|dos|das|della|dei|di|von|van|der|den|d'|l'|la|le|les|el|los|las|y|e)[ ]?)"
PATTERNS = {
    "street": rf"\b\d{{1,5}}[A-Za-z]?,?[ ](?:[NSEW]\.?[ ]|North[ ]|South[ ]|East[ ]|West[ ])?(?:{_NAME}|\d{{1,3}}(?:st|nd|rd|th))(?:[ ]{_NAME}){{0,3}}[ ](?:{_ENGLISH})\b\.?(?:,?[ ](?:(?i:suite|ste|floor|unit|apt|apartment|room|bldg|building|#)\.?[ ]?\w{{1,6}}|\d{{1,3}}(?:st|nd|rd|th)[ ](?i:floor|fl)\b))?",
    "strasse": rf"\b(?:\p{{Lu}}[\pL-]+[ ]?(?:straße|strasse|Straße|Strasse|str\.|Str\.|weg|Weg|platz|Platz|allee|Allee|gasse|Gasse|damm|Damm|[a-df-hj-np-tv-zßA-Z]ring|Ring|ufer|markt|berg|hof|chaussee)|(?:Gewerbe|Industrie|Technologie|Business)park)[ ]{_NUMBER}\b",
    "germanic": rf"\b(?:\p{{Lu}}[\pL'-]*[ ]){{0,2}}\p{{Lu}}[\pL'-]*(?:straat|laan|plein|kade|gracht|dreef|singel|steeg|gatan|vägen|gränd|torget|gade|gaden|vej|vejen|allé|gata|gaten|veien|vegen|katu|kuja|polku|aukio)[ ]{_NUMBER}\b",
    "slavic": rf"\b(?:ul\.|ulica|ulice|al\.|aleja|os\.|osiedle|pl\.|plac|nám\.|náměstí|tř\.|třída|trg|ул\.|улица|пр\.|проспект|вул\.)[ ]{{0,2}}(?:[\pL][\pL.'-]*[ ])+{_NUMBER}\b",
    "czech": r"\b\p{Lu}[\pL-]+(?:ská|cká|ova|ovo|ého|ní)[ ]\d{1,4}(?:/\d{1,4}[a-z]?)\b",
    "romance": rf"\b\d{{1,4}}(?:[ ]?(?:bis|ter|[A-Za-z]))?,?[ ]{_ROMANCE}[ ]{_LINK}{{0,2}}{_NAME}(?:[ ]{_LINK}{{0,2}}{_NAME}){{0,3}}",
    "romanceback": rf"\b{_ROMANCE}[ ]{_LINK}{{0,2}}{_NAME}(?:[ ]{_LINK}{{0,2}}{_NAME}){{0,3}},?[ ](?:n[º°o.]{{0,2}}[ ]?|núm\.?[ ]?|s/n|km[ ])?{_NUMBER}\b(?:,[ ]\d{{1,2}}[º°ª][ ]?[A-Za-z]{{0,6}})?",
    "japan": r"\b\d{1,2}-\d{1,2}(?:-\d{1,3})?,?[ ]\p{Lu}[\pL]+(?:[ -][\pL]+)?,[ ]\p{Lu}[\pL]+-(?:ku|shi|cho|machi|gun|mura|fu|ken)\b(?:[^\n]{0,40}?\d{3}-\d{4}\b)?",
    "plot": r"\b(?:Plot|Flat|Door|House|H\.|Shop|Survey)[ ](?:No|Nr)\.?[ :]?[ ]?[\w/-]{1,8},[ ][^\n]{3,80}?\b[1-9]\d{2}[ ]?\d{3}\b",
    "box": r"\b(?i:P\.?[ ]?O\.?[ ]Box|Postfach|Boîte postale|Apartado|Postbus|Postboks|Casella postale|skr\. poczt\.|BP)[ ]\d{1,6}\b",
    "town": r"\b\p{Lu}[\pL-]+(?:[ ]\p{Lu}[\pL-]+){0,2},[ ][A-Z]{2}[ ]\d{5}(?:-\d{4})?\b",
    "code": r"\b(?:(?:[A-Z]{1,2}-)?\d{5}[ ]\p{Lu}[\pL-]+(?:[ ]\p{Lu}[\pL-]+)?|[A-Z]{1,2}\d[A-Z0-9]?[ ]\d[A-Z]{2}|\d{4}[ ]?[A-Z]{2}[ ]\p{Lu}[\pL-]+|\d{3}[ ]\d{2}[ ]\p{Lu}[\pL-]+|\d{2}-\d{3}[ ]\p{Lu}[\pL-]+|\d{4}-\d{3}[ ]\p{Lu}[\pL-]+)\b",
}
_PATTERNS = Alternatives(PATTERNS)
_NEAR = 80
"""Characters between a street and the postal code that belongs to it."""


def place_spans(scanned: Scanned) -> Iterator[Span]:
    """Street lines, post boxes and towns with a postal code.

    `80331 München` and `P4 1TB` have one shape: it counts only in the two lines after a street.
    """
    street = -_NEAR
    for m in _PATTERNS.find(scanned):
        if m.name == "code":
            if m.start - street >= _NEAR or scanned.text.count("\n", street, m.start) > 2:
                continue
        elif m.name in ("street", "romance", "romanceback") and _is_technical(m, scanned.text):
            continue
        else:
            street = m.end
        yield Span(m.start, m.end, Label.ADDRESS, m.text.lower(), f"address: {m.name}")


def _is_technical(m: TermMatch, text: str) -> bool:
    """`1 Logical Drive`, `4 Physical Drive bays`, `10 Via gateway`: words of storage and networks before Drive and via."""
    named = [w.strip(".,()").lower() for w in m.text.split()]
    if any(w in words("storage_words") for w in named):
        return True
    is_drive = named[-1] in (
        "drive",
        "dr",
        "close",
        "court",
        "place",
        "way",
        "row",
        "rise",
        "walk",
        "circle",
        "hill",
        "loop",
        "square",
    )
    after = text[m.end : m.end + 12].lower().lstrip()
    return is_drive and (
        after.startswith(("(s)", "bay", "fail", "cage", "slot", "size", "type", "is ", "was ", "has "))
        or after[:1] == "s"
    )
