"""The embedders of the settings, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta

import structlog

from everycase.domain.errors import WrongUse
from everycase.domain.providers import Limits
from everycase.embedders import minilm, nomic, openai_compatible
from everycase.embedders.chain import EmbedderChain
from everycase.embedders.endpoint import Endpoint, Manners
from everycase.embedders.minilm import MiniLMEmbedder
from everycase.embedders.nomic import NomicDialect
from everycase.embedders.openai_compatible import OpenAIDialect
from everycase.embedders.provider import Dialect, ProviderEmbedder
from everycase.embedders.urls import address
from everycase.embedders.wordllama import WordLlamaEmbedder
from everycase.ports import Embedder, ProviderGate
from everycase.settings import Settings
from everycase.settings.providers import NomicSettings, ProviderSettings

log = structlog.get_logger()

MakeGate = Callable[[str, Limits], ProviderGate]
"""The gate of a provider by name, with its limits."""


def choose_providers(names: tuple[str, ...]) -> tuple[str, ...]:
    """These names, with `local-small` in place of `local` where the model's packages are not installed."""
    if "local" not in names or minilm.is_installed():
        return names
    log.warning("model_not_installed", model=minilm.MODEL, used_instead="local-small")
    return tuple(dict.fromkeys("local-small" if n == "local" else n for n in names))


def chain(embedders: Sequence[Embedder]) -> EmbedderChain:
    """A chain of providers; queries are embedded by the small model too, which was `local` once."""
    return EmbedderChain(embedders, for_queries=[WordLlamaEmbedder()])


def make_embedder(name: str, settings: Settings, make_gate: MakeGate, until: ExitStack) -> Embedder:
    """The embedder of that name; its connections close with `until`.

    Raises `WrongUse` for a provider that lacks its address.
    """
    if name == "local":
        return MiniLMEmbedder()
    if name == "local-small":
        return WordLlamaEmbedder()
    section = settings.chathpe if name == "chathpe" else settings.nomic
    path, dialect = _speak(section)
    endpoint = _connect(name, section, path, make_gate)
    until.callback(endpoint.close)
    return ProviderEmbedder(
        endpoint=endpoint,
        dialect=dialect,
        model=section.model,
        dimensions=section.dimensions,
        batch_size=section.batch_size,
    )


def _speak(s: ProviderSettings) -> tuple[str, Dialect]:
    """The path and the protocol of a provider."""
    if isinstance(s, NomicSettings) and s.protocol == "nomic":
        return nomic.PATH, NomicDialect(model=s.model, dimensions=s.dimensions)
    prefixes = {"prefixes": nomic.PREFIXES} if isinstance(s, NomicSettings) else {}
    dialect = OpenAIDialect(model=s.model, dimensions=s.dimensions, encoding=s.encoding, **prefixes)
    return openai_compatible.PATH, dialect


def _connect(name: str, s: ProviderSettings, path: str, make_gate: MakeGate) -> Endpoint:
    setting = f"EVERYCASE_{name.upper()}"
    if not s.url:
        raise WrongUse(f"{setting}__URL is not set, and EVERYCASE_EMBEDDERS names {name}")
    limits = Limits(
        requests_per_minute=s.requests_per_minute,
        tokens_per_minute=s.tokens_per_minute,
        cool_down=s.cool_down,
        probe_for=s.timeout + timedelta(seconds=10),
    )
    return Endpoint(
        provider=name,
        url=address(s.url, path),
        api_key=s.api_key.get_secret_value() if s.api_key else None,
        gate=make_gate(name, limits),
        manners=Manners(timeout_s=s.timeout.total_seconds()),
        setting=setting,
    )
