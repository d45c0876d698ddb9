"""A coverage-guided fuzzer for what takes text from outside: the readers of exports, and redaction.

`python -m tests.fuzz readers --seconds 600` (or `redaction`) needs Atheris, which is no dependency of
everycase: `.venv/bin/pip install atheris`. It keeps every input that reaches new code, and ends with the
first one that breaks a promise, which it writes to a file `crash-…`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

try:
    import atheris  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    sys.exit("the fuzzer needs Atheris: .venv/bin/pip install atheris")

with atheris.instrument_imports(include=["everycase"]):
    from everycase.domain.catalogue import OBJECTS, Catalogue
    from everycase.domain.errors import WrongUse
    from everycase.sources.export.source import ExportSource
    from tests.support.exports import case, write_export
    from tests.unit.redaction.test_fuzz import test_no_derived_form_of_the_identity_is_left as redaction

NAMES = ("Case.csv", "Case.json", "Case.jsonl", "Case.csv.gz", "export.zip")
CATALOGUE = Catalogue(objects=OBJECTS)


def read(folder: Path, data: bytes) -> None:
    """Read one file of an export, whose first byte chooses its name. Raises where a row is lost."""
    name = NAMES[data[0] % len(NAMES)] if data else NAMES[0]
    for old in folder.iterdir():
        old.unlink()
    path = folder / name
    path.write_bytes(data[1:])
    with suppress(WrongUse):
        source = ExportSource(path if name.endswith(".zip") else folder, CATALOGUE)
        source.state(CATALOGUE.case)
        reading = source.changes(CATALOGUE.case)
        rows = list(reading)
        proof = reading.proof()
        counted = len(rows) + sum(proof.passed_over.values())
        assert counted == proof.read or proof.problem, "rows in are rows read, named or passed over"


def examples(folder: Path) -> None:
    """Whole files to begin with: a fuzzer does not invent a header."""
    written = write_export(folder / "written", Case=[case(n) for n in range(3)])
    table = (written / "Case.csv").read_bytes()
    record = b'{"Id": "5007T0000000001QAA", "CaseNumber": "40000001", "Subject": "x"}'
    page = b'{"totalSize": 1, "done": true, "records": [' + record + b"]}"
    for n, (kind, content) in enumerate([(0, table), (1, page), (1, b"[" + record + b"]"), (2, record)]):
        (folder / f"example-{n}").write_bytes(bytes([kind]) + content)
        (folder / f"example-{n}-utf-16").write_bytes(bytes([kind]) + content.decode().encode("utf-16"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("target", choices=["readers", "redaction"])
    parser.add_argument("--seconds", type=int, default=600, metavar="N", help="how long")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        scratch, corpus = Path(home) / "scratch", Path(home) / "corpus"
        scratch.mkdir()
        corpus.mkdir()
        target: Callable[[bytes], Any] = redaction.hypothesis.fuzz_one_input
        if given.target == "readers":
            examples(corpus)
            target = lambda data: read(scratch, data)  # noqa: E731
        limits = [f"-max_total_time={given.seconds}", "-max_len=4096", "-timeout=60", "-rss_limit_mb=4096"]
        inputs = [str(corpus)] if given.target == "readers" else []
        atheris.Setup([sys.argv[0], *limits, *inputs], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
