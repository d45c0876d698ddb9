"""Kinds of values that several sections of the settings share."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

Share = Annotated[float, Field(ge=0, le=1)]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _period(value: object) -> object:
    """`90`, `90s`, `15m`, `6h`, `30d`; what else there is (ISO 8601) pydantic knows."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", value.strip()) if isinstance(value, str) else None
    return timedelta(**{_UNITS[found[2] or "s"]: float(found[1])}) if found else value


Period = Annotated[timedelta, BeforeValidator(_period), Field(ge=timedelta(0))]


def address(url: str, example: str) -> str:
    """A base address without a slash at its end. Raises `ValueError`."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"is not an address like {example}")
    if parts.username or parts.password or parts.query:
        raise ValueError("may hold no key and no user: that is what API_KEY is for")
    return url.rstrip("/")
