"""Names in running text of other languages than English: who did something, and whom somebody spoke to.

Looked for only where a text has one of the words that these forms cannot do without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from everycase.redaction.matching import Alternatives, Scanned
from everycase.redaction.mentioned import named_spans
from everycase.redaction.spans import Span

_NAMED = r"\p{Lu}[\pL'’-]+"
_LINKED = r"(?:(?:de|van|von|der|den|la|las|los|del|della|di|da|das|dos|le|die|ter|ten|el|al)[ ]){0,3}"
_BY = (
    r"(?i:\b(?:(?:atendid|abiert|realizad|hech|confirmad|solicitad|aprobad|aprovad|enviad|revisad|cerrad|escalad|instalad|informad|reportad|gestionad|firmad|"
    r"abert|feit|fechad|relatad|pedid)[oa]s? por|"
    r"(?:signalé|ouvert|effectué|réalisé|confirmé|validé|envoyé|traité|demandé|fait|transmis|appelé|installé|signé|pris en charge)e?s? par|"
    r"(?:apert|effettuat|confermat|richiest|approvat|inviat|gestit|eseguit|chius|fatt|segnalat|firmat|installat)[oaie] da|"
    r"(?:gemeldet|eröffnet|bestätigt|durchgeführt|erledigt|genehmigt|freigegeben|beauftragt|angefordert|bearbeitet|übernommen|gesendet|geschickt|informiert|"
    r"erfasst|erstellt|geprüft|installiert|unterschrieben|anruf|nachricht|mail|rückmeldung|info|antwort|anfrage) (?:von|durch)|"
    r"(?:gemeld|uitgevoerd|bevestigd|goedgekeurd|aangemaakt|gesloten|verstuurd|gedaan|geïnstalleerd|getekend) door|"
    r"(?:zgłoszon|wykonan|potwierdzon|zatwierdzon|otwart|zamknięt|wysłan|przyjęt|podpisan)[yaeo] przez))"
)
PATTERNS = {
    "talked": rf"(?i:\b(?:j['’]ai|nous avons) eu|\b(?:vu|validé|convenu) avec|\b(?:visto|coordinado|revisado|acordado|confirmado|combinado) (?:con|com)|\b(?:concordato|verificato) con|\b(?:abgestimmt|vereinbart|geklärt) mit)[ ]{_NAMED}",
    "by": rf"{_BY}[ ]{_LINKED}{_NAMED}[ ]{_LINKED}{_NAMED}",
    "between": rf"\b(?:[Mm]it|[Mm]et)[ ]{_NAMED}(?:[ ]{_LINKED}{_NAMED})?",
}
_PATTERNS = Alternatives(PATTERNS)
_SIGNS = Alternatives(
    {
        "sign": "[ ](?:por|par|von|durch|door|przez|avec|con|com|mit|eu)[ ]|Mit[ ]|[aeio][ ]da[ ]|gesproken|gebeld"
    }
)
_SPOKEN = re.compile(
    r"[^.;:\n]{0,80}?[ ](?:gesprochen|telefoniert|gechattet|abgestimmt|besprochen|vereinbart|geklärt|gesproken|gebeld|overlegd)\b"
)


def foreign_spans(scanned: Scanned) -> Iterator[Span]:
    """Full names behind a participle and a word for `by`; names of whom somebody spoke to."""
    if not _SIGNS.places(scanned):
        return
    for m in _PATTERNS.find(scanned):
        if m.name == "between":
            if _SPOKEN.match(scanned.text, m.end):
                is_full = m.text.count(" ") > 1
                yield from named_spans(scanned.text, m._replace(name="by" if is_full else "talked"))
        else:
            yield from named_spans(scanned.text, m)
