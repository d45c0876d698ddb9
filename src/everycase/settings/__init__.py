"""One typed tree: environment `EVERYCASE_…` over `everycase.toml` over defaults (contract §16)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)
from pydantic_settings.sources import EnvSettingsSource

from everycase.domain.cases import MOST_DIMENSIONS
from everycase.domain.catalogue import TASK_TYPES
from everycase.domain.errors import WrongUse
from everycase.domain.thresholds import Thresholds
from everycase.settings import examples, mistakes, reading
from everycase.settings.dask import DaskSettings
from everycase.settings.exports import ExportSettings
from everycase.settings.kinds import (
    CommaSeparated,
    JobPeriod,
    JsonObject,
    Period,
    Share,
    Urls,
    address,
    check_key_is_encrypted,
)
from everycase.settings.providers import ChatHPESettings, NomicSettings
from everycase.settings.redaction import RedactionSettings
from everycase.settings.salesforce import SalesforceSettings

Provider = Literal["local", "local-small", "chathpe", "nomic"]


def default_home() -> Path:
    """The user's data directory; for root a place that other users may pass through to (docs/facts.md)."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/everycase")
    return Path(platformdirs.user_data_dir("everycase"))


_LIMITS = Thresholds()


class ThresholdSettings(BaseModel):
    """Where alerts begin, and where too many failures stop the pipeline (contract §13).

    Names and defaults are those of `Thresholds`; what a value may be is said here.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    task_coverage: Share = _LIMITS.task_coverage
    workorder_coverage: Share = _LIMITS.workorder_coverage
    email_coverage: Share = _LIMITS.email_coverage
    feed_coverage: Share = _LIMITS.feed_coverage
    comment_coverage: Share = _LIMITS.comment_coverage
    failure_rate: Share = _LIMITS.failure_rate
    timeout_rate: Share = _LIMITS.timeout_rate
    load_failure_rate: Share = _LIMITS.load_failure_rate
    missing_cases: int = Field(default=_LIMITS.missing_cases, ge=0)
    deletions: int = Field(default=_LIMITS.deletions, ge=1)
    least_cases: int = Field(default=_LIMITS.least_cases, ge=1)

    def as_thresholds(self) -> Thresholds:
        return Thresholds(**self.model_dump())


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
    def _is_an_address(cls, url: str) -> str:
        return address(url, "https://host:443")

    @model_validator(mode="after")
    def _key_is_encrypted(self) -> Self:
        check_key_is_encrypted(self.url, self.api_key)
        return self


class OidcSettings(BaseModel):
    """Sign-in with an organisation's identity provider (extra `everycase[oidc]`)."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    issuer: str = Field(default="", description="Its address; empty: tokens alone.")
    client_id: str = Field(default="everycase", description="As the identity provider knows this service.")
    client_secret: SecretStr | None = Field(default=None, description="Secret.")
    operators: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Subjects or verified e-mail addresses that may give orders; JSON or commas."
    )
    state_secret: SecretStr | None = Field(
        default=None, description="Shared by all replicas behind one address. Secret."
    )

    @field_validator("operators", mode="before")
    @classmethod
    def _as_list(cls, value: object) -> object:
        return tuple(p.strip() for p in value.split(",") if p.strip()) if isinstance(value, str) else value


class ServeSettings(BaseModel):
    """Where `everycase serve` answers, and who may ask (contract §17)."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    host: str = Field(
        default="127.0.0.1", description="Any address but loopback needs tokens or an identity provider."
    )
    port: int = Field(default=8321, ge=0, le=65535, description="0: a free one.")
    require_tokens: bool = Field(
        default=False, description="On loopback as well: for a service behind a proxy."
    )
    https: bool = Field(
        default=False, description="People reach it by https (a proxy ends TLS): cookies are for https alone."
    )
    oidc: OidcSettings = Field(default_factory=OidcSettings, description="Sign-in with an organisation.")


class Settings(ExportSettings, BaseSettings):
    """Every setting has a default; with none at all everycase runs on a generated sample."""

    model_config = SettingsConfigDict(
        env_prefix="EVERYCASE_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    home: Path = Field(default_factory=default_home, description="Data directory.")
    source: str = Field(
        default="sample",
        description="`sample`, `salesforce`, or the folder or zip of a Salesforce data export.",
    )
    salesforce: SalesforceSettings = Field(
        default_factory=SalesforceSettings, description="The organisation of EVERYCASE_SOURCE=salesforce."
    )
    database_url: SecretStr = Field(
        default=SecretStr("embedded"), description="`embedded`, or a PostgreSQL DSN. May hold a password."
    )
    index: Literal["embedded", "weaviate"] = Field(default="embedded", description="Where vectors live.")
    weaviate: WeaviateSettings = Field(
        default_factory=WeaviateSettings, description="The server of EVERYCASE_INDEX=weaviate."
    )
    embedders: Annotated[
        tuple[Literal["local", "local-small", "chathpe", "nomic"], ...], NoDecode, CommaSeparated
    ] = Field(
        default=("local",), min_length=1, description="Embedding providers in order, separated by commas."
    )
    chathpe: ChatHPESettings = Field(default_factory=ChatHPESettings, description="The primary provider.")
    nomic: NomicSettings = Field(default_factory=NomicSettings, description="The fallback.")
    cache_precision: Literal["half", "full"] = Field(default="half", description="Of kept vectors.")
    keep_vectors: Period = Field(
        default=timedelta(days=30), description="Of kept vectors that no case refers to."
    )
    secrets: Path | None = Field(default=None, description="Folder with a file for each secret setting.")
    engine: str = Field(
        default="threads:4", description="`inline`, `threads:N`, `processes:N` or `dask:tcp://host:port`."
    )
    dask: DaskSettings = Field(default_factory=DaskSettings, description="The cluster of dask:….")
    batch_size: int = Field(default=64, ge=1, le=1000, description="Cases a batch.")
    sample_cases: int = Field(default=2000, ge=1, le=10_000_000, description="Cases of the `sample` source.")
    sample_seed: int = Field(default=1, description="Seed of the `sample` source.")
    task_types: Annotated[tuple[str, ...], NoDecode, CommaSeparated] = Field(
        default=TASK_TYPES, description="Task types that belong to a case's story, separated by commas."
    )
    keep_hardware_addresses: bool = Field(
        default=True, description="Keep MAC addresses and WWNs, which are technical, in the text."
    )
    redaction: RedactionSettings = Field(
        default_factory=RedactionSettings, description="What redaction keeps and removes."
    )
    sync_every: JobPeriod = Field(default=timedelta(hours=1), description="How often `serve` syncs; 0: off.")
    reconcile_every: JobPeriod = Field(
        default=timedelta(hours=6), description="How often `serve` reconciles (type hourly); 0: off."
    )
    deep_every: JobPeriod = Field(
        default=timedelta(days=1), description="How often `serve` reconciles (type daily); 0: off."
    )
    golden_loss: Share = Field(
        default=0.02,
        description="How much less, of 1, the golden queries may find in a new index or with a new model.",
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
    thin_events_after: Period = Field(
        default=timedelta(0),
        description="Then events between the first and the last load of a case go; 0: never.",
    )
    alerts: Annotated[tuple[SecretStr, ...], NoDecode, Urls] = Field(
        default=(), description="Apprise URLs, separated by commas or blanks. They hold secrets."
    )
    serve: ServeSettings = Field(default_factory=ServeSettings, description="The HTTP service.")
    salesforce_link: str = Field(
        default="", description="Address that case ids are appended to for a link into Salesforce."
    )
    thresholds: ThresholdSettings = Field(default_factory=ThresholdSettings, description="Of alerts.")
    fields: Annotated[dict[str, str], NoDecode, JsonObject] = Field(
        default_factory=dict,
        description='Own API names: {"Case.Root_Cause__c": "RCA__c"}; in the environment as JSON.',
    )
    identity: Annotated[dict[str, str] | Literal["none"], NoDecode, JsonObject] = Field(
        default_factory=dict,
        description='Further identity columns and their kind: {"Case.Site_Lead__c": "person"}; `none`: '
        "no column names a person, and that is right.",
    )

    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """The settings file that was read, if any."""
        return self._file

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env file is read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - `load` reads the folder
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings


def load(config: Path | None = None) -> Settings:
    """The settings: the environment over the folder of secrets over a file over the defaults.

    `config`: the file; without it `everycase.toml` of the working directory, if there is one. Raises
    `WrongUse`, naming each setting that cannot be used and where it stands, never its value.
    """
    secret = frozenset(reading.list_secrets(Settings))
    reading.check_environment(Settings)
    file = reading.read_file(config)
    if file:
        reading.check_no_secret(file, secret)
    values: Mapping[str, Any] = file.values if file else {}
    folder = os.environ.get("EVERYCASE_SECRETS") or values.get("secrets")
    try:
        environment = EnvSettingsSource(Settings)()
        settings = Settings(**reading.merge(values, reading.read_secrets(folder, secret), environment))
    except ValidationError as e:
        raise WrongUse(f"settings cannot be used: {_mistakes(e, file)}") from None
    except SettingsError as e:
        raise WrongUse(f"settings cannot be used: {_unread(e)}") from None
    settings._file = file.path if file else None
    _check_dimensions(settings, file)
    return settings


def _check_dimensions(settings: Settings, file: reading.SettingsFile | None) -> None:
    """Raises `WrongUse` for a provider whose vectors are wider than the index can search."""
    most = MOST_DIMENSIONS[settings.index]
    for name in ("chathpe", "nomic"):
        width = getattr(settings, name).dimensions
        if name in settings.embedders and width > most:
            raise WrongUse(
                f"settings cannot be used: {_place((name, 'dimensions'), file)}: vectors of {width:,} "
                f"dimensions are wider than the {settings.index} index can search ({most:,}): set fewer, if "
                "the model can be asked for fewer, or EVERYCASE_INDEX=weaviate"
            )


def _mistakes(error: ValidationError, file: reading.SettingsFile | None) -> str:
    return "; ".join(
        f"{_place(names, file)}: {what}{_example(names, file)}"
        for names, what in mistakes.explain(error, Settings).items()
    )


def _example(names: tuple[str, ...], file: reading.SettingsFile | None) -> str:
    return examples.shown(_variable(names), names, in_file=_is_in_file(names, file))


def _place(names: tuple[str, ...], file: reading.SettingsFile | None) -> str:
    """Where a setting stands: its variable, else its line in the file."""
    if file and _is_in_file(names, file):
        return f"{file.place(names)}, {'.'.join(names)}"
    return _variable(names)


def _variable(names: tuple[str, ...]) -> str:
    return "EVERYCASE_" + "__".join(n.upper() for n in names)


def _is_in_file(names: tuple[str, ...], file: reading.SettingsFile | None) -> bool:
    """Whether the file gives the setting, and no variable overrides it."""
    is_in_environment = any(v.upper() == _variable(names) for v in os.environ)
    return bool(file and names and names[0] in file.values and not is_in_environment)


def _unread(error: SettingsError) -> str:
    """A section that the environment gives as a whole has to be JSON."""
    found = re.search(r'field "(\w+)"', str(error))
    section = f"EVERYCASE_{found[1].upper()}" if found else "a variable"
    return f"{section} is no JSON; its parts can be given one by one, as {section}__NAME=value"
