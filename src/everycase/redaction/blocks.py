"""Lines of work orders, feeds and e-mails that say what they hold: `Site address: …`, `Phone: …`."""

from __future__ import annotations

from collections.abc import Iterator

from everycase.redaction.matching import Alternatives, Scanned
from everycase.redaction.spans import Label, Span

PATTERNS = {
    "address": r"(?im:^)[ \t>*]{0,8}(?i:(?:site |shipping |delivery |postal |street |customer |mailing )?address|site(?: name)?|ship to|deliver to|anschrift|adresse|standort|lieferadresse|dirección|domicilio|indirizzo|endereço|adres|adress|osoite|adresa|адрес)[ \t]{0,3}:[ \t]{0,4}[^\n]{2,160}",
    "phone": r"(?im:^)[ \t>*]{0,8}(?i:phone|tel|telephone|mobile|cell|fax|direct|office|telefon|mobil|handy|téléphone|teléfono|móvil|telefono|cellulare|telefone|telefoon|puhelin|телефон)[ \t]{0,3}[.:][ \t]{0,4}[+(\d][^\n]{5,40}",
}
_PATTERNS = Alternatives(PATTERNS)
_LABELS = {"address": Label.ADDRESS, "phone": Label.PHONE}


def block_spans(scanned: Scanned) -> Iterator[Span]:
    """What stands behind the label."""
    for m in _PATTERNS.find(scanned):
        value = m.text[m.text.index(":" if ":" in m.text else ".") + 1 :]
        stripped = value.strip()
        start = m.end - len(value.lstrip())
        if (
            stripped
            and not stripped.startswith("<")
            and (m.name == "address" or sum(map(str.isdigit, stripped)) >= 6)
        ):
            yield Span(start, start + len(stripped), _LABELS[m.name], stripped.lower(), f"labelled {m.name}")
