"""What is deployed with is right: it parses, names settings and commands that exist, and may do little."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from distributed.cli import dask_scheduler, dask_worker

from everycase.cli.commands import app
from everycase.domain.shards import Shard
from everycase.settings import Settings, load, reading

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))
MANIFESTS = [d for f in FILES for d in yaml.safe_load_all(f.read_text(encoding="utf-8"))]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
DASK = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [m for m in MANIFESTS if m["kind"] in kinds]


def pods() -> dict[str, dict[str, Any]]:
    """The template of each pod, by the name of what makes it."""
    found = {}
    for m in of_kind("Deployment", "CronJob"):
        spec = m["spec"]["jobTemplate"]["spec"] if m["kind"] == "CronJob" else m["spec"]
        found[m["metadata"]["name"]] = spec["template"]
    return found


PODS = pods()
each_pod = pytest.mark.parametrize("pod", PODS.values(), ids=PODS.keys())


def container(pod: dict[str, Any]) -> dict[str, Any]:
    [only] = pod["spec"]["containers"]
    return dict(only)


def calls(words: list[str]) -> Iterator[list[str]]:
    """The commands of ours, or of Dask, that a pod's command line runs."""
    line = words[2] if words[0] == "sh" else shlex.join(words)
    for part in re.split(r"[;&|]+", line.replace("$((JOB_COMPLETION_INDEX + 1))", "1")):
        if (call := shlex.split(part)) and call[0] in ("everycase", "dask"):
            yield call


def test_every_manifest_says_what_it_is() -> None:
    """And no two of a kind have the same name."""
    names = [(m["kind"], m["metadata"]["name"]) for m in MANIFESTS if m["kind"] != "Kustomization"]
    assert len(names) == len(set(names))
    assert all(m["apiVersion"] for m in MANIFESTS)
    kinds = {k for k, _ in names}
    assert kinds == {"ConfigMap", "Deployment", "Service", "CronJob", "NetworkPolicy"}


def test_every_file_is_in_the_kustomization_or_offered_there() -> None:
    """By its name."""
    text = (FOLDER / "kustomization.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"- (\w+\.yaml)", text)) == {f.name for f in FILES} - {"kustomization.yaml"}


@each_pod
def test_a_pod_may_do_little(pod: dict[str, Any]) -> None:
    """It is not root, writes to its home and /tmp alone, and has no capability and no token."""
    spec, only = pod["spec"], container(pod)
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    writable = {v["name"] for v in spec["volumes"] if "emptyDir" in v}
    assert {m["mountPath"]: m["name"] in writable for m in only["volumeMounts"]} == {
        "/var/lib/everycase": True,
        "/tmp": True,
    }
    assert {"requests", "limits"} <= set(only["resources"])


@each_pod
def test_a_pod_runs_a_command_that_exists(pod: dict[str, Any]) -> None:
    """With options that it has."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    found = list(calls(container(pod)["command"]))
    assert found
    for name, command, *words in found:
        known = DASK[command] if name == "dask" else commands[command]
        options = {o for p in known.params for o in (*p.opts, *p.secondary_opts)}
        assert {w for w in words if w.startswith("--")} <= options


def test_all_pods_have_one_image_of_this_version() -> None:
    """And the user of the image is theirs."""
    assert {container(p)["image"] for p in PODS.values()} == {f"everycase:{metadata.version('everycase')}"}
    [kustomization] = of_kind("Kustomization")
    assert kustomization["images"][0]["newTag"] == metadata.version("everycase")
    [uid] = {p["spec"]["securityContext"]["runAsUser"] for p in PODS.values()}
    assert f"--uid {uid}" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def environment() -> dict[str, str]:
    found: dict[str, str] = {}
    for m in of_kind("ConfigMap"):
        found |= m["data"]
    for pod in PODS.values():
        found |= {e["name"]: e["value"] for e in container(pod).get("env", ())}
    return found


def test_every_setting_in_the_manifests_exists_and_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its value."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    reading.check_environment(Settings)
    assert load().serve.host == "0.0.0.0"


def test_every_setting_in_the_compose_file_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever .env says."""
    for service in COMPOSE["services"].values():
        for name in service.get("environment", {}):
            if name.startswith("EVERYCASE_"):
                monkeypatch.setenv(name, "x")
    reading.check_environment(Settings)


def test_no_secret_stands_in_a_manifest() -> None:
    """Secrets are referred to, and a scheduler, which needs none, has none."""
    secret = {f"EVERYCASE_{name}" for name in reading.list_secrets(Settings)}
    assert not secret & set(environment())
    for name, pod in PODS.items():
        given = [e for e in container(pod).get("envFrom", ()) if "secretRef" in e]
        assert bool(given) is (name != "everycase-dask"), name


def test_the_parts_of_the_indexed_job_are_the_whole() -> None:
    """As many completions as its command divides by."""
    [job] = [m for m in of_kind("CronJob") if "--shard" in str(m)]
    spec = job["spec"]["jobTemplate"]["spec"]
    [call] = calls(container(spec["template"])["command"])
    shard = Shard.parse(call[call.index("--shard") + 1])
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 4, 4)
    assert shard.count == spec["completions"]


def test_nobody_reaches_a_pod_but_by_a_rule() -> None:
    """One policy lets nobody in to any pod; the others open the service, and Dask to our pods."""
    policies = {m["metadata"]["name"]: m["spec"] for m in of_kind("NetworkPolicy")}
    closed = policies["everycase-ingress-none"]
    assert "ingress" not in closed
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    wanted = closed["podSelector"]["matchLabels"].items()
    assert all(wanted <= p["metadata"]["labels"].items() for p in PODS.values())
    for rule in policies["everycase-dask"]["ingress"]:
        assert all(set(peer) == {"podSelector"} for peer in rule["from"])


def test_services_find_their_pods_by_a_port_that_they_have() -> None:
    """By labels and the port's name."""
    for service in of_kind("Service"):
        selector = service["spec"]["selector"].items()
        [pod] = [p for p in PODS.values() if selector <= p["metadata"]["labels"].items()]
        ports = {p["name"] for p in container(pod)["ports"]}
        assert {p["targetPort"] for p in service["spec"]["ports"]} <= ports


def test_the_dask_profile_of_compose_runs_commands_that_exist() -> None:
    """With the image and the settings of the service."""
    services = COMPOSE["services"]
    for name, command in (("dask-scheduler", "scheduler"), ("dask-worker", "worker")):
        assert services[name]["profiles"] == ["dask"]
        [(_, found, *words)] = calls(services[name]["command"])
        assert found == command
        options = {o for p in DASK[command].params for o in (*p.opts, *p.secondary_opts)}
        assert {w for w in words if w.startswith("--")} <= options
    assert services["dask-worker"]["environment"] == services["everycase"]["environment"]
    assert not any(n.startswith("EVERYCASE_") for n in services["dask-scheduler"].get("environment", {}))
