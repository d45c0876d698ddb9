"""How embedding servers and gateways refuse, in their own words and statuses (docs/facts.md).

A stand-in with the rule `gateway` answers as the named one does; a token is four characters here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Refusal(NamedTuple):
    """An answer instead of vectors."""

    status: int
    body: bytes
    kind: str = "application/json"


Asked = dict[str, Any]
Rules = dict[str, Any]
Refuse = Callable[[Asked, Sequence[str], Rules], Refusal | None]


def tokens(text: str) -> int:
    return len(text) // 4


def refuse(asked: Asked, texts: Sequence[str], rules: Rules) -> Refusal | None:
    """The refusal of the gateway that the rules name; None where it takes the request."""
    return GATEWAYS[rules["gateway"]](asked, texts, rules) if "gateway" in rules else None


def _json(status: int, found: Any) -> Refusal:
    return Refusal(status, json.dumps(found).encode())


def _error(status: int, message: str, **more: Any) -> Refusal:
    return _json(status, {"error": {"message": message, **more}})


def _too_long(texts: Sequence[str], rules: Rules) -> int:
    """The tokens of the first text that is too long; 0: none is."""
    return next((n for t in texts if (n := tokens(t)) > rules.get("most_tokens", 512)), 0)


def _llamacpp(asked: Asked, texts: Sequence[str], rules: Rules) -> Refusal | None:
    most = rules.get("most_tokens", 512)
    said = "is too large to process. increase the physical batch size (current batch size: {})"
    n = _too_long(texts, rules)
    return (
        _error(500, f"input ({n} tokens) {said.format(most)}", code=500, type="server_error") if n else None
    )


def _llamacpp_old(asked: Asked, texts: Sequence[str], rules: Rules) -> Refusal | None:
    """Without numbers."""
    said = "input is too large to process. increase the physical batch size"
    return _error(500, said, code=500) if _too_long(texts, rules) else None


def _n_ctx(asked: Asked, texts: Sequence[str], rules: Rules) -> Refusal | None:
    if not (n := _too_long(texts, rules)):
        return None
    return _error(
        400,
        "the request exceeds the available context size, try increasing it",
        code=400,
        type="exceed_context_size_error",
        n_prompt_tokens=n,
        n_ctx=rules.get("most_tokens", 512),
    )


def _tei(asked: Asked, texts: Sequence[str], rules: Rules) -> Refusal | None:
    if (most := rules.get("most_inputs")) and len(texts) > most:
        said = f"batch size {len(texts)} > maximum allowed batch size {most}"
        return _json(422, {"error": said, "error_type": "Validation"})
    if not (n := _too_long(texts, rules)):
        return None
    said = f"`inputs` must have less than {rules.get('most_tokens', 512)} tokens. Given: {n}"
    return _json(413, {"error": said, "error_type": "Validation"})


def _vllm(asked: Asked, texts: Sequence[str], rules: Rules) -> Refusal | None:
    if not (n := _too_long(texts, rules)):
        return None
    most = rules.get("most_tokens", 512)
    said = f"This model's maximum context length is {most} tokens. However, you requested {n} tokens"
    return _json(400, {"object": "error", "message": said, "type": "BadRequestError", "code": 400})


def _ollama(asked: Asked, texts: Sequence[str], rules: Rules) -> Refusal | None:
    n = _too_long(texts, rules)
    return _error(400, "the input length exceeds the context length", type="api_error") if n else None


def _mistral(asked: Asked, texts: Sequence[str], rules: Rules) -> Refusal | None:
    most, n = rules.get("most_together", 2048), sum(map(tokens, texts))
    said = f"Too many tokens in batch. Max is {most} got {n}"
    return (
        _json(400, {"object": "error", "message": said, "type": "invalid_request_error"})
        if n > most
        else None
    )


def _limited(status: int, said: str, most: int) -> Refuse:
    """At most so many inputs a request."""
    return lambda _asked, texts, _rules: (
        _error(status, said.format(n=len(texts))) if len(texts) > most else None
    )


def _without(name: str, status: int, said: str) -> Refuse:
    """A gateway that refuses a parameter."""
    return lambda asked, _texts, _rules: _error(status, said) if name in asked else None


def _quota(asked: Asked, texts: Sequence[str], rules: Rules) -> Refusal | None:
    said = "You exceeded your current quota, please check your plan and billing details."
    return _error(429, said, type="insufficient_quota", code="insufficient_quota")


def _page(status: int) -> Refuse:
    body = b"<html><head><title>Proxy</title></head><body>zzsecret of the page</body></html>"
    return lambda _asked, _texts, _rules: Refusal(status, body, "text/html")


def _said(status: int, message: str) -> Refuse:
    return lambda _asked, _texts, _rules: _error(status, message)


GATEWAYS: dict[str, Refuse] = {
    "llamacpp": _llamacpp,
    "llamacpp old": _llamacpp_old,
    "n_ctx": _n_ctx,
    "tei": _tei,
    "vllm": _vllm,
    "ollama": _ollama,
    "mistral": _mistral,
    "dashscope": _limited(
        400,
        "<400> InternalError.Algo.InvalidParameter: Value error, batch size is invalid, it should not be "
        "larger than 10.: input.contents",
        10,
    ),
    "azure": _limited(400, "Too many inputs. The max number of inputs is 16.", 16),
    "gemini": _limited(
        400, "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch\n", 100
    ),
    "pydantic": _limited(422, "List should have at most 10 items after validation, not {n}", 10),
    "unspoken": _limited(413, "no", 10),
    "litellm": _without(
        "encoding_format",
        400,
        "litellm.UnsupportedParamsError: Setting {'encoding_format': 'base64'} is not supported.",
    ),
    "litellm500": _without(
        "encoding_format",
        500,
        "litellm.APIConnectionError: got an unexpected keyword argument 'encoding_format'",
    ),
    "no dimensions": _without("dimensions", 400, "This model does not support specifying dimensions."),
    "quota": _quota,
    "402": _said(402, "Payment Required: zzsecret"),
    "403": _page(403),
    "407": _page(407),
    "page": _page(200),
    "error in 200": _said(200, "upstream is sad: zzsecret"),
}
