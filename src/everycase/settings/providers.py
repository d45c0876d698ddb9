"""Embedding providers that are reached over HTTP."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from everycase.settings.kinds import Period, address, check_key_is_encrypted


class ProviderSettings(BaseModel):
    """An embedding provider that is reached over HTTP (contract §7)."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: str = Field(default="", description="Up to and with `/v1`; Azure's as it is.")
    api_key: SecretStr | None = Field(default=None, description="Bearer token; Azure: `api-key`. Secret.")
    model: str
    dimensions: int = Field(ge=1, le=16_000)
    batch_size: int = Field(default=64, ge=1, le=2048, description="Texts a request.")
    timeout: Period = Field(default=timedelta(seconds=60), gt=timedelta(0), description="Of a request.")
    requests_per_minute: float = Field(default=0, ge=0, description="0: no limit.")
    tokens_per_minute: float = Field(default=0, ge=0, description="0: no limit.")
    price: float = Field(ge=0, description="Money a million tokens.")
    cool_down: Period = Field(
        default=timedelta(seconds=30), description="How long it is left alone after too many failures."
    )
    encoding: Literal["base64", "float", "none"] = Field(
        default="base64", description="How vectors are sent; `none`: not said, where a gateway refuses it."
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        return _provider_address(url) if url else url

    @model_validator(mode="after")
    def _key_is_encrypted(self) -> Self:
        check_key_is_encrypted(self.url, self.api_key)
        return self


def _provider_address(url: str) -> str:
    """An address up to `/v1`, or one of a deployment at Azure, which ends in its version.

    Raises `ValueError`.
    """
    front, _, query = url.partition("?")
    is_deployment = "/openai/deployments/" in front
    if is_deployment and not re.fullmatch(r"api-version=[\w.-]+", query):
        raise ValueError("is a deployment at Azure: end it with ?api-version=…, as Azure shows it")
    return (
        f"{address(front, 'https://host/v1')}?{query}" if is_deployment else address(url, "https://host/v1")
    )


class ChatHPESettings(ProviderSettings):
    model: str = "text-embedding-3-large"
    dimensions: int = Field(default=3072, ge=1, le=16_000)
    price: float = Field(default=0.13, ge=0)


class NomicSettings(ProviderSettings):
    url: str = "https://api-atlas.nomic.ai/v1"
    model: str = "nomic-embed-text-v1.5"
    dimensions: int = Field(default=768, ge=1, le=16_000)
    price: float = Field(default=0.0, ge=0)
    protocol: Literal["nomic", "openai"] = Field(default="nomic", description="How the server is asked.")
