"""What encoding a file is in, and its bytes as UTF-8."""

from __future__ import annotations

import codecs
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charset_normalizer import from_bytes

from everycase.sources.export.archive import STREAM_ERRORS, Bytes, ExportFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

_CHUNK = 1 << 20
_HEAD = 64 * 1024
_SAMPLE = 64 * 1024
"""Bytes of suspicious lines that the detector is shown."""

_USUAL = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "latin_1", "iso8859_2",
    "iso8859_15", "cp932", "shift_jis", "euc_jp", "gb18030", "gbk", "big5", "euc_kr", "cp949", "koi8_r",
    "mac_roman",
)  # fmt: skip
"""Encodings that exports are in. A guess of any other one is a damaged file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What one pass over a file's bytes tells."""

    digest: str
    """SHA-256 of the unpacked bytes; empty where they end in a damaged place."""
    encoding: str
    """`utf-8`, `utf-16-le`, `utf-16-be`; else the one it looks like: then a setting must say so."""
    is_foreign: bool
    """Most of what is beyond ASCII is not UTF-8: a setting may say what it is."""
    is_old_mac: bool
    """Its lines end with a carriage return alone."""

    @property
    def is_unicode(self) -> bool:
        return self.encoding.startswith("utf")


def inspect(file: ExportFile) -> Inspection:
    """Read the file once. Raises any of `archive.STREAM_ERRORS` where not even its beginning can be read."""
    sha = hashlib.sha256()
    tally = _Tally()
    with file.open() as raw:
        head = raw.peek(_HEAD)[:_HEAD]
        wide = _wide(head)
        try:
            for lines in _whole_lines(raw, sha):
                if not wide:
                    tally.add(lines)
            is_whole = True
        except STREAM_ERRORS:
            is_whole = False
    return Inspection(
        digest=sha.hexdigest() if is_whole else "",
        encoding=wide or tally.guess(),
        is_foreign=not wide and tally.is_mostly_bad,
        is_old_mac=not wide and b"\r" in head and b"\n" not in head,
    )


def _wide(head: bytes) -> str:
    """UTF-16 by its mark, or by the NULs that every other byte is; empty for none."""
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    some = head[: 2 * 100]
    if len(some) >= 8 and some[1::2].count(0) > len(some) * 0.4:
        return "utf-16-le"
    if len(some) >= 8 and some[0::2].count(0) > len(some) * 0.4:
        return "utf-16-be"
    return ""


def _whole_lines(raw: Bytes, sha: hashlib._Hash) -> Iterator[bytes]:
    """The bytes in pieces that end with a line, or after a megabyte without one."""
    rest = b""
    while chunk := raw.read(_CHUNK):
        sha.update(chunk)
        whole, mark, last = (rest + chunk).rpartition(b"\n")
        if mark:
            yield whole
            rest = last
        else:
            yield last
            rest = b""
    if rest:
        yield rest


_ODD_CELL = re.compile(rb"[^,;|\t\"\n]*[\x80-\xff][^,;|\t\"\n]*")
"""A cell with bytes beyond ASCII: what stands around it says nothing of its encoding."""


class _Tally:
    """Lines with letters beyond ASCII: which are UTF-8, and what those are that are not."""

    def __init__(self) -> None:
        self._good = self._bad = 0
        self._sample = bytearray()

    def add(self, lines: bytes) -> None:
        if lines.isascii():
            return
        try:
            lines.decode()
        except UnicodeDecodeError:
            for line in lines.split(b"\n"):
                self._add_line(line)
        else:
            self._good += 1

    def _add_line(self, line: bytes) -> None:
        if line.isascii():
            return
        try:
            line.decode()
            self._good += 1
        except UnicodeDecodeError:
            self._bad += 1
            if len(self._sample) < _SAMPLE:
                self._sample += b"\n".join(_ODD_CELL.findall(line[:4096])) + b"\n"

    @property
    def is_mostly_bad(self) -> bool:
        """More lines beyond ASCII are not UTF-8 than are."""
        return self._bad > self._good

    def guess(self) -> str:
        """The encoding in which the suspicious lines are good text; UTF-8 where they are just damaged."""
        return (self.is_mostly_bad and _guess(bytes(self._sample))) or "utf-8"


def _guess(sample: bytes) -> str:
    """The usual encoding that the sample can be in; empty where it looks like damage."""
    best = from_bytes(sample).best()
    possible = [best.encoding, *best.could_be_from_charset] if best else []
    usual = next((e for e in _USUAL if e in possible), "")
    if usual and _has_words(sample.decode(usual, "replace")):
        return usual
    return "cp1252" if _is_western(sample.decode("cp1252", "replace")) else ""


def _is_western(text: str) -> bool:
    """Whether letters beyond ASCII stand among ASCII letters, as in the languages of Western Europe."""
    odd = [w for w in re.findall(r"\w+", text) if not w.isascii()]
    mixed = [w for w in odd if len(w) > 2 and sum(c.isascii() and c.isalpha() for c in w) >= len(w) / 2]
    return len(mixed) > len(odd) / 2 and "\ufffd" not in text


def _has_words(text: str) -> bool:
    """Whether most letters beyond ASCII stand in words, and not alone between blanks as damaged bytes do."""
    odd = [w for w in re.findall(r"\w+", text) if not w.isascii()]
    words = [w for w in odd if (len(w) > 2 and any(c.isascii() and c.isalpha() for c in w)) or len(w) > 3]
    loose = len(re.findall(r"[^\w\s\x00-\x7f]", text))
    return len(words) > (len(odd) + loose) / 2


class Recoded(io.RawIOBase):
    """Bytes in another encoding as UTF-8; what cannot be decoded stays as it is, and so spoils its row."""

    def __init__(self, raw: Bytes, encoding: str, *, is_old_mac: bool) -> None:
        errors = "surrogateescape" if not encoding.startswith("utf-16") else "replace"
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._raw, self._is_old_mac = raw, is_old_mac
        self._ready = b""
        self._at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        while not self._ready and not self._at_end:
            data = self._raw.read1(_HEAD)
            self._at_end = not data
            text = self._decoder.decode(data, final=self._at_end)
            if self._is_old_mac:
                text = text.replace("\r", "\n")
            self._ready = text.encode("utf-8", "surrogateescape")
        view = memoryview(buffer)
        count = min(len(view), len(self._ready))
        view[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count


def as_utf8(raw: Bytes, encoding: str, *, is_old_mac: bool) -> Bytes:
    """The stream as UTF-8, without a byte order mark before it."""
    if encoding != "utf-8" or is_old_mac:
        raw = io.BufferedReader(Recoded(raw, encoding, is_old_mac=is_old_mac), _HEAD)
    if raw.peek(3).startswith(codecs.BOM_UTF8):
        raw.read(3)
    return raw
