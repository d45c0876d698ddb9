"""What the sample plants in its texts: personal data and technical tokens, made up case by case."""

from __future__ import annotations

import random
import string
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from everycase.sources.sample import people as people
from everycase.sources.sample import phrases as phrases
from everycase.sources.sample.words import Scenario

T = TypeVar("T")

ROLES = ("contact", "engineer", "owner", "colleague")
PERSONAL: Mapping[str, str] = {
    **{f"{role}{part}": "PERSON" for role in ROLES for part in ("", "_first", "_last")},
    **{f"{role}_mail": "EMAIL" for role in ROLES},
    **{f"{role}{part}": "PHONE" for role in ROLES for part in ("_phone", "_mobile")},
    "account": "COMPANY",
    "street": "ADDRESS",
    "city": "ADDRESS",
    **dict.fromkeys(("ip", "ip2", "ipv6", "hostip"), "IP"),
    **dict.fromkeys(("login", "userinfo"), "LOGIN"),
    "password": "PASSWORD",
}
"""Slots that hold personal data, and of which type."""

TECHNICAL = frozenset(
    "model serial part spare drive fw fw4 err mac wwn uuid cve oid pci hexa log logtime order wonumber "
    "post event code".split()
)
"""Slots whose text must come through redaction unharmed."""

_SAFE = string.digits + "ABCDEFGHJKLMNPQRSTUVWXYZ"
_FOLDED = str.maketrans({"ß": "ss", "ø": "o", "ö": "oe", "ü": "ue", "ä": "ae"})


class Dice:
    """Choices that depend on a seed alone; three times as fast as the library's own, as there are many."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def below(self, limit: int) -> int:
        return int(self._random.random() * limit)

    def between(self, least: int, most: int) -> int:
        """Both included."""
        return least + self.below(most - least + 1)

    def happens(self, share: float) -> bool:
        return self._random.random() < share

    def pick(self, values: Sequence[T]) -> T:
        return values[self.below(len(values))]

    def some(self, values: Sequence[T], least: int, most: int) -> list[T]:
        """Different ones, in any order."""
        return self._random.sample(values, self.between(least, most))

    def bits(self, count: int) -> int:
        return self._random.getrandbits(count)


@dataclass(slots=True)
class Slots:
    """The slot values of one case: chosen once, the same in all its texts; only the time of `log` goes on."""

    dice: Dice
    number: int
    created: datetime
    scenario: Scenario
    _values: dict[str, str] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)
    _logged: int = 0

    def __getitem__(self, name: str) -> str:
        known = self._values.get(name)
        if known is not None:
            return known
        if name == "log":
            return self._log()
        role = name.partition("_")[0]
        if role in ROLES:
            self._person(role)
        elif name in ("street", "city", "postal_code", "country"):
            self._place()
        else:
            self._values[name] = _MAKERS[name](self)
        return self._values[name]

    def pick(self, *values: str) -> str:
        return self.dice.pick(values)

    def below(self, limit: int) -> int:
        return self.dice.below(limit)

    def hexes(self, count: int) -> str:
        return f"{self.dice.bits(4 * count):0{count}x}"

    def pairs(self, count: int) -> str:
        return self.dice.bits(8 * count).to_bytes(count, "big").hex(":")

    def letters(self, count: int) -> str:
        return "".join([self.dice.pick(_SAFE) for _ in range(count)])

    def _log(self) -> str:
        """One line after the other, in the case's own form of a time."""
        self._logged += 1 + self.below(90)
        when = self.created - timedelta(hours=5) + timedelta(seconds=self._logged)
        text = when.isoformat(" ", "seconds")[:19]
        return text.replace(" ", "T") + "Z" if self.number % 3 else text

    def _person(self, role: str) -> None:
        """Distinct from the case's other people, so that a first name means one of them."""
        first, last = (self._unused(names) for names in (people.FIRST_NAMES, people.LAST_NAMES))
        domain = "example.net"
        if role in ("contact", "colleague"):
            domain = f"{_ascii(self['account'].split()[0])}.example.com"
        self._values |= {
            role: f"{first} {last}",
            f"{role}_first": first,
            f"{role}_last": last,
            f"{role}_title": self.pick("Mr.", "Ms.", "Dr."),
            f"{role}_mail": f"{_ascii(first)}.{_ascii(last)}@{domain}",
            f"{role}_phone": self._phone(),
            f"{role}_mobile": self._phone(),
        }

    def _unused(self, names: Sequence[str]) -> str:
        while (name := self.dice.pick(names)) in self._names:
            pass
        self._names.add(name)
        return name

    def _place(self) -> None:
        country = self._country()
        city, code = self.dice.pick(country.cities)
        self._values |= {
            "street": self.pick(*country.streets).format(1 + self.below(180)),
            "city": city,
            "postal_code": code,
            "country": country.name,
        }

    def _country(self) -> people.Country:
        return people.COUNTRIES[(0, 0, 0, 1, 2, 3)[self.number % 6]]

    def _phone(self) -> str:
        shape = self.pick(*self._country().phones)
        return "".join(str(self.below(10)) if c == "#" else c for c in shape)


def _ascii(name: str) -> str:
    """As a mail address writes it."""
    plain = unicodedata.normalize("NFKD", name.lower().translate(_FOLDED))
    return "".join(c for c in plain if c.isascii() and (c.isalnum() or c == "-"))


_MAKERS: Mapping[str, Callable[[Slots], str]] = {
    "model": lambda s: s.pick(*phrases.MODELS.get(s.scenario.line, phrases.RACK_MODELS)),
    "sent": lambda s: s.created.strftime("%a, %d %b %Y at %H:%M"),
    "frame": lambda s: f"Synergy 12000 frame {1 + s.below(8)}",
    "host": lambda s: (
        f"{s.pick('db', 'esx', 'app', 'sql', 'web', 'hpc', 'bkp')}-"
        f"{s.pick('prod', 'test', 'dr', 'east', 'west')}{1 + s.below(60):02d}"
    ),
    "account": lambda s: s.pick(*people.COMPANIES),
    "title": lambda s: s.pick(*people.TITLES),
    "serial": lambda s: f"{s.pick('MXQ', 'CZJ', 'SGH')}{s.below(10)}{s.letters(6)}",
    "drive": lambda s: f"{s.pick('WFK', 'ZJV', 'S4E')}{s.below(10)}{s.letters(7)}",
    "part": lambda s: f"P{10_000 + s.below(60_000)}-B21",
    "spare": lambda s: f"{800_000 + s.below(100_000)}-001",
    "fw": lambda s: f"{1 + s.below(3)}.{10 + s.below(89)}",
    "fw4": lambda s: f"{1 + s.below(8)}.{s.below(30)}.{s.below(30)}.{s.below(200)}",
    "err": lambda s: s.pick(*s.scenario.errors),
    "post": lambda s: f"{s.pick('1785', '1792', '1719', '312', '207')}-Slot {s['slot']}",
    "event": lambda s: s.pick("1069", "129", "153", "41", "6008", "1146"),
    "code": lambda s: s.hexes(4),
    "pid": lambda s: str(400 + s.below(30_000)),
    "mac": lambda s: s.pairs(6),
    "wwn": lambda s: "50:01:43:80:" + s.pairs(4),
    "uuid": lambda s: "-".join(s.hexes(n) for n in (8, 4, 4, 4, 12)),
    "cve": lambda s: f"CVE-202{2 + s.below(3)}-{1000 + s.below(59_000)}",
    "oid": lambda s: f"1.3.6.1.4.1.232.6.2.{1 + s.below(19)}.{1 + s.below(8)}",
    "pci": lambda s: f"0000:{s.hexes(2)}:{s.below(20):02x}.{s.below(8)}",
    "hexa": lambda s: "0x" + s.hexes(12),
    "logtime": lambda s: (s.created - timedelta(seconds=s.below(90_000))).isoformat(" ")[:19],
    "order": lambda s: f"HB{10**7 + s.below(9 * 10**7)}",
    "wonumber": lambda s: f"WO-{30_000_000 + s.number}",
    "slot": lambda s: str(1 + s.below(12)),
    "cpu": lambda s: str(1 + s.below(2)),
    "nodes": lambda s: str(2 + s.below(63)),
    "ip": lambda s: f"10.{s.below(256)}.{s.below(256)}.{1 + s.below(254)}",
    "ip2": lambda s: f"192.0.2.{1 + s.below(254)}",
    "ipv6": lambda s: f"2001:db8:{s.hexes(3)}::{s.hexes(4)}",
    "hostip": lambda s: f"node-198-51-100-{1 + s.below(254)}.example.net",
    "login": lambda s: "CORP\\" + _ascii(s["contact_last"]),
    "userinfo": lambda s: f"svc-{s['host']}:{s['password']}",
    "password": lambda s: (
        f"{s.pick('Winter', 'Falcon', 'Copper', 'Anchor')}{100 + s.below(900)}!{s.letters(2)}"
    ),
}
