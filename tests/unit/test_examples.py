"""The examples call what there is."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from everycase.cli.commands import app
from everycase.domain.shards import Shard

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DAG, SPARK = EXAMPLES / "airflow_dag.py", EXAMPLES / "spark_shards.py"


def words_of(file: Path) -> list[list[str]]:
    """The constant words of each call of the command line, the command first."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "everycase":
            found.append(constants(node.args))
        elif isinstance(node, ast.List) and constants(node.elts)[:1] == ["everycase"]:
            found.append(constants(node.elts)[1:])
    return [words for words in found if words and not words[0].startswith("-")]


def constants(nodes: list[ast.expr]) -> list[str]:
    return [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]


@pytest.mark.parametrize("file", [DAG, SPARK], ids=lambda f: f.stem)
def test_an_example_uses_commands_and_options_that_exist(file: Path) -> None:
    """By name."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    calls = words_of(file)
    assert any("--shard" in words for words in calls)
    for words in calls:
        options = {o for p in commands[words[0]].params for o in p.opts}
        assert {w for w in words if w.startswith("--")} <= options


def test_the_dag_imports_airflow_3_and_nothing_else_that_is_not_python_s_own() -> None:
    """So it needs no package beside Airflow where it is parsed."""
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else ",".join(a.name for a in node.names)
        for node in ast.walk(ast.parse(DAG.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported - set(sys.stdlib_module_names) == {"airflow.sdk"}


def test_the_dag_is_one_that_airflow_takes() -> None:
    """With its task SDK, where that is installed: the parts are mapped, and reconciled after."""
    pytest.importorskip("airflow.sdk", reason="apache-airflow-task-sdk is not installed")
    found = load(DAG).everycase_hourly()
    assert found.dag_id == "everycase"
    assert set(found.task_dict) == {"parts", "sync", "reconcile"}
    assert found.task_dict["reconcile"].upstream_task_ids == {"sync"}


def test_spark_runs_each_part_once() -> None:
    """The names that it gives to the executors are parts, and together the whole."""
    names = [f"{n}/{16}" for n in range(1, 17)]
    assert len({str(Shard.parse(name)) for name in names}) == 16
    assert callable(load(SPARK).run_part)


def test_a_part_that_cannot_be_run_raises(tmp_path: Path) -> None:
    """So that Spark tries it again; exit codes 0 and 1 are results."""
    (tmp_path / "everycase").write_text("#!/bin/sh\necho '{}'\necho 'no database' >&2\nexit $CODE\n")
    (tmp_path / "everycase").chmod(0o755)
    code = f"import sys; sys.path.insert(0, {str(EXAMPLES)!r})\nimport spark_shards as s; s.run_part('1/2')"
    for given, expected in (("1", 0), ("4", 1)):
        env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "CODE": given}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=False)
        assert done.returncode == expected, done.stderr


def load(file: Path):
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
