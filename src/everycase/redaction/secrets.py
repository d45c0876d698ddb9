"""Passwords, tokens and keys, in the ways in which people and programs write them."""

from __future__ import annotations

import re

from everycase.redaction.matching import TermMatch
from everycase.redaction.spans import Label, Span
from everycase.redaction.words import words

_WORDS = (
    r"(?:pass ?words?|passwd|passwrd|passphrase|passcode|pwd|kennwort|passwort|wachtwoord|mot de passe|mdp|contraseña|clave|senha|"
    r"hasło|lösenord|adgangskode|salasana|heslo|пароль|密码|密碼|パスワード|비밀번호)"
)
_IS = r"(?:is now|is|was|ist|lautet|est|es|set to|changed to|reset to|:|=|->|=>)"
_FOR = r"(?:[ \t]{1,2}(?:for|of|to|on|von|für|de|pour|para|per|voor)[ \t]{1,2}[^\n:=]{1,40}?)?"
_WEAK = (
    r"(?:pw|pass|passw|pin|secret|psk|credentials?|creds?|token|api[_ -]?key|access[_ -]?key|secret[_ -]?key|client[_ -]?secret|"
    r"auth[_ -]?token|private[_ -]?key|shared[_ -]?secret|licen[cs]e[_ -]?key|community(?:[_ -]?string)?)"
)
_VALUE = r"[^\s\"'<>]{2,128}"

PATTERNS = {
    "password": rf"(?i:[\w.-]{{0,40}}{_WORDS}\b?[\"']?{_FOR}[ \t]{{0,3}}{_IS}[ \t]{{0,3}}[\"'`(]?){_VALUE}",
    "element": rf"<(?i:[\w.:-]{{0,40}}(?:{_WORDS}|secret|token))>[^<>\s]{{1,128}}</",
    "weakword": rf"(?i:\b(?:[\w-]{{0,24}}[_-])?{_WEAK}[\"']?[ \t]{{0,3}}(?::|=|->|=>)[ \t]{{0,3}}[\"'`]?){_VALUE}",
    "option": rf"(?:^|[\s\"'])(?i:--?(?:password|passwd|pass|pwd|pw|secret|token|api-?key))(?:=|[ \t]{{1,3}})[\"']?{_VALUE}",
    "userflags": r"(?:^|\s)(?:-[uUl]|--user(?:name)?|-user)[ =]?[\"']?[^\s\"']{1,64}[\"']?[ \t]{1,3}(?:-[pPa]|--pass(?:word)?)[ =]?[\"']?[^\s\"'-][^\s\"']{1,127}"
    r"|(?:^|\s)sshpass[ \t]{1,2}-p[ =]?[\"']?[^\s\"']{2,128}",
    "userpair": r"(?:^|\s)(?:-u|-U|--user)[ =]?[\"']?[^\s:\"'/]{1,64}:[^\s\"']{2,128}",
    "slashpair": r"(?i:\b(?:credentials?|creds|login|logon|user ?/ ?pass(?:word)?|username ?/ ?password)(?:[ \t]{1,2}(?:is|are|with|as))?[ \t]{0,2}[:=]?[ \t]{1,2})[A-Za-z][\w.@-]{1,39}[ \t]{0,2}/[ \t]{0,2}[^\s\"'<>/]{4,64}",
    "header": r"(?i:\b(?:bearer|basic)[ \t]{1,2})[A-Za-z0-9+/=._~-]{12,512}",
    "issued": r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,60}|xox[abprs]-[\w-]{10,80}|glpat-[\w-]{16,40}|eyJ[\w-]{10,512}\.[\w-]{10,1000}\.[\w-]{0,512}|sk-[A-Za-z0-9_-]{20,120})",
    "keyblock": r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]+-----END [A-Z ]{0,30}PRIVATE KEY-----",
}

_IGNORE = re.IGNORECASE
_HEADS = {
    "password": re.compile(
        rf".{{0,44}}?{_WORDS}[\"']?{_FOR}[ \t]{{0,3}}({_IS})[ \t]{{0,3}}[\"'`(]?", _IGNORE
    ),
    "element": re.compile(r"<[^>]{1,80}>"),
    "weakword": re.compile(rf".{{0,26}}?{_WEAK}[\"']?[ \t]{{0,3}}(:|=|->|=>)[ \t]{{0,3}}[\"'`]?", _IGNORE),
    "option": re.compile(r"[\s\"']?--?[\w-]{1,12}(=|[ \t]{1,3})[\"']?"),
    "userflags": re.compile(
        r".{1,150}[ \t](?:-[pPa]|--pass(?:word)?)[ =]?[\"']?|\s?sshpass[ \t]{1,2}-p[ =]?[\"']?"
    ),
    "userpair": re.compile(r"\s?--?[uUser]{1,4}[ =]?[\"']?[^\s:\"'/]{1,64}:"),
    "slashpair": re.compile(r".{1,80}?[\w.@-][ \t]{0,2}/[ \t]{0,2}(?![ \t]{0,2}(?i:pass))"),
    "header": re.compile(r"\w{5,6}[ \t]{1,2}"),
    "issued": re.compile(r""),
    "keyblock": re.compile(r""),
}
_PLACEHOLDER = re.compile(r"<[A-Z]{2,10}_\d{1,4}>")
_NEXT_KEY = re.compile(r"[,;&](?=[A-Za-z_.]{1,40}[=:])")
_LOOKING_SECRET = frozenset({"weakword", "slashpair", "header", "option"})
"""Words that stand before other things too: what follows must look like a secret."""


def secret_span(m: TermMatch) -> Span | None:
    """The value alone; the word before it stays. None where a placeholder stands for the value already."""
    head = _HEADS[m.name].match(m.text)
    if head is None:
        return Span(m.start, m.end, Label.PASSWORD, m.text, f"secret: {m.name}")
    value = m.text[head.end() :]
    if m.name == "element":
        value = value.removesuffix("</")
    elif m.name not in ("keyblock", "issued", "header"):
        value = _NEXT_KEY.split(value, maxsplit=1)[0].rstrip(".,;)]}`")
    if not value or _PLACEHOLDER.match(value) or not _is_secret(m, head, value):
        return None
    start = m.start + head.end()
    return Span(start, start + len(value), Label.PASSWORD, value, f"secret: {m.name}")


def _is_secret(m: TermMatch, head: re.Match[str], value: str) -> bool:
    """After `is`, and words with other meanings, only what looks like one; never `required` and the like."""
    if value.lower().strip("<>*[](){}") in words("secret_words") or not any(map(str.isalnum, value)):
        return False
    if m.name == "header":
        return m.text[:1].lower() == "b" and any(map(str.isdigit, value))
    looks_secret = any(map(str.isalpha, value)) and not value.isalpha() and len(value) >= 4
    if m.name in _LOOKING_SECRET:
        is_said = m.text.lower().lstrip("-_ ").startswith(("pw", "password", "passwd", "pwd"))
        return looks_secret or (
            is_said and value[0] not in "-/[" and (m.name == "option" or not value.isdigit())
        )
    if m.name == "password" and not any(s in head[1] for s in ":=>"):
        return not value.isalpha() and any(map(str.isalnum, value))
    return True
