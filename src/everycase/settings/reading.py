"""Where settings come from: the environment over a folder of secrets over a file."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from everycase.domain.errors import WrongUse
from everycase.settings import examples
from everycase.settings.mistakes import near_miss

CONFIG_FILE = "everycase.toml"
PREFIX = "EVERYCASE_"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFile:
    """A TOML file that was read."""

    path: Path
    text: str = field(repr=False)
    values: Mapping[str, Any] = field(repr=False)

    def place(self, names: tuple[str, ...]) -> str:
        """`everycase.toml line 3`, where the setting of these names stands."""
        section = ""
        for number, line in enumerate(self.text.splitlines(), start=1):
            if header := re.match(r"\s*\[\s*([\w.\"-]+)\s*\]", line):
                section = header[1].replace('"', "")
            key = re.match(r"\s*[\"']?([^\"'=]+?)[\"']?\s*=", line)
            written = ".".join(filter(None, (section, key[1].strip() if key else "")))
            if written and written == ".".join(names)[: len(written)] and key:
                return f"{self.path} line {number}"
        return str(self.path)


def read_file(config: Path | None) -> SettingsFile | None:
    """The file that was asked for, else `everycase.toml` of the working directory if there is one.

    Raises `WrongUse` where it cannot be read, is no TOML, or others may write to it.
    """
    path = config or Path(CONFIG_FILE)
    if not config and not path.is_file():
        return None
    try:
        _check_owner(path, is_asked_for=config is not None)
        text = path.read_text(encoding="utf-8")
        return SettingsFile(path=path, text=text, values=tomllib.loads(text))
    except tomllib.TOMLDecodeError as e:
        raise WrongUse(f"{path} is no TOML: {e}") from None
    except UnicodeDecodeError:
        raise WrongUse(f"{path} is not UTF-8: save it as that") from None
    except OSError as e:
        raise WrongUse(f"the settings file {path} cannot be read ({e.strerror})") from None


def _check_owner(path: Path, *, is_asked_for: bool) -> None:
    """A file that others can write could send the cases anywhere."""
    if not hasattr(os, "geteuid"):
        return
    found, me = path.stat(), os.geteuid()
    by_group = found.st_mode & 0o020 and found.st_gid != os.getegid()
    if found.st_mode & 0o002 or by_group:
        raise WrongUse(f"other users can write to the settings file {path}: chmod go-w it")
    if not is_asked_for and me != 0 and found.st_uid not in (0, me):
        raise WrongUse(
            f"the settings file {path.resolve()} belongs to another user: if you trust it, name it with "
            "--config"
        )


def list_secrets(tree: type[BaseModel], section: str = "") -> Iterator[str]:
    """The settings that are secret, as the environment names them without its prefix."""
    for name, info in tree.model_fields.items():
        inner = _classes(info.annotation)
        if SecretStr in inner:
            yield f"{section}{name}".upper()
        for c in inner:
            if isinstance(c, type) and issubclass(c, BaseModel):
                yield from list_secrets(c, f"{section}{name}__")


def _classes(annotation: object) -> set[Any]:
    parts = get_args(annotation)
    return {c for p in parts for c in _classes(p)} if parts else {annotation}


def read_secrets(folder: str | None, names: frozenset[str]) -> dict[str, Any]:
    """The secrets in a folder that has a file for each, as secret stores mount it.

    Raises `WrongUse` for a folder that is not there, and for a file that is named like no secret.
    """
    if not folder:
        return {}
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise WrongUse(f"{PREFIX}SECRETS: there is no folder {path}")
    values: dict[str, Any] = {}
    for file in sorted(path.glob(f"{PREFIX}*")):
        name = file.name.removeprefix(PREFIX)
        if name not in names:
            hint = near_miss(file.name, [PREFIX + n for n in names])
            raise WrongUse(f"{PREFIX}SECRETS: no secret setting is called {file.name}{hint}")
        _put(values, name, _read_secret(file))
    return values


def _read_secret(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as e:
        raise WrongUse(f"{PREFIX}SECRETS: {file.name} cannot be read ({type(e).__name__})") from None


def _put(values: dict[str, Any], name: str, value: str) -> None:
    section, _, key = name.lower().partition("__")
    if key:
        values.setdefault(section, {})[key] = value
    else:
        values[section] = value


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by name, the later layers over the earlier ones; sections setting by setting."""
    found: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            below = found.get(name)
            if isinstance(below, Mapping) and isinstance(value, Mapping):
                found[name] = {**below, **value}
            else:
                found[name] = value
    return found


def check_no_secret(file: SettingsFile, names: frozenset[str]) -> None:
    """Raises `WrongUse` for a secret in the file: files are copied, committed and shown."""
    for name in sorted(names):
        section, _, key = name.lower().partition("__")
        value = file.values.get(section)
        if key:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value and _holds_secret(name, value):
            where = file.place((section, key) if key else (section,))
            raise WrongUse(
                f"{where} holds a secret: put it into the environment as {PREFIX}{name}, or into a file of "
                f"that name in the folder {PREFIX}SECRETS"
            )


_PLAIN_CHANNELS = ("json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos")
"""Kinds of alert channels whose address is no secret as long as it holds no password."""


def _holds_secret(name: str, value: object) -> bool:
    """A database's or channel's address is one only if it holds a password or token."""
    texts = value if isinstance(value, list) else re.split(r"[,\s]+(?=\w+://)", str(value))
    if name == "DATABASE_URL":
        return any(urlsplit(str(t)).password or "password" in str(t) for t in texts)
    if name == "ALERTS":
        return any(not _is_plain_channel(str(t)) for t in texts)
    return True


def _is_plain_channel(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in _PLAIN_CHANNELS and not parts.password and "pass" not in parts.query


def check_environment(tree: type[BaseModel]) -> None:
    """Raises `WrongUse` for variables that begin like a setting and are none, and for an empty source."""
    names = [PREFIX + n.upper() for n in tree.model_fields]
    strangers = sorted(
        n
        for n in os.environ
        if n.startswith(PREFIX) and not n.startswith(f"{PREFIX}TEST_") and n.split("__")[0] not in names
    )
    if strangers:
        parts = [variable for variable, _ in examples.variables()]
        said = ", ".join(f"{n}{near_miss(n, names + parts)}" for n in strangers)
        raise WrongUse(f"no such setting: {said}; the settings are listed in docs/settings.md")
    if os.environ.get(f"{PREFIX}SOURCE", "set") == "":
        raise WrongUse(
            f"{PREFIX}SOURCE is set and empty: give the folder or zip of an export, or unset it for the "
            "generated sample"
        )
