"""The files of an export: one an object, in a folder or a zip, plain or gzipped, CSV or JSON."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from everycase.domain.errors import WrongUse

_SUFFIXES = (".csv", ".json", ".csv.gz", ".json.gz")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFile:
    """One object's file. `name` is what messages call it."""

    name: str
    path: Path
    member: str | None
    """The entry's name where `path` is a zip."""

    @property
    def is_json(self) -> bool:
        return ".json" in self.name.lower()

    @contextmanager
    def open(self) -> Iterator[io.BufferedIOBase]:
        """The file's bytes, unpacked, as a stream."""
        with self._open_raw() as raw:
            if self.name.lower().endswith(".gz"):
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    yield unpacked
            else:
                yield raw

    def digest(self) -> str:
        """SHA-256 of the stored bytes, unpacked from a zip; the same file has the same, whatever its date."""
        found = hashlib.sha256()
        with self._open_raw() as raw:
            while chunk := raw.read(_CHUNK):
                found.update(chunk)
        return found.hexdigest()

    @contextmanager
    def _open_raw(self) -> Iterator[io.BufferedIOBase]:
        if self.member is None:
            with self.path.open("rb") as raw:
                yield raw
        else:
            with (
                zipfile.ZipFile(self.path) as archive,
                archive.open(self.member) as entry,
                io.BufferedReader(entry, _CHUNK) as raw,  # type: ignore[type-var]  # it has readinto
            ):
                yield raw


def find_files(path: Path) -> dict[str, ExportFile]:
    """The files of an export by object name in lower case; what is not a data file is passed over.

    Raises `WrongUse` for a path that is no export, and for two files of one object.
    """
    if not path.exists():
        raise WrongUse(
            f"the export {path} does not exist: set EVERYCASE_SOURCE to the folder or zip of a data export"
        )
    if path.is_dir():
        try:
            paths = sorted(p for p in path.iterdir() if p.is_file())
        except OSError as e:
            raise WrongUse(f"the export {path} cannot be read: {e.strerror}") from None
        named = [(p.name, ExportFile(name=p.name, path=p, member=None)) for p in paths]
    else:
        named = [
            (PurePosixPath(m).name, ExportFile(name=PurePosixPath(m).name, path=path, member=m))
            for m in _members(path)
        ]
    found: dict[str, ExportFile] = {}
    for name, file in named:
        suffix = next((s for s in sorted(_SUFFIXES, key=len, reverse=True) if name.lower().endswith(s)), None)
        if suffix is None:
            continue
        stem = name[: -len(suffix)].lower()
        if stem in found:
            raise WrongUse(
                f"{path} has two files of one object, {found[stem].name} and {name}: remove one of them"
            )
        found[stem] = file
    if "case" not in found:
        raise WrongUse(
            f"{path} has no Case file (Case.csv, Case.json, or one of them with .gz): is it an export?"
        )
    return found


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [
                i for i in archive.infolist() if not i.is_dir() and not i.filename.startswith("__MACOSX/")
            ]
    except zipfile.BadZipFile:
        raise WrongUse(
            f"{path} is cut short or is not a zip: copy the export again; nothing was changed"
        ) from None
    except OSError as e:
        raise WrongUse(f"the export {path} cannot be read: {e.strerror}") from None
    if any(i.flag_bits & 0x1 for i in infos):
        raise WrongUse(f"{path} is encrypted: unpack it into a folder and set EVERYCASE_SOURCE to that")
    return sorted(i.filename for i in infos)
