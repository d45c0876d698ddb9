"""Kinds of values that several sections of the settings share."""

from __future__ import annotations

import ipaddress
import json
import re
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

Share = Annotated[float, Field(ge=0, le=1)]

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_UNIT = r"(?:s(?:ec(?:onds?)?)?|m(?:in(?:utes?)?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?|w(?:eeks?)?)"
_PART = re.compile(rf"(\d+(?:\.\d+)?)\s*({_UNIT})\s*", re.IGNORECASE)


def _period(value: object) -> object:
    """`90` (seconds), `90s`, `15 min`, `6h`, `1hour`, `1h30m`, `30 days`; pydantic knows ISO 8601."""
    text = value.strip() if isinstance(value, str) else ""
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return timedelta(seconds=float(text))
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text):
        return value
    return timedelta(seconds=sum(float(n) * _SECONDS[unit[0].lower()] for n, unit in parts))


def _not_too_often(value: timedelta) -> timedelta:
    if timedelta(0) < value < timedelta(seconds=1):
        raise ValueError("at least 1 second, or 0 for off")
    return value


Period = Annotated[timedelta, BeforeValidator(_period), Field(ge=timedelta(0))]
JobPeriod = Annotated[Period, AfterValidator(_not_too_often)]
"""How often a job of `serve` runs; 0: never."""


def _split(value: object) -> object:
    return tuple(p.strip() for p in value.split(",") if p.strip()) if isinstance(value, str) else value


CommaSeparated = BeforeValidator(_split)
"""A list that may be written as one text."""


def _split_urls(value: object) -> object:
    """URLs separated by commas or blanks; a comma inside of a URL is left alone."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return tuple(re.split(r"[,\s]+(?=\w+://)", text.strip())) if isinstance(text, str) else value


Urls = BeforeValidator(_split_urls)


def _json_object(value: object) -> object:
    """A mapping that the environment writes as JSON. Raises `ValueError` that shows how."""
    if not isinstance(value, str) or value == "none":
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError('is to be JSON, with double quotes: {"Case.Root_Cause__c": "RCA__c"}') from None


JsonObject = BeforeValidator(_json_object)


def address(url: str, example: str) -> str:
    """A base address without a slash at its end. Raises `ValueError`."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"is not an address like {example}")
    if parts.username or parts.password or parts.query:
        raise ValueError("may hold no key and no user: that is what API_KEY is for")
    return url.rstrip("/")


def check_key_is_encrypted(url: str, key: SecretStr | None) -> None:
    """Raises `ValueError` where a key would travel in plain http to another machine."""
    parts = urlsplit(url)
    if key and parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise ValueError(
            "URL is http:// to another machine, so API_KEY would be sent in the open: use https://"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
