"""The section of the Dask cluster."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from everycase.settings.kinds import Period


class DaskSettings(BaseModel):
    """How the scheduler of EVERYCASE_ENGINE=dask:… is reached (docs/scale.md)."""

    model_config = ConfigDict(extra="forbid")

    tls_ca: Path | None = Field(default=None, description="File of the cluster's authority.")
    tls_cert: Path | None = Field(default=None, description="File of this machine's certificate.")
    tls_key: Path | None = Field(default=None, description="File of its key.")
    connect_timeout: Period = Field(
        default=timedelta(seconds=30), gt=timedelta(0), description="A scheduler is waited for so long."
    )
    workers_timeout: Period = Field(
        default=timedelta(seconds=60), gt=timedelta(0), description="Without a worker for so long: given up."
    )

    @model_validator(mode="after")
    def _all_of_tls(self) -> Self:
        given = [self.tls_ca, self.tls_cert, self.tls_key]
        if any(given) and not all(given):
            raise ValueError("TLS_CA, TLS_CERT and TLS_KEY go together: set all three or none")
        if missing := [f for f in given if f and not f.is_file()]:
            raise ValueError(f"there is no file {missing[0]}")
        return self

    def as_options(self) -> dict[str, Any]:
        """The values by the names that the engine has for them."""
        return {
            "tls_ca": self.tls_ca,
            "tls_cert": self.tls_cert,
            "tls_key": self.tls_key,
            "connect_timeout_s": self.connect_timeout.total_seconds(),
            "workers_timeout_s": self.workers_timeout.total_seconds(),
        }
