"""The files of an export as streams of bytes: in a folder, a zip or several zips, plain or gzipped."""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeAlias

from everycase.domain.errors import WrongUse

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

STREAM_ERRORS = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError, KeyError)
"""What reading a damaged, vanished or replaced file raises, wherever in it."""

Bytes: TypeAlias = "io.BufferedReader[Any]"
SUFFIXES = (".csv", ".json", ".jsonl", ".ndjson", ".tsv", ".txt")
"""Of files that are looked at; `.gz` may stand behind each."""

UNUSABLE = {
    (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar"): "is an archive that is not read here: "
    "unpack it",
    (".zip",): "is a zip inside of a zip, which is not opened: unpack it",
    (".parquet", ".avro", ".orc"): "is a binary table: write it as CSV or JSON lines",
    (".xls", ".xlsx", ".ods"): "is a spreadsheet: save it as CSV (UTF-8)",
}
"""What is recognised and cannot be used, and what to do."""

_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})
_CHUNK = 1 << 18
_DEEPEST = 3
"""Folders below the export's own in which files are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFile:
    """One file. `name` is what messages call it."""

    name: str
    path: Path
    member: str | None = None
    """The entry's name where `path` is a zip."""
    inner: PurePosixPath
    """Where it stands, seen from the export's folder or zip."""
    is_nested: bool = False
    """Its rows are inside those of their parents (`subqueries.py`)."""

    @property
    def form(self) -> str:
        """Its suffix in lower case, without `.gz`; empty for a file that is not looked at."""
        bare = self.inner.name.lower().removesuffix(".gz")
        return next((s for s in SUFFIXES if bare.endswith(s)), "")

    @property
    def stem(self) -> str:
        """Its name without suffixes."""
        bare = self.inner.name[:-3] if self.inner.name.lower().endswith(".gz") else self.inner.name
        return bare[: -len(self.form)] if self.form else bare

    @contextmanager
    def open(self) -> Iterator[Bytes]:
        """The file's bytes, unpacked, as a stream. Any of `STREAM_ERRORS` may come, here or while reading."""
        with self._open_packed() as packed:
            if self.inner.name.lower().endswith(".gz"):
                with gzip.GzipFile(fileobj=packed) as unpacked:
                    yield io.BufferedReader(_Eager(unpacked), _CHUNK)
            else:
                yield packed

    def signature(self) -> tuple[int, ...]:
        """Differs once the file has been replaced or written to. Raises `OSError`."""
        found = self.path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns

    @contextmanager
    def _open_packed(self) -> Iterator[Bytes]:
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


def list_files(path: Path) -> list[ExportFile]:
    """Every file of a folder or zip, and of the zips in a folder, in the order of the names.

    Raises `WrongUse` for a path that is no export.
    """
    try:
        if path.is_dir():
            return _in_folder(path)
        if not path.exists():
            raise WrongUse(
                f"the export {path} does not exist: set EVERYCASE_SOURCE to the folder or zip of an export"
            )
        return _in_zip(path, PurePosixPath())
    except OSError as e:
        raise WrongUse(f"the export {path} cannot be read: {e.strerror or 'input/output error'}") from None


def _in_folder(folder: Path) -> list[ExportFile]:
    found: list[ExportFile] = []
    for path in sorted(folder.rglob("*")):
        inner = PurePosixPath(path.relative_to(folder).as_posix())
        if (
            len(inner.parts) > _DEEPEST + 1
            or any(p.startswith(".") for p in inner.parts)
            or not path.is_file()
        ):
            continue
        if path.suffix.lower() == ".zip":
            found += _in_zip(path, inner)
        else:
            found.append(ExportFile(name=inner.as_posix(), path=path, inner=inner))
    return found


def _in_zip(path: Path, place: PurePosixPath) -> list[ExportFile]:
    """The entries of a zip; it counts as a folder of its name where it is one of several."""
    prefix = f"{path.name}:" if place.parts else ""
    return [
        ExportFile(
            name=f"{prefix}{PurePosixPath(m.replace(chr(92), '/')).name}",
            path=path,
            member=m,
            inner=place / m.replace("\\", "/"),
        )
        for m in _members(path)
    ]


def _members(path: Path) -> list[str]:
    if path.name.lower().removesuffix(".gz").endswith(SUFFIXES):
        raise WrongUse(f"{path} is one file of an export: set EVERYCASE_SOURCE to the folder that it is in")
    if path.suffix.lower() != ".zip" and (what := what_is_wrong(path.name)):
        raise WrongUse(f"{path} {what}, and set EVERYCASE_SOURCE to the folder")
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


def what_is_wrong(name: str) -> str:
    """Why a file of this name is not read, where its kind is known; else nothing."""
    lowered = name.lower()
    return next((what for suffixes, what in UNUSABLE.items() if lowered.endswith(suffixes)), "")


def _refuse(path: Path, why: str) -> NoReturn:
    raise WrongUse(f"{path} {why}") from None
