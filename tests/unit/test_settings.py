"""Settings: environment over file over defaults; a mistake is one sentence, and no secret is in it."""

from pathlib import Path

import pytest

from everycase import settings
from everycase.domain.errors import WrongUse


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
            "EVERYCASE_EMBEDDERS: Input should be 'local', 'local-small', 'chathpe' or 'nomic'$",
        ),
        ("EVERYCASE_FIELDS", "{not json", "settings cannot be"),
    ],
)
def test_a_mistake_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    """The setting, not its value."""
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongUse, match=said) as caught:
        settings.load()
    assert value not in str(caught.value) or value == "x"


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
    ("text", "seconds"), [("0", 0), ("90", 90), ("15m", 900), ("6h", 21600), ("1.5d", 129600), ("PT1H", 3600)]
)
def test_periods_are_written_as_people_write_them(
    monkeypatch: pytest.MonkeyPatch, text: str, seconds: float
) -> None:
    """Seconds, with a unit, or as ISO 8601."""
    monkeypatch.setenv("EVERYCASE_SYNC_EVERY", text)
    assert settings.load().sync_every.total_seconds() == seconds


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
