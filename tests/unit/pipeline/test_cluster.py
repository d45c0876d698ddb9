"""The Dask engine on a real scheduler with real workers: every batch comes out once, whatever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from distributed import get_client, get_worker

from everycase.domain.errors import DependencyUnreachable, WrongUse
from everycase.pipeline.cluster import ClusterOptions
from everycase.pipeline.engine import EngineSpec, Stalled, WorkerLost, run
from tests.support.cluster import DaskCluster, dask_cluster, working_below
from tests.unit.pipeline.test_engine import die_always, die_once, double, never_return

SHORT = ClusterOptions(connect_timeout_s=3, workers_timeout_s=1)
WITHOUT_WORKERS = ClusterOptions(workers_timeout_s=1)
"""Waits for the scheduler as long as ever: on a busy machine it takes a while to start."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    with dask_cluster(tmp_path_factory.mktemp("dask"), {}) as found:
        yield found


@pytest.fixture
def spec(cluster: DaskCluster) -> EngineSpec:
    return EngineSpec.parse(cluster.engine)


def test_every_batch_comes_out_once_and_errors_are_its_own(spec: EngineSpec) -> None:
    """A poison batch fails alone, and equal batches are each run."""
    found = list(run(spec, double, [*range(20), 5, 5]))
    assert sorted(o.batch for o in found) == sorted([*range(20), 5, 5])
    assert {o.value for o in found if o.error is None} == {2 * n for n in range(20) if n != 13}
    assert [type(o.error) for o in found if o.error] == [ValueError]


def test_a_slow_consumer_holds_the_source_back(spec: EngineSpec) -> None:
    """Never more batches under way than twice the workers' threads."""
    taken: list[int] = []

    def source() -> Iterator[int]:
        for n in range(100):
            taken.append(n)
            yield n

    outcomes = run(spec, double, source())
    next(outcomes)
    assert len(taken) <= 5
    outcomes.close()


def test_a_run_that_is_told_to_end_yields_what_it_has_begun_and_begins_no_more(spec: EngineSpec) -> None:
    """Batches that a worker may already have are waited for."""
    found: list[int] = []
    for outcome in run(spec, double, range(1000), should_end=lambda: len(found) >= 5):
        found.append(outcome.batch)
    assert 5 <= len(found) <= 12
    assert len(set(found)) == len(found)


def test_a_batch_whose_worker_dies_runs_again(spec: EngineSpec, tmp_path: Path) -> None:
    """And its siblings too."""
    found = list(run(spec, die_once, [(str(tmp_path), n) for n in range(8)]))
    assert sorted(o.value for o in found if o.value is not None) == list(range(8))


@pytest.mark.slow
def test_a_batch_that_kills_every_worker_is_given_up_alone(spec: EngineSpec) -> None:
    """The others are done."""
    found = list(run(spec, die_always, range(6)))
    assert sorted(o.batch for o in found) == list(range(6))
    assert [o.batch for o in found if isinstance(o.error, WorkerLost)] == [3]


@pytest.mark.slow
def test_a_batch_is_not_given_up_because_something_kills_one_worker_after_the_other(tmp_path: Path) -> None:
    """Ten workers die under the batch, more than it may kill; each time one dies that did not have it."""
    with dask_cluster(tmp_path / "dask", {}) as own:
        batches = [(tmp_path, n, own.nannies) for n in range(6)]
        found = list(run(EngineSpec.parse(own.engine), die_ten_times, batches))
    assert sorted(o.value for o in found if o.value is not None) == list(range(6))


def die_ten_times(where: tuple[Path, int, list[int]]) -> int:
    """Kills all workers, its own one last, at the first ten tries of batch 3."""
    folder, n, nannies = where
    tries = folder / "tries"
    so_far = len(tries.read_bytes()) if tries.exists() else 0
    if n == 3 and so_far < 10:
        kill_the_others(nannies)
        with tries.open("ab") as f:
            f.write(b".")
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def kill_the_others(nannies: list[int]) -> None:
    """And wait until the scheduler knows: otherwise it may give the batch to one that is dead already."""
    client, own = get_client(), get_worker().address
    while not (others := set(client.nthreads()) - {own}):
        time.sleep(0.1)
    for pid in working_below(nannies):
        if pid != os.getpid():
            os.kill(pid, signal.SIGKILL)
    while others & set(client.nthreads()):
        time.sleep(0.1)


def test_a_batch_that_never_returns_ends_the_run_at_the_stall_limit(tmp_path: Path) -> None:
    """And keeps it no longer."""
    with dask_cluster(tmp_path, {}, workers=1) as own, pytest.raises(Stalled):
        list(run(EngineSpec.parse(own.engine), never_return, [1], stall_s=1))


def test_no_scheduler_is_a_sentence() -> None:
    """That names its address and says that nothing is lost."""
    with pytest.raises(DependencyUnreachable, match=r"127\.0\.0\.1:9 does not answer.*nothing is lost"):
        list(run(EngineSpec.parse("dask:tcp://127.0.0.1:9", SHORT), double, range(3)))


def test_nothing_is_opened_for_no_batch() -> None:
    """A sync without changes needs no cluster."""
    assert list(run(EngineSpec.parse("dask:tcp://127.0.0.1:9", SHORT), double, [])) == []


def test_a_cluster_without_workers_is_a_sentence(tmp_path: Path) -> None:
    """Tasks do not wait for ever."""
    with (
        dask_cluster(tmp_path, {}, workers=0) as empty,
        pytest.raises(DependencyUnreachable, match="has had no worker"),
    ):
        list(run(EngineSpec.parse(empty.engine, WITHOUT_WORKERS), double, range(3)))


def test_workers_that_all_go_are_a_sentence(tmp_path: Path) -> None:
    """Also in the middle of a run."""
    with dask_cluster(tmp_path, {}, workers=1) as own:
        outcomes = run(EngineSpec.parse(own.engine, WITHOUT_WORKERS), die_with_nanny, range(100))
        with pytest.raises(DependencyUnreachable, match="has had no worker"):
            list(outcomes)


def die_with_nanny(n: int) -> int:
    if n == 3:
        os.killpg(os.getpgid(os.getppid()), signal.SIGKILL)
    return n


@pytest.mark.parametrize("where", ["scheduler", "workers"])
def test_a_cluster_that_cannot_import_everycase_is_a_sentence(tmp_path: Path, where: str) -> None:
    """Whether the scheduler or a worker lacks it, or has another."""
    (tmp_path / "other" / "everycase").mkdir(parents=True)
    (tmp_path / "other" / "everycase" / "__init__.py").touch()
    own = DaskCluster(tmp_path, {})
    lacking = {"PYTHONPATH": str(tmp_path / "other")}
    try:
        own.start_scheduler(**(lacking if where == "scheduler" else {}))
        own.start_worker(**(lacking if where == "workers" else {}))
        with pytest.raises(WrongUse, match=f"the Dask {where} cannot import everycase"):
            raise_first(own)
    finally:
        own.stop()


def raise_first(own: DaskCluster) -> None:
    """Raise what comes of a batch that needs everycase on the workers."""
    for outcome in run(EngineSpec.parse(own.engine), EngineSpec.parse, ["inline"]):
        if outcome.error:
            raise outcome.error


def test_a_missing_extra_is_a_sentence_with_the_command() -> None:
    """And the commands go on to be understood."""
    code = (
        "import sys; sys.modules['distributed'] = None\n"
        "from everycase.pipeline.engine import EngineSpec\n"
        "EngineSpec.parse('dask:tcp://host:8786')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'everycase[dask]'" in done.stderr


def test_a_cluster_with_tls_takes_whoever_has_its_certificate(tmp_path: Path) -> None:
    """And nobody else."""
    files = {**_certificate(tmp_path, "own")}
    own = DaskCluster(tmp_path, {}, tls={f"tls-{k}": v for k, v in files.items()})
    options = ClusterOptions(
        tls_ca=Path(files["ca-file"]), tls_cert=Path(files["cert"]), tls_key=Path(files["key"])
    )
    other = _certificate(tmp_path, "other")
    stranger = ClusterOptions(
        tls_ca=Path(other["ca-file"]),
        tls_cert=Path(other["cert"]),
        tls_key=Path(other["key"]),
        connect_timeout_s=2,
    )
    try:
        own.start_scheduler()
        own.start_worker()
        found = list(run(EngineSpec.parse(own.engine, options), double, range(5)))
        with pytest.raises(DependencyUnreachable):
            list(run(EngineSpec.parse(own.engine, stranger), double, range(5)))
    finally:
        own.stop()
    assert sorted(o.value for o in found if o.value is not None) == [0, 2, 4, 6, 8]


def _certificate(folder: Path, name: str) -> dict[str, str]:
    """A key and a certificate that is its own authority, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return {"ca-file": str(cert_file), "cert": str(cert_file), "key": str(key_file)}
