"""One typed tree: environment `EVERYCASE_…` over `everycase.toml` over defaults (contract §16)."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from everycase.domain.catalogue import TASK_TYPES
from everycase.domain.errors import WrongUse
from everycase.domain.thresholds import Thresholds
from everycase.settings.kinds import Period, Share, address

CONFIG_FILE = "everycase.toml"
SECRETS = ("DATABASE_URL", "CHATHPE__API_KEY", "NOMIC__API_KEY", "WEAVIATE__API_KEY")
"""What is read from the folder EVERYCASE_SECRETS."""


def default_home() -> Path:
    """The user's data directory; for root a place that other users may pass through to (facts/engine.md)."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/everycase")
    return Path(platformdirs.user_data_dir("everycase"))


class ThresholdSettings(BaseModel):
    """Where alerts begin, and where too many failures stop the pipeline (contract §13)."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    task_coverage: Share = 0.70
    workorder_coverage: Share = 0.70
    email_coverage: Share = 0.70
    feed_coverage: Share = 0.70
    comment_coverage: Share = 0.50
    failure_rate: Share = 0.10
    timeout_rate: Share = 0.05
    load_failure_rate: Share = 0.05
    missing_cases: int = Field(default=100, ge=0)
    deletions: int = Field(default=500, ge=1)
    least_cases: int = Field(default=50, ge=1)

    def as_thresholds(self) -> Thresholds:
        return Thresholds(**self.model_dump())


class ProviderSettings(BaseModel):
    """An embedding provider that is reached over HTTP (contract §7)."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: str = Field(default="", description="Up to and with `/v1`.")
    api_key: SecretStr | None = Field(default=None, description="Sent as a bearer token. Secret.")
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
    encoding: Literal["base64", "float"] = Field(default="base64", description="How vectors are sent.")

    @field_validator("url")
    @classmethod
    def _is_anaddress(cls, url: str) -> str:
        return address(url, "https://host/v1") if url else url


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


class WeaviateSettings(BaseModel):
    """The server that vectors live in with EVERYCASE_INDEX=weaviate (contract §8)."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: str = Field(default="http://localhost:8080", description="`https` means TLS for gRPC as well.")
    grpc_host: str = Field(default="", description="Where it is not the host of `url`.")
    grpc_port: int = Field(default=50051, ge=1, le=65535)
    api_key: SecretStr | None = Field(default=None, description="Secret.")
    collection: str = Field(
        default="SupportCase",
        pattern=r"^[A-Z][_0-9A-Za-z]{0,100}$",
        description="The alias that everybody asks; behind it are `SupportCase_v1` and so on.",
    )
    consistency: Literal["one", "quorum", "all"] = Field(
        default="quorum", description="How many replicas must agree, where there are several nodes."
    )
    replicas: int = Field(default=1, ge=1, description="Of a collection that is created.")
    quantise: bool = Field(default=True, description="8 bits a number in memory; the whole ones on disk.")
    connect_timeout: Period = Field(default=timedelta(seconds=10), gt=timedelta(0))
    query_timeout: Period = Field(default=timedelta(seconds=30), gt=timedelta(0))
    insert_timeout: Period = Field(default=timedelta(seconds=60), gt=timedelta(0))

    @field_validator("url")
    @classmethod
    def _is_anaddress(cls, url: str) -> str:
        return address(url, "https://host:443")


class Settings(BaseSettings):
    """Every setting has a default; with none at all everycase runs on a generated sample."""

    model_config = SettingsConfigDict(
        env_prefix="EVERYCASE_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        toml_file=CONFIG_FILE,
        extra="forbid",
        hide_input_in_errors=True,
    )

    home: Path = Field(default_factory=default_home, description="Data directory.")
    source: str = Field(
        default="sample", description="`sample`, or the folder or zip of a Salesforce data export."
    )
    database_url: SecretStr = Field(
        default=SecretStr("embedded"), description="`embedded`, or a PostgreSQL DSN. May hold a password."
    )
    index: Literal["embedded", "weaviate"] = Field(default="embedded", description="Where vectors live.")
    weaviate: WeaviateSettings = Field(
        default_factory=WeaviateSettings, description="The server of EVERYCASE_INDEX=weaviate."
    )
    embedders: Annotated[tuple[Literal["local", "local-small", "chathpe", "nomic"], ...], NoDecode] = Field(
        default=("local",), min_length=1, description="Embedding providers in order, separated by commas."
    )
    chathpe: ChatHPESettings = Field(default_factory=ChatHPESettings, description="The primary provider.")
    nomic: NomicSettings = Field(default_factory=NomicSettings, description="The fallback.")
    cache_precision: Literal["half", "full"] = Field(default="half", description="Of kept vectors.")
    keep_vectors: Period = Field(
        default=timedelta(days=30), description="Of kept vectors that no case refers to."
    )
    secrets: Path | None = Field(default=None, description="Folder with a file for each secret setting.")
    engine: str = Field(default="threads:4", description="`inline`, `threads:N` or `processes:N`.")
    batch_size: int = Field(default=64, ge=1, le=1000, description="Cases a batch.")
    sample_cases: int = Field(default=2000, ge=1, le=10_000_000, description="Cases of the `sample` source.")
    sample_seed: int = Field(default=1, description="Seed of the `sample` source.")
    task_types: Annotated[tuple[str, ...], NoDecode] = Field(
        default=TASK_TYPES, description="Task types that belong to a case's story, separated by commas."
    )
    keep_hardware_addresses: bool = Field(
        default=True, description="Keep MAC addresses and WWNs, which are technical, in the text."
    )
    sync_every: Period = Field(default=timedelta(hours=1), description="How often `serve` syncs; 0: off.")
    reconcile_every: Period = Field(
        default=timedelta(hours=6), description="How often `serve` reconciles (type hourly); 0: off."
    )
    deep_every: Period = Field(
        default=timedelta(days=1),
        description="How often `serve` reconciles (type daily); 0: off.",
    )
    sample_size: int = Field(
        default=500,
        ge=0,
        description="Untouched objects that a reconciliation reads back and probes.",
    )
    stall_after: Period = Field(
        default=timedelta(minutes=15), description="No batch finished for so long: the run gives up."
    )
    keep_failures: Period = Field(default=timedelta(days=90), description="Of resolved failures.")
    keep_runs: Period = Field(default=timedelta(days=30), description="Of runs and their reports.")
    alerts: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(), description="Apprise URLs, separated by commas or blanks. They hold secrets."
    )
    thresholds: ThresholdSettings = Field(default_factory=ThresholdSettings, description="Of alerts.")
    fields: dict[str, str] = Field(
        default_factory=dict,
        description='Own API names: {"Case.Root_Cause__c": "RCA__c"}; in the environment as JSON.',
    )
    identity: dict[str, str] = Field(
        default_factory=dict,
        description='Further identity columns and their kind: {"Case.Site_Lead__c": "person"}.',
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env file is read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (
            init_settings,
            _Lists(settings_cls, env_settings),
            _Secrets(settings_cls),
            _File(settings_cls),
        )


class _Lists(PydanticBaseSettingsSource):
    """The environment's comma-separated texts as lists."""

    def __init__(self, settings_cls: type[BaseSettings], env: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._env = env

    def get_field_value(self, field: object, field_name: str) -> tuple[object, str, bool]:
        raise NotImplementedError

    def __call__(self) -> dict[str, object]:
        found = self._env()
        for name in ("embedders", "task_types"):
            if isinstance(text := found.get(name), str):
                found[name] = tuple(part.strip() for part in text.split(",") if part.strip())
        if isinstance(urls := found.get("alerts"), str):
            found["alerts"] = tuple(re.split(r"[,\s]+(?=\w+://)", urls.strip()))
        return found


class _Secrets(PydanticBaseSettingsSource):
    """A folder of files named like the settings (`EVERYCASE_CHATHPE__API_KEY`), as secret stores mount it."""

    def get_field_value(self, field: object, field_name: str) -> tuple[object, str, bool]:
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        folder = os.environ.get("EVERYCASE_SECRETS")
        found: dict[str, Any] = {}
        for name in SECRETS if folder else ():
            path = Path(str(folder)) / f"EVERYCASE_{name}"
            if path.is_file():
                section, _, key = name.lower().partition("__")
                value = path.read_text(encoding="utf-8").strip()
                if key:
                    found.setdefault(section, {})[key] = value
                else:
                    found[section] = value
        return found


class _File(TomlConfigSettingsSource):
    """The file; a key has no place in it."""

    def __call__(self) -> dict[str, Any]:
        found = super().__call__()
        for section in ("chathpe", "nomic", "weaviate"):
            if "api_key" in (found.get(section) or {}):
                raise WrongUse(
                    f"{CONFIG_FILE} holds an api_key: put it into EVERYCASE_{section.upper()}__API_KEY or a "
                    "file of that name in the folder EVERYCASE_SECRETS"
                )
        return found


def load() -> Settings:
    """The settings as they stand. Raises `WrongUse`, naming each one that cannot be used, never its value."""
    known = {f"EVERYCASE_{name.upper()}" for name in Settings.model_fields}
    strangers = sorted(
        n
        for n in os.environ
        if n.startswith("EVERYCASE_") and n.split("__")[0] not in known and not _is_tests(n)
    )
    if strangers:
        raise WrongUse(
            f"no such setting: {', '.join(strangers)}; the settings are listed in docs/settings.md"
        )
    try:
        return Settings()
    except ValidationError as e:
        problems: dict[str, str] = {}
        for x in e.errors():  # of a list that is wrong in one place and then too short, the place
            problems.setdefault(_name(x["loc"]), x["msg"].rstrip("."))
        said = "; ".join(f"{name}: {message}" for name, message in problems.items())
        raise WrongUse(f"settings cannot be used: {said}") from None
    except (ValueError, OSError) as e:
        raise WrongUse(f"settings cannot be read ({type(e).__name__}): check {CONFIG_FILE}") from None


def _is_tests(name: str) -> bool:
    return name.startswith("EVERYCASE_TEST_")


def _name(loc: tuple[object, ...]) -> str:
    return "EVERYCASE_" + "__".join(p.upper() for p in loc[:2] if isinstance(p, str))
