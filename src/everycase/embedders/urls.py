"""Where a provider is asked, and how its key is sent."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit


def address(url: str, path: str) -> str:
    """`https://host/v1` and `/embeddings`; a host alone, and a whole address, are understood as well.

    What stands behind a `?` stays at the end: `…/openai/deployments/NAME?api-version=…`, as Azure has it.
    """
    front, mark, query = url.partition("?")
    front = front.rstrip("/")
    if not front.endswith(path):
        front += f"{'' if urlsplit(front).path else '/v1'}{path}"
    return front + mark + query


def authorization(url: str, key: str) -> Mapping[str, str]:
    """The header with the key: a bearer token, but `api-key` for a deployment at Azure."""
    return {"api-key": key} if is_deployment(url) else {"Authorization": f"Bearer {key}"}


def is_deployment(url: str) -> bool:
    """An address as Azure gives it: `https://NAME.openai.azure.com/openai/deployments/…`."""
    parts = urlsplit(url)
    return "/openai/deployments/" in parts.path or "api-version=" in parts.query
