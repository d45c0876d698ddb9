"""Accounts of people where systems write them: prompts, `ssh`, home folders, the lines of sshd and sudo."""

from __future__ import annotations

import re
from collections.abc import Iterator

from everycase.redaction.matching import Alternatives, Scanned
from everycase.redaction.spans import Label, Span
from everycase.redaction.words import words

_USER = r"[A-Za-z][\w.-]{1,31}"
_HOST = r"[A-Za-z0-9][\w.-]{0,62}"
PATTERNS = {
    "prompt": rf"(?m:^)[ \t>]{{0,4}}(?:\[{_USER}@{_HOST}[ ][^\]\n]{{1,80}}\][ ]?[$#%>]|{_USER}@{_HOST}:[^\s$#]{{0,80}}[$#][ ])",
    "remote": rf"\b(?:ssh|scp|sftp|rsync|ssh-copy-id)[ ][^\n@]{{0,80}}?\b{_USER}@{_HOST}|\b{_USER}@(?:\d{{1,3}}\.){{3}}\d{{1,3}}\b",
    "home": rf"(?i:/home/|/Users/|\b[a-z]:\\(?:users|documents and settings)\\|\\\\[\w.-]{{1,64}}\\(?:homes?|users|profiles)\$?\\){_USER}",
    "shell": rf"\bsu (?:-|-l|--login) {_USER}|\bchown (?:-R )?{_USER}:|\b(?i:last login): {_USER} (?:pts|tty|from)",
    "sshd": rf"\b(?i:password|publickey|user|authentication|keyboard-interactive/pam) (?:for )?(?:(?:invalid|illegal) user )?{_USER} from ",
    "opened": rf"\bsession (?:opened|closed) for user {_USER}|\brhost=\S{{0,64}}[ ]{{1,3}}user={_USER}",
    "served": rf"(?m:^)\S{{2,64}} - {_USER} \[\d{{2}}/[A-Z][a-z]{{2}}/",
    "sudo": rf"\bsudo(?:\[\d{{1,7}}\])?:[ ]{{1,20}}{_USER}[ ]:[ ](?:TTY|user NOT|\d)",
}
_PATTERNS = Alternatives(PATTERNS)
_SIGNS = (
    b"@",
    b"/home/",
    b"sers",
    b"session ",
    b"user=",
    b"sudo",
    b" from ",
    b" - ",
    b"ocuments and",
    b"su -",
    b"chown ",
    b"ogin: ",
    b"\\home",
    b"rofiles",
)
"""Without one of these no pattern holds."""
_WHO = {
    "prompt": re.compile(r"\s*>?\s*\[?(?P<user>[^@]+)@"),
    "remote": re.compile(r"(?:.*[ ])?(?P<user>[^@ ]+)@"),
    "home": re.compile(r".*[/\\](?P<user>[^/\\]+)\Z"),
    "shell": re.compile(r"(?:su --?\w{0,5}|chown(?: -R)?|.{10}:)[ ](?P<user>[A-Za-z][\w.-]*)"),
    "sshd": re.compile(r".*[ ](?P<user>\S+) from \Z"),
    "opened": re.compile(r".*[ =](?P<user>\S+)\Z"),
    "served": re.compile(r"\S+ - (?P<user>\S+)"),
    "sudo": re.compile(r"sudo\S*[ ]+(?P<user>\S+)"),
}


_FIRST_LAST = re.compile(r"[a-z]{2,20}\.[a-z]{2,20}")
_FILE_ENDINGS = frozenset("html htm php asp aspx jsp json xml css js txt log conf cfg md py sh".split())


def _is_full(user: str) -> bool:
    """Whether an account is a first and a last name, as `jane.doe` is; `index.html` is a file."""
    return _FIRST_LAST.fullmatch(user.lower()) is not None and not _is_file(user)


def _is_file(user: str) -> bool:
    return "." in user and user.lower().rpartition(".")[2] in _FILE_ENDINGS


def login_spans(scanned: Scanned) -> Iterator[Span]:
    """The name of the account; those of systems (`root`, `oracle`) are nobody's."""
    if not any(sign in scanned.raw for sign in _SIGNS):
        return
    for m in _PATTERNS.find(scanned):
        who = _WHO[m.name].match(m.text)
        is_inner = m.text[0] == "/" and scanned.text[m.start - 1 : m.start].isalnum()
        user = who["user"].rstrip(".-") if who else ""
        if who is None or (is_inner and not _is_full(user)) or (m.name == "home" and _is_file(user)):
            continue  # `https://host/home/page`, `/opt/app/home/conf` are nobody's home
        low = user.lower()
        if low in words("system_accounts") or low.rstrip("0123456789_-") in words("system_accounts"):
            continue
        start = m.start + who.start("user")
        yield Span(start, start + len(user), Label.LOGIN, low, f"account: {m.name}")
