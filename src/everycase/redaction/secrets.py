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
_IS = r"(?:[ \t]{1,3}(?:is now|is|was|ist|lautet|est|es|é|è|jest|set to|changed to|reset to)(?:[ \t]?:)?[ \t]{1,3}|[ \t]{0,3}(?::|=|->|=>)[ \t]{0,3})"
_FOR = r"(?:[ \t]{1,2}(?:for|of|to|on|von|für|fürs|vom|zum|am|de|du|do|da|del|della|pour|para|per|voor|dla|do)[ \t]{1,2}[^\n:=]{1,40}?)?"
_WEAK = (
    r"(?:pw|pass|passw|pin|secret|psk|credentials?|creds?|token|api[_ -]?key|access[_ -]?key|secret[_ -]?key|client[_ -]?secret|"
    r"auth[_ -]?token|private[_ -]?key|shared[_ -]?secret|licen[cs]e[_ -]?key|community(?:[_ -]?string)?)"
)
_BE = r"(?:is now|is|was|ist jetzt|ist|lautet|est|es|é|è|set to|changed to|reset to)"
_VALUE = r"[^\s\"'<>]{2,128}"
_KIND = (
    r"(?:\d{1,2}|plaintext|ciphertext|cleartext|clear-text|cipher|simple|irreversible-cipher|encrypted|ascii-text|ascii|hex|"
    r"sha1|sha256|sha512|md5|hash|hashed|scrypt|pbkdf2)"
)
"""How the configuration of a switch says that a secret is stored: `secret 5 $1$…`, `key plaintext …`."""
_NAMED = rf"(?:[ _-](?:name|string))?[ \t]{{1,3}}(?:(?:read|write|{_KIND})[ \t]{{1,2}}){{0,2}}[\"']?"
"""Between `community` and the word that it is."""
_SET = r"(?:(?:radius|tacacs)-server[ ]key|passwords?|passwd|secret|key|key-string|community|(?:auth|priv|privacy|authentication)-?(?:pass|key|password)|(?:pre-)?shared-key|psk|passphrase)"
_ACCOUNTS = r"(?:admin|administrator|root|sysadmin|superuser|service|operator|maintenance|monitor|manage|support|cisco|hpadmin|3paradm|nimble|pi|sa|oracle|vagrant)"

PATTERNS = {
    "password": rf"(?i:[\w.-]{{0,40}}{_WORDS}\b?[\"']?{_FOR}{_IS}[\"'`(]?){_VALUE}",
    "element": rf"<(?i:[\w.:-]{{0,40}}(?:{_WORDS}|secret|token))>[^<>\s]{{1,128}}</",
    "community": rf"(?i:\b(?:snmp[\w-]{{0,16}}[ \t]{{1,3}}(?:add[ ]|set[ ])?community|\bversion 2c){_NAMED})[^\s\"'<>]{{2,64}}"
    rf"|(?i:\bcommunity{_NAMED})[^\s\"'<>]{{2,64}}[\"']?[ \t]{{1,3}}(?i:ro|rw|read-only|read-write|version|v1|v2c|authorization|operator|manager|unrestricted|restricted|view|group|acl|ipv4)\b",
    "stored": rf"(?i:(?:\b|[\w.-]{{0,40}}[.-]){_SET}[ \t]{{1,3}}(?:{_KIND}[ \t]{{1,2}}){{0,2}}[\"']?)[^\s\"'<>:=]{{0,64}}[0-9$][^\s\"'<>]{{0,128}}",
    "netuse": rf"(?i:\bnet use[ \t][^\n]{{1,100}}?/user:[^\s]{{1,64}}[ \t]{{1,2}}){_VALUE}",
    "netuser": rf"(?i:\bnet user[ \t]{{1,2}}[^\s/]{{1,40}}[ \t]{{1,2}}){_VALUE}",
    "slashpair": r"(?i:\b(?:credentials?|creds|login|logon|user ?/ ?pass(?:word)?|username ?/ ?password)(?:[ \t]{1,2}(?:is|are|with|as))?[ \t]{0,2}[:=]?[ \t]{1,2})[A-Za-z][\w.@-]{1,39}[ \t]{0,2}/[ \t]{0,2}[^\s\"'<>/]{4,64}",
    "accountpair": rf"(?:^|[\s(,:;\"'])(?i:{_ACCOUNTS}[ \t]{{0,2}}/[ \t]{{0,2}})[^\s\"'<>/]{{6,64}}/?",
    "weakis": rf"(?i:\b(?:pw|pass|passw|pin|secret|psk|passcode|community(?:[ _-]string)?)[ \t]{{1,2}}{_BE}[ \t]{{1,2}}[\"'`]?){_VALUE}",
    "weakword": rf"(?i:\b(?:[\w-]{{0,24}}[_-])?{_WEAK}[\"']?[ \t]{{0,3}}(?::|=|->|=>)[ \t]{{0,3}}[\"'`]?){_VALUE}",
    "option": rf"(?:^|[\s\"'])(?i:--?(?:password|passwd|pass|pwd|pw|secret|token|api-?key))(?:=|[ \t]{{1,3}})[\"']?{_VALUE}",
    "userflags": r"(?:^|\s)(?:-[uUl]|--user(?:name)?|-user)[ =]?[\"']?[^\s\"']{1,64}[\"']?[ \t]{1,3}(?:-[pPa]|--pass(?:word)?)[ =]?[\"']?[^\s\"'-][^\s\"']{1,127}"
    r"|(?:^|\s)sshpass[ \t]{1,2}-p[ =]?[\"']?[^\s\"']{2,128}",
    "userpair": r"(?:^|\s)(?:-u|-U|--user)[ =]?[\"']?[^\s:\"'/]{1,64}:[^\s\"']{2,128}",
    "header": r"(?i:\b(?:bearer|basic)[ \t]{1,2})[A-Za-z0-9+/=._~-]{12,512}",
    "issued": r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,60}|xox[abprs]-[\w-]{10,80}|glpat-[\w-]{16,40}|eyJ[\w-]{10,512}\.[\w-]{10,1000}\.[\w-]{0,512}|sk-[A-Za-z0-9_-]{20,120})",
    "keyblock": r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]+-----END [A-Z ]{0,30}PRIVATE KEY-----",
}

_IGNORE = re.IGNORECASE
_HEADS = {
    "password": re.compile(rf".{{0,44}}?{_WORDS}[\"']?{_FOR}({_IS})[\"'`(]?", _IGNORE),
    "element": re.compile(r"<[^>]{1,80}>"),
    "community": re.compile(rf".{{0,40}}?(?:community|version 2c){_NAMED}", _IGNORE),
    "stored": re.compile(rf".{{0,42}}?{_SET}[ \t]{{1,3}}(?P<kind>{_KIND}[ \t]{{1,2}}){{0,2}}[\"']?", _IGNORE),
    "netuse": re.compile(r".{1,110}?/user:\S{1,64}[ \t]{1,2}", _IGNORE),
    "netuser": re.compile(r"net user\s{1,2}\S{1,40}\s{1,2}", _IGNORE),
    "accountpair": re.compile(r"\W?\w{2,16}[ \t]{0,2}/[ \t]{0,2}"),
    "weakis": re.compile(rf"[\w -]{{2,20}}?[ \t]{{1,2}}{_BE}[ \t]{{1,2}}[\"'`]?", _IGNORE),
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
_PATH = re.compile(r"(?:/[\w.~-]+)+/?|[A-Za-z]:\\.*")
"""What `PWD=` holds: where a program runs."""
_PLAIN = re.compile(rf"(?i:{_KIND}|v?\d[\d.]*|cve-.*|kb\d+|[\w-]+\.(?:txt|log|xml|conf|cfg|html?|pdf|docx?))")
"""What stands behind `password` without a sign and is none: the name of a method, a number, a file."""
_SIGNS = frozenset("!@#$%^&*+?")
_WITHOUT_SIGN = frozenset({"community", "stored", "accountpair", "weakis"})
_LOOKING_SECRET = frozenset({"weakword", "slashpair", "header", "option", "netuse", "netuser"})
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
    if m.name == "community":
        value = value.split()[0].rstrip("\"'")
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
    if m.name in _WITHOUT_SIGN:
        return _is_setting(m.name, head, value, looks_secret)
    if m.name in _LOOKING_SECRET:
        is_said = m.text.lower().lstrip("-_ ").startswith(("pw", "password", "passwd", "pwd"))
        return looks_secret or (
            is_said and value[0] not in "-/[" and (m.name == "option" or not value.isdigit())
        )
    if m.name == "password" and "pwd" in head[0].lower() and _PATH.fullmatch(value):
        return False
    if m.name == "password" and not any(s in head[1] for s in ":=>"):
        return not value.isalpha() and any(map(str.isalnum, value))
    return True


def _is_setting(name: str, head: re.Match[str], value: str, looks_secret: bool) -> bool:
    """What stands behind a word without a sign between: more must speak for a secret."""
    if name == "community":  # in a configuration any word; elsewhere `snmp community is wrong` is one too
        return looks_secret or head[0].lower().startswith("snmp-")
    if name == "weakis":  # `PIN is 4711`; `the secret is out!` names none
        return any(map(str.isdigit, value)) and (looks_secret or (value.isdigit() and len(value) >= 4))
    if name == "accountpair":  # `admin / Welcome123`; no path (`root/lib64`) or principal
        is_mixed = any(map(str.isupper, value)) and any(map(str.islower, value))
        is_strong = any(map(str.isdigit, value)) and (is_mixed or not _SIGNS.isdisjoint(value))
        return value[-1] != "/" and looks_secret and is_strong
    if head["kind"]:  # `secret 5 $1$…`
        return looks_secret or len(value) >= 8
    is_vague = head[0].split()[0].lower() in ("key", "community")  # `SSH key ED25519` says which kind of key
    return looks_secret and len(value) >= 6 and not is_vague and _PLAIN.fullmatch(value) is None
