"""The files of an export: one an object, in a folder or a zip, plain or gzipped, CSV or JSON."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeAlias

from everycase.domain.errors import WrongUse

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

STREAM_ERRORS = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError)
"""What reading a damaged or vanished file raises, wherever in it."""

Bytes: TypeAlias = "io.BufferedReader[Any]"
_SUFFIXES = (".csv.gz", ".json.gz", ".csv", ".json")
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})
_CHUNK = 1 << 18


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
    def open(self) -> Iterator[Bytes]:
        """The file's bytes, unpacked, as a stream. Any of `STREAM_ERRORS` may come, here or while reading."""
        with self._open_raw() as raw:
            if self.name.lower().endswith(".gz"):
                with gzip.GzipFile(fileobj=raw) as packed:
                    yield io.BufferedReader(_Eager(packed), _CHUNK)
            else:
                yield raw

    def digest(self) -> str:
        """SHA-256 of the stored bytes, unpacked from a zip; the same file has the same, whatever its date."""
        with self._open_raw() as raw:
            return hashlib.file_digest(raw, "sha256").hexdigest()

    @contextmanager
    def _open_raw(self) -> Iterator[Bytes]:
        if self.member is None:
            with io.FileIO(self.path) as file:
                yield io.BufferedReader(file, _CHUNK)
        else:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as entry:
                yield io.BufferedReader(_Eager(entry), _CHUNK)


class _Eager(io.RawIOBase):
    """Gives what is unpacked as soon as it is, so that all that comes before a break is read."""

    def __init__(self, packed: gzip.GzipFile | IO[bytes]) -> None:
        self._packed = packed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        data: bytes = self._packed.read1(len(view))  # type: ignore[union-attr]  # both have it
        view[: len(data)] = data
        return len(data)


def find_files(path: Path, objects: Collection[str]) -> dict[str, ExportFile]:
    """The files of an export by object name in lower case; a file of none of the `objects` is passed over.

    Raises `WrongUse` for a path that is no export, and for two files of one object.
    """
    found: dict[str, ExportFile] = {}
    wanted = {o.lower() for o in objects}
    for file in _list_files(path):
        suffix = next((s for s in _SUFFIXES if file.name.lower().endswith(s)), None)
        stem = file.name[: -len(suffix)].lower() if suffix else ""
        if stem not in wanted:
            continue
        if stem in found:
            one, other = (f.member or f.name for f in (found[stem], file))
            raise WrongUse(f"{path} has two files of one object, {one} and {other}: remove one of them")
        found[stem] = file
    if "case" not in found:
        raise WrongUse(
            f"{path} has no Case file (Case.csv, Case.json, or one of them with .gz): is it an export?"
        )
    return found


def _list_files(path: Path) -> list[ExportFile]:
    """Every file, whatever it is, in the order of the names."""
    try:
        if path.is_dir():
            paths = sorted(p for p in path.iterdir() if p.is_file())
            return [ExportFile(name=p.name, path=p, member=None) for p in paths]
        if not path.exists():
            raise WrongUse(
                f"the export {path} does not exist: set EVERYCASE_SOURCE to the folder or zip of an export"
            )
        return [ExportFile(name=PurePosixPath(m).name, path=path, member=m) for m in _members(path)]
    except OSError as e:
        raise WrongUse(f"the export {path} cannot be read: {e.strerror or 'input/output error'}") from None


def _members(path: Path) -> list[str]:
    if path.name.lower().endswith(_SUFFIXES):
        raise WrongUse(f"{path} is one file of an export: set EVERYCASE_SOURCE to the folder that it is in")
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [i for i in archive.infolist() if not i.is_dir() and "__MACOSX" not in i.filename]
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError):
        _refuse(path, "is cut short or is not a zip: copy the export again; nothing was changed")
    if any(i.flag_bits & 0x1 for i in infos):
        _refuse(path, "is encrypted: unpack it into a folder and set EVERYCASE_SOURCE to that")
    if any(i.compress_type not in _METHODS for i in infos):
        _refuse(
            path,
            "is packed in a way that cannot be read here: unpack it and set EVERYCASE_SOURCE to the folder",
        )
    return sorted(i.filename for i in infos)


def _refuse(path: Path, why: str) -> NoReturn:
    raise WrongUse(f"{path} {why}") from None
