"""A home in which nothing has run yet: no page claims what nobody has looked at, and each says what to do."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.databases import Databases
from tests.support.service import service, write_export
from tests.support.world import World


@pytest.fixture(scope="module")
def client(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("empty")
    with databases.fresh() as dsn:
        source = write_export(folder / "export")
        with (
            service(World(dsn, folder), source, embedders=("local-small",)) as running,
            running.client() as found,
        ):
            yield found


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/", "Nothing is staged yet"),
        ("/", "no case has been read yet"),
        ("/cases", "No case has been read yet"),
        ("/cases?status=failed", "No case is like that"),
        ("/failures", "says whether every case is in the index"),
        ("/runs", "No run yet"),
        ("/search?q=fan", "the index is not in this database"),
    ],
)
def test_an_empty_page_says_what_is_so(client: httpx.Client, path: str, says: str) -> None:
    """And is a page as every other, with its navigation."""
    page = client.get(path)
    assert page.status_code == 200
    assert says in page.text
    assert 'aria-label="Main"' in page.text


def test_the_overview_of_nothing_is_not_green(client: httpx.Client) -> None:
    """No step has "all" of no cases, and an index that was never made is not said to be out of reach."""
    page = client.get("/").text
    assert page.count("nothing yet</em>") == 7
    assert "does not answer" not in page
