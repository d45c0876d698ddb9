"""The API keeps its schema: by schemathesis, and by a client that is generated from it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from everycase.domain.access import Role
from everycase.operations import access
from tests.support.service import Service, service

_NOT_ASKED = (
    "unsupported_method",
    "positive_data_acceptance",  # a cursor or a filter can be well-formed and yet none of ours
)


@pytest.mark.slow
def test_no_request_finds_a_server_error_or_breaks_the_schema(shown: Service) -> None:
    """Schemathesis on every operation: no 5xx, answers as the schema says, none without a token."""
    secret = access.create_token(shown.app, "schemathesis", Role.OPERATOR).secret
    failures: list[str] = []
    with service(shown.world, shown.world.home / "export", serve={"require_tokens": True}) as closed:
        _try_all(closed.url, {"Authorization": f"Bearer {secret}"}, failures)
    assert failures == []


def _try_all(url: str, headers: dict[str, str], failures: list[str]) -> None:
    schema = schemathesis.openapi.from_url(f"{url}/api/openapi.json", headers=headers)
    schema = schema.exclude(path="/api/live").exclude(path="/api/doctor").exclude(path="/api/plan")
    for result in schema.get_all_operations():
        operation = result.ok()
        _try(operation, headers, failures)


def _try(operation: schemathesis.APIOperation, headers: dict[str, str], failures: list[str]) -> None:  # type: ignore[type-arg]
    from hypothesis import given

    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=operation.as_strategy())
    def check(case: schemathesis.Case) -> None:  # type: ignore[type-arg]
        case.call_and_validate(
            headers=headers,
            timeout=120,
            excluded_checks=[schemathesis.checks.CHECKS.get_one(name) for name in _NOT_ASKED],
        )

    try:
        check()
    except Exception as e:
        failures.append(f"{operation.label}: {e}")


def test_a_typed_client_is_generated_and_works(shown: Service, tmp_path: Path) -> None:
    """The schema is good enough to generate a client that reads the status and the failures."""
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(httpx.get(f"{shown.url}/api/openapi.json").json()))
    made = subprocess.run(
        [
            str(Path(sys.executable).parent / "openapi-python-client"),
            "generate",
            "--path",
            str(document),
            "--output-path",
            str(tmp_path / "client"),
            "--meta",
            "none",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert "WARNING" not in made.stdout + made.stderr
    with _importable(tmp_path):
        client = importlib.import_module("client").Client(base_url=shown.url)
        status = importlib.import_module("client.api.state.read_status").sync(client=client)
        listed = importlib.import_module("client.api.failures.list_failures").sync(client=client)
    assert status.completed == 30
    assert len(listed.items) == 4


class _importable:
    """Modules of this folder can be imported within the block, and are forgotten behind it."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def __enter__(self) -> None:
        sys.path.insert(0, self._folder)

    def __exit__(self, *_: object) -> None:
        sys.path.remove(self._folder)
        for name in [n for n in sys.modules if n == "client" or n.startswith("client.")]:
            del sys.modules[name]


def test_the_schema_is_openapi_3_1(shown: Service) -> None:
    """With an operation id and a tag on every operation."""
    found = httpx.get(f"{shown.url}/api/openapi.json").json()
    assert found["openapi"].startswith("3.1")
    operations = [o for methods in found["paths"].values() for o in methods.values()]
    assert all(o["operationId"] and o["tags"] for o in operations)
    assert len({o["operationId"] for o in operations}) == len(operations)
