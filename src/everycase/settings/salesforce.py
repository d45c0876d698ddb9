"""The section of the Salesforce organisation."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from everycase.settings.kinds import CommaSeparated, JsonObject, Period, Share, address


class SalesforceSettings(BaseModel):
    """The organisation that EVERYCASE_SOURCE=salesforce reads (docs/salesforce.md)."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: str = Field(default="", description="The My Domain address; `https`, but for this machine.")
    client_id: str = Field(default="", description="Consumer key of the External Client App.")
    client_secret: SecretStr | None = Field(default=None, description="Its secret. Secret.")
    username: str = Field(default="", description="Whom a signed assertion (JWT) is for.")
    private_key: SecretStr | None = Field(default=None, description="RSA key in PEM, for JWT. Secret.")
    audience: str = Field(
        default="https://login.salesforce.com",
        description="Of a signed assertion; `https://test.salesforce.com` for a sandbox.",
    )
    api_version: str = Field(default="62.0", pattern=r"^\d{2,3}\.0$", description="Of every request.")
    quota_share: Share = Field(
        default=0.8, gt=0, description="Of the organisation's daily calls; beyond it nothing is asked."
    )
    overlap: Period = Field(
        default=timedelta(minutes=10), description="Read again before the last mark: stamps come late."
    )
    lag: Period = Field(default=timedelta(minutes=2), description="Left unread before now.")
    timeout: Period = Field(default=timedelta(seconds=120), gt=timedelta(0), description="Of a request.")
    attempts: int = Field(default=6, ge=1, le=20, description="Of a request that Salesforce puts off.")
    bulk_from: int = Field(default=2000, ge=0, description="Rows from which a read is a Bulk job.")
    readers: int = Field(default=2, ge=1, le=8, description="Bulk jobs of one object side by side.")
    expected_rows: Annotated[dict[str, int], NoDecode, JsonObject] = Field(
        default_factory=dict, description='Rows that must be seen at least: {"Case": 120000}.'
    )
    canaries: Annotated[tuple[str, ...], NoDecode, CommaSeparated] = Field(
        default=(), description="Ids of cases that must be seen, separated by commas."
    )
    without: Annotated[tuple[str, ...], NoDecode, CommaSeparated] = Field(
        default=(), description="Fields that the organisation has not, as `Object.Field`, by commas."
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        found = address(url, "https://example.my.salesforce.com") if url else url
        if found.startswith("http:") and urlsplit(found).hostname not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("must be https: a token would travel in the open")
        return found

    def as_options(self) -> dict[str, Any]:
        """Everything by its name, with the secrets as text."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in found.items()}
