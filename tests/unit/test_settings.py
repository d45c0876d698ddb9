"""Settings: environment over file over defaults; a mistake is one sentence, and no secret is in it."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import BaseModel

from everycase import settings
from everycase.domain.errors import WrongUse
from everycase.domain.thresholds import Thresholds
from everycase.settings import Settings, ThresholdSettings, examples


def test_without_any_setting_there_is_a_default_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded default of contract §18."""
    monkeypatch.delenv("EVERYCASE_EMBEDDERS")
    found = settings.load()
    assert (found.source, found.database_url.get_secret_value(), found.index) == (
        "sample",
        "embedded",
        "embedded",
    )
    assert found.embedders == ("local",)


def test_the_environment_beats_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And the file beats the defaults."""
    (tmp_path / "everycase.toml").write_text(
        'engine = "threads:7"\nbatch_size = 9\n[fields]\n"Case.Root_Cause__c" = "RCA__c"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVERYCASE_ENGINE", "inline")
    monkeypatch.setenv("EVERYCASE_TASK_TYPES", "One, Two")
    found = settings.load()
    assert (found.engine, found.batch_size, found.task_types) == ("inline", 9, ("One", "Two"))
    assert found.fields == {"Case.Root_Cause__c": "RCA__c"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("EVERYCASE_BATCH_SIZE", "many", "EVERYCASE_BATCH_SIZE"),
        ("EVERYCASE_INDEX", "elsewhere", "EVERYCASE_INDEX"),
        ("EVERYCASE_SORUCE", "x", "EVERYCASE_SORUCE"),
        (
            "EVERYCASE_EMBEDDERS",
            "nobody",
            "EVERYCASE_EMBEDDERS: must be one of local, local-small, chathpe, nomic; "
            "example: EVERYCASE_EMBEDDERS=chathpe,nomic$",
        ),
        ("EVERYCASE_FIELDS", "{'Case.Root_Cause__c': 'RCA__c'}", "EVERYCASE_FIELDS: is to be JSON"),
        ("EVERYCASE_IDENTITY", "{not json", "EVERYCASE_IDENTITY: is to be JSON"),
        ("EVERYCASE_CHATHPE", "{not json", "EVERYCASE_CHATHPE is no JSON"),
        ("EVERYCASE_SOURCE", "", "EVERYCASE_SOURCE is set and empty"),
    ],
)
def test_a_mistake_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    """The setting, not its value."""
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongUse, match=said) as caught:
        settings.load()
    assert not value or value not in str(caught.value) or value == "x"


def test_a_password_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by printing the settings either."""
    monkeypatch.setenv("EVERYCASE_DATABASE_URL", "postgresql://me:hunter2@db/x")
    found = settings.load()
    assert "hunter2" not in repr(found) + str(found) + found.model_dump_json()


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """`EVERYCASE_HOME=` does not put a database into the working directory."""
    monkeypatch.setenv("EVERYCASE_HOME", "")
    assert settings.load().home == settings.default_home()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        ("15m", 900),
        ("6h", 21600),
        ("1.5d", 129600),
        ("PT1H", 3600),
        ("1hour", 3600),
        ("2 days", 172800),
        ("1h30m", 5400),
        ("15 min", 900),
        ("1w", 604800),
    ],
)
def test_periods_are_written_as_people_write_them(
    monkeypatch: pytest.MonkeyPatch, text: str, seconds: float
) -> None:
    """Seconds, with a unit, or as ISO 8601."""
    monkeypatch.setenv("EVERYCASE_SYNC_EVERY", text)
    assert settings.load().sync_every.total_seconds() == seconds


def test_a_period_that_serve_cannot_keep_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than a second; 0 is off."""
    monkeypatch.setenv("EVERYCASE_RECONCILE_EVERY", "0.5")
    with pytest.raises(WrongUse, match="EVERYCASE_RECONCILE_EVERY: at least 1 second, or 0 for off"):
        settings.load()


@pytest.mark.parametrize("text", ["soon", "-5", "-PT1H"])
def test_what_is_no_period_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """By the setting's name."""
    monkeypatch.setenv("EVERYCASE_KEEP_RUNS", text)
    with pytest.raises(WrongUse, match="EVERYCASE_KEEP_RUNS"):
        settings.load()


def test_alert_urls_are_a_list_that_is_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Separated by commas or blanks, also where a URL holds a comma; thresholds are nested."""
    monkeypatch.setenv("EVERYCASE_ALERTS", "json://h/a?to=x,y, mailto://u:open-sesame@h")
    monkeypatch.setenv("EVERYCASE_THRESHOLDS__TASK_COVERAGE", "0.5")
    found = settings.load()
    assert [u.get_secret_value() for u in found.alerts] == ["json://h/a?to=x,y", "mailto://u:open-sesame@h"]
    assert "open-sesame" not in repr(found)
    assert found.thresholds.as_thresholds().task_coverage == 0.5


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_file_that_was_read_is_known(folder: Path) -> None:
    """The one of the working directory, or the one that is named."""
    assert settings.load().file is None
    write(folder / "everycase.toml", 'engine = "inline"')
    assert settings.load().file == Path("everycase.toml")
    other = write(folder / "other.toml", "batch_size = 3")
    found = settings.load(other)
    assert (found.file, found.batch_size, found.engine) == (other, 3, "threads:4")


@pytest.mark.parametrize("mode", [0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(folder: Path, mode: int) -> None:
    """They could send the cases anywhere."""
    write(folder / "everycase.toml", 'engine = "inline"', mode)
    with pytest.raises(WrongUse, match=r"other users can write to the settings file everycase\.toml"):
        settings.load()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no toml", "nowhere.toml is no TOML"),
        ("\n[chathpe]\ndimensions = 0", r"nowhere.toml line 3, chathpe.dimensions: must be at least 1"),
        (
            "enigne = 'inline'",
            r"line 1, enigne: there is no such setting \(did you mean engine\?\)",
        ),
        ("[chathpe]\nurll = 'x'", r"line 2, chathpe.urll: there is no such setting \(did you mean url\?\)"),
        (
            "index = 'weavate'",
            r"index: must be one of embedded, weaviate \(did you mean weaviate\?\)",
        ),
        ("EVERYCASE_INDEX = 'embedded'", r"line 1, EVERYCASE_INDEX: .* \(did you mean index\?\)$"),
        ("batch_size = 'x'", "line 1, batch_size: must be a whole number; example: batch_size = 128$"),
        (
            "sync_every = 'soon'",
            'line 1, sync_every: must be a period like 90s, 15m, 6h or 30d; example: sync_every = "30m"$',
        ),
        (
            "[serve.oidc]\nclient_id = 7",
            r'line 2, serve\.oidc\.client_id: must be a text; example: client_id = "everycase"$',
        ),
        ("[serve.oidc]\nisuer = 'x'", r"line 2, serve\.oidc\.isuer: .* \(did you mean issuer\?\)$"),
        ("identity = { a = 1 }", r"line 1, identity: must be .*; example: identity = \{ \"Case"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_line(folder: Path, text: str, said: str) -> None:
    """And what would be right."""
    with pytest.raises(WrongUse, match=said):
        settings.load(write(folder / "nowhere.toml", text))


def test_a_file_that_is_not_there_is_said(folder: Path) -> None:
    """Only the one that is named has to be there."""
    with pytest.raises(WrongUse, match=r"nowhere\.toml cannot be read"):
        settings.load(folder / "nowhere.toml")


def test_a_wrong_variable_shows_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also inside of a section."""
    monkeypatch.setenv("EVERYCASE_SORUCE", "x")
    with pytest.raises(WrongUse, match=r"EVERYCASE_SORUCE \(did you mean EVERYCASE_SOURCE\?\)"):
        settings.load()
    monkeypatch.delenv("EVERYCASE_SORUCE")
    monkeypatch.setenv("EVERYCASE_WEAVIATE_URL", "x")
    with pytest.raises(WrongUse, match=r"did you mean EVERYCASE_WEAVIATE__URL\?"):
        settings.load()
    monkeypatch.delenv("EVERYCASE_WEAVIATE_URL")
    monkeypatch.setenv("EVERYCASE_CHATHPE__URLL", "x")
    with pytest.raises(
        WrongUse, match=r"EVERYCASE_CHATHPE__URLL: there is no such setting \(did you mean url\?\)"
    ):
        settings.load()


@pytest.mark.parametrize(
    "text",
    [
        'database_url = "postgresql://me:hunter2@db/x"',
        'database_url = "host=db password=hunter2"',
        '[chathpe]\napi_key = "hunter2"',
        '[weaviate]\napi_key = "hunter2"',
        'alerts = ["slack://hunter2/b/c"]',
        'alerts = "mailto://me:hunter2@example.org"',
    ],
)
def test_a_secret_in_the_file_is_refused(folder: Path, text: str) -> None:
    """Files are copied, committed and shown."""
    with pytest.raises(WrongUse, match="holds a secret: put it into the environment as EVERYCASE_") as caught:
        settings.load(write(folder / "everycase.toml", text))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ['alerts = "json://h/a, json://h/b"', 'alerts = ["json://h/a", "json://h/b"]']
)
def test_alerts_without_a_secret_may_stand_in_the_file(folder: Path, text: str) -> None:
    """As a text or as a list."""
    found = settings.load(write(folder / "everycase.toml", text + "\ndatabase_url = 'postgresql://db/x'"))
    assert [u.get_secret_value() for u in found.alerts] == ["json://h/a", "json://h/b"]


def test_secrets_come_from_their_folder(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Which the environment or the file names; the environment wins; alert URLs too."""
    secrets = folder / "s"
    secrets.mkdir()
    (secrets / "..data").mkdir()
    write(secrets / "EVERYCASE_CHATHPE__API_KEY", "hunter2\n")
    write(secrets / "EVERYCASE_ALERTS", "slack://a/b/c, json://h/a\n")
    write(folder / "everycase.toml", 'secrets = "s"\n[chathpe]\nbatch_size = 7')
    found = settings.load()
    assert found.chathpe.api_key is not None
    assert (found.chathpe.api_key.get_secret_value(), found.chathpe.batch_size) == ("hunter2", 7)
    assert len(found.alerts) == 2
    monkeypatch.setenv("EVERYCASE_CHATHPE__API_KEY", "other")
    assert settings.load().chathpe.api_key.get_secret_value() == "other"  # type: ignore[union-attr]


def test_a_wrong_secrets_folder_is_said(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """So is a file in it that is named like no secret."""
    monkeypatch.setenv("EVERYCASE_SECRETS", str(folder / "nowhere"))
    with pytest.raises(WrongUse, match=r"EVERYCASE_SECRETS: there is no folder .*nowhere"):
        settings.load()
    monkeypatch.setenv("EVERYCASE_SECRETS", str(folder))
    write(folder / "EVERYCASE_CHATHPE_API_KEY", "hunter2")
    with pytest.raises(
        WrongUse, match=r"called EVERYCASE_CHATHPE_API_KEY \(did you mean EVERYCASE_CHATHPE__API"
    ):
        settings.load()


@pytest.mark.parametrize("section", ["CHATHPE", "NOMIC", "WEAVIATE"])
def test_a_key_does_not_travel_in_the_open(monkeypatch: pytest.MonkeyPatch, section: str) -> None:
    """Plain http is for this machine, or for servers without a key."""
    monkeypatch.setenv(f"EVERYCASE_{section}__URL", "http://server.example:8080/v1")
    settings.load()
    monkeypatch.setenv(f"EVERYCASE_{section}__API_KEY", "hunter2")
    with pytest.raises(WrongUse, match=f"EVERYCASE_{section}: URL is http:// to another machine") as caught:
        settings.load()
    assert "hunter2" not in str(caught.value)
    for url in (
        "http://127.0.0.1:1/v1",
        "http://localhost/v1",
        "http://[::1]/v1",
        "https://server.example/v1",
    ):
        monkeypatch.setenv(f"EVERYCASE_{section}__URL", url)
        settings.load()


def _parts(tree: type[BaseModel], before: str = "EVERYCASE_") -> Iterator[str]:
    for name, info in tree.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _parts(info.annotation, f"{before}{name.upper()}__")
        else:
            yield before + name.upper()


def test_each_setting_has_an_example() -> None:
    assert dict(examples.variables()).keys() == set(_parts(Settings))


@pytest.mark.parametrize(("variable", "example"), list(examples.variables()))
def test_each_example_can_be_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, example: str
) -> None:
    """By itself, but for the three files of Dask, which go together and have to be there."""
    if "_TLS_" in variable:
        return
    if variable == "EVERYCASE_SECRETS":
        example = str(tmp_path)
    monkeypatch.setenv(variable, example)
    settings.load()


def test_limits_of_alerts_are_defined_once() -> None:
    """The settings have the names and the defaults of what they set."""
    assert ThresholdSettings().as_thresholds() == Thresholds()
    assert set(ThresholdSettings.model_fields) == {f.name for f in fields(Thresholds)}
