"""One extraction in a process of its own, to be killed: `python -m … .first_load URL DSN`."""

from __future__ import annotations

import sys

from everycase.store import db
from everycase.store.source_state import StoredReadState
from tests.support.salesforce.far_end import source_of_url
from tests.support.salesforce.world import extract


def main() -> None:
    url, dsn = sys.argv[1:]
    with db.open_pool(dsn, size=4) as pool:
        results = extract(dsn, source_of_url(url, state=StoredReadState(pool)))
    sys.exit(not all(r.is_whole for r in results if r.was_read))


if __name__ == "__main__":
    main()
