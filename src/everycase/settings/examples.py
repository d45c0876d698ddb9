"""An example of each setting, as the environment writes it: shown by errors and by docs/settings.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_PROVIDER = {
    "API_KEY": "sk-…",
    "BATCH_SIZE": "32",
    "TIMEOUT": "90s",
    "REQUESTS_PER_MINUTE": "2850",
    "TOKENS_PER_MINUTE": "950000",
    "COOL_DOWN": "1m",
    "ENCODING": "float",
}

EXAMPLES: dict[str, str | dict[str, str]] = {
    "HOME": "/srv/everycase",
    "SOURCE": "/data/export.zip",
    "SALESFORCE": {
        "URL": "https://acme.my.salesforce.com",
        "CLIENT_ID": "3MVG9…",
        "CLIENT_SECRET": "1955279925675241571",
        "USERNAME": "integration@acme.example",
        "PRIVATE_KEY": "-----BEGIN PRIVATE KEY-----…",
        "AUDIENCE": "https://test.salesforce.com",
        "API_VERSION": "62.0",
        "QUOTA_SHARE": "0.5",
        "OVERLAP": "15m",
        "LAG": "5m",
        "TIMEOUT": "120s",
        "ATTEMPTS": "8",
        "BULK_FROM": "5000",
        "READERS": "4",
        "EXPECTED_ROWS": '{"Case": 120000}',
        "CANARIES": "5008d00000AbCd2AAF,5008d00000AbCd5AAF",
        "WITHOUT": "Case.Product_Series__c,Task.Type",
    },
    "DATABASE_URL": "postgresql://everycase@db.example:5432/everycase",
    "INDEX": "weaviate",
    "WEAVIATE": {
        "URL": "https://weaviate.example",
        "GRPC_HOST": "grpc.weaviate.example",
        "GRPC_PORT": "50051",
        "API_KEY": "wv-…",
        "COLLECTION": "SupportCase",
        "CONSISTENCY": "quorum",
        "REPLICAS": "3",
        "QUANTISE": "false",
        "CONNECT_TIMEOUT": "10s",
        "QUERY_TIMEOUT": "30s",
        "INSERT_TIMEOUT": "2m",
    },
    "EMBEDDERS": "chathpe,nomic",
    "CHATHPE": {
        "URL": "https://gateway.example/v1",
        "MODEL": "text-embedding-3-large",
        "DIMENSIONS": "3072",
        "PRICE": "0.13",
        **_PROVIDER,
    },
    "NOMIC": {
        "URL": "https://api-atlas.nomic.ai/v1",
        "MODEL": "nomic-embed-text-v1.5",
        "DIMENSIONS": "768",
        "PRICE": "0.1",
        "PROTOCOL": "openai",
        **_PROVIDER,
    },
    "CACHE_PRECISION": "full",
    "KEEP_VECTORS": "90 days",
    "SECRETS": "/run/secrets",
    "ENGINE": "processes:2",
    "DASK": {
        "TLS_CA": "/etc/dask/ca.pem",
        "TLS_CERT": "/etc/dask/cert.pem",
        "TLS_KEY": "/etc/dask/key.pem",
        "CONNECT_TIMEOUT": "30s",
        "WORKERS_TIMEOUT": "5m",
    },
    "BATCH_SIZE": "128",
    "SAMPLE_CASES": "500",
    "SAMPLE_SEED": "7",
    "SERVE": {
        "HOST": "0.0.0.0",  # noqa: S104 - an example of a setting
        "PORT": "8080",
        "REQUIRE_TOKENS": "true",
        "HTTPS": "true",
        "OIDC__ISSUER": "https://login.acme.example",
        "OIDC__CLIENT_ID": "everycase",
        "OIDC__CLIENT_SECRET": "s3cr3t…",
        "OIDC__STATE_SECRET": "0f5c…",
        "OIDC__OPERATORS": "ada@acme.example,grace@acme.example",
    },
    "SALESFORCE_LINK": "https://acme.lightning.force.com",
    "SYNC_EVERY": "30m",
    "RECONCILE_EVERY": "6h",
    "DEEP_EVERY": "1 day",
    "GOLDEN_LOSS": "0.05",
    "SAMPLE_SIZE": "1000",
    "STALL_AFTER": "30m",
    "KEEP_FAILURES": "180 days",
    "KEEP_RUNS": "30d",
    "THIN_EVENTS_AFTER": "365d",
    "ALERTS": "json://alerts.example/hook,mailto://mail.example",
    "THRESHOLDS": {
        "TASK_COVERAGE": "0.6",
        "WORKORDER_COVERAGE": "0.6",
        "EMAIL_COVERAGE": "0.6",
        "FEED_COVERAGE": "0.5",
        "COMMENT_COVERAGE": "0.4",
        "FAILURE_RATE": "0.2",
        "TIMEOUT_RATE": "0.1",
        "LOAD_FAILURE_RATE": "0.05",
        "MISSING_CASES": "50",
        "DELETIONS": "1000",
        "LEAST_CASES": "100",
    },
    "TASK_TYPES": "Plan of Action,Trouble Shooting",
    "WITHOUT": "WorkOrder,WorkOrderFeed",
    "CASE_NUMBER": r"\d{8}",
    "ENCODING": "cp1252",
    "DATES": "dmy",
    "KEEP_HARDWARE_ADDRESSES": "false",
    "REDACTION": {
        "KEEP": "mac,wwn,serials",
        "OWN_DOMAINS": "acme.example,acme.test",
        "DENY": "/etc/everycase/deny.txt",
        "ALLOW": "/etc/everycase/allow.txt",
        "MODEL": "presidio",
        "MODEL_SECONDS": "60",
    },
    "FIELDS": '{"Case.Root_Cause__c": "RCA__c"}',
    "IDENTITY": '{"Case.Site_Lead__c": "person"}',
}


def variables() -> Iterator[tuple[str, str]]:
    """Each variable with its example, in the order of the table."""
    for name, value in EXAMPLES.items():
        for inner, example in value.items() if isinstance(value, dict) else [("", value)]:
            yield f"EVERYCASE_{name}{'__' if inner else ''}{inner}", example


def shown(variable: str, names: tuple[str, ...], *, in_file: bool) -> str:
    """`; example: batch_size = 128` where the setting stands in a file, else as a variable; or nothing."""
    example = dict(variables()).get(variable)
    if example is None:
        return ""
    return (
        f"; example: {names[-1]} = {_toml(example)}"
        if in_file
        else f"; example: {variable}={quoted(example)}"
    )


def _toml(example: str) -> str:
    if re.fullmatch(r"\d+(\.\d+)?|true|false", example):
        return example
    if example.startswith("{"):
        pairs = json.loads(example).items()
        return "{ " + ", ".join(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in pairs) + " }"
    return json.dumps(example, ensure_ascii=False) if "\\" not in example else f"'{example}'"


def quoted(example: str) -> str:
    """As a shell takes it."""
    return f"'{example}'" if re.search(r"[\s{\\]", example) else example
