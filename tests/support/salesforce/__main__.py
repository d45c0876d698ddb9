"""`make salesforce-demo`: an organisation on loopback that changes while one watches."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from everycase.sources.sample.source import write_sample
from tests.support.salesforce.loading import Loader
from tests.support.salesforce.organisation import Organisation
from tests.support.salesforce.server import SalesforceServer

_COMMENTS = (
    "The customer confirms that the fan is quiet since the part was replaced.",
    "Asked the site for the event log of the last reboot.",
    "Firmware was brought up to date; the controller reports no errors any more.",
    "The part arrives tomorrow, the engineer is booked for the afternoon.",
)


def main() -> None:
    asked = _arguments()
    organisation = Organisation()
    with tempfile.TemporaryDirectory() as folder:
        write_sample(Path(folder), cases=asked.cases, seed=asked.seed)
        Loader(organisation).load(Path(folder))
    with SalesforceServer(organisation, port=asked.port) as server:
        _print_settings(server, asked.cases)
        try:
            _change_for_ever(organisation, random.Random(asked.seed), asked.every)
        except KeyboardInterrupt:
            print(f"\n{sum(server.asked.values()):,} requests were answered. Goodbye.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=500, help="of the sample organisation")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two changes")
    parser.add_argument("--port", type=int, default=8064)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _print_settings(server: SalesforceServer, cases: int) -> None:
    settings = {
        "EVERYCASE_SOURCE": "salesforce",
        "EVERYCASE_SALESFORCE__URL": server.url,
        "EVERYCASE_SALESFORCE__CLIENT_ID": server.door.client_id,
        "EVERYCASE_SALESFORCE__CLIENT_SECRET": server.door.client_secret,
        "EVERYCASE_SALESFORCE__LAG": "2s",
        "EVERYCASE_SYNC_EVERY": "20s",
        # Each start is another organisation under the same id, so that an earlier home would not fit.
        "EVERYCASE_HOME": str(Path(tempfile.gettempdir()) / f"everycase-salesforce-demo-{time.time():.0f}"),
    }
    print(f"A Salesforce organisation of {cases:,} cases (a stand-in, invented) answers at {server.url}.")
    print("In another terminal:\n")
    print("\n".join(f"export {name}={value}" for name, value in settings.items()))
    command = Path(sys.executable).with_name("everycase")
    print(f"{command} doctor && {command} serve\n\nWhat changes there, until Ctrl-C:", flush=True)


def _change_for_ever(organisation: Organisation, dice: random.Random, every: float) -> None:
    while True:
        time.sleep(every)
        said = change_once(organisation, dice)
        print(f"{datetime.now(UTC):%H:%M:%S}  {said}", flush=True)


def change_once(organisation: Organisation, dice: random.Random) -> str:
    """One thing that happens in support, and what it was."""
    cases = sorted(i for i, _ in organisation.live("Case"))
    case = dice.choice(cases)
    number = organisation.tables["Case"].value(case, "CaseNumber")
    match dice.randrange(8):
        case 0 | 1 | 2 | 3:
            organisation.add(
                "CaseComment", ParentId=case, CommentBody=dice.choice(_COMMENTS), IsPublished=True
            )
            return f"case {number}: a new comment"
        case 4 | 5:
            organisation.change("Case", case, Status=dice.choice(("In Progress", "Escalated", "Closed")))
            return f"case {number}: another status"
        case 6:
            subject = f"Fan {dice.randrange(1, 9)} is loud after an update"
            made = f"{90_000_000 + dice.randrange(9_999_999)}"
            organisation.add("Case", CaseNumber=made, Subject=subject, Description=subject, Status="New")
            return f"case {made}: opened"
    organisation.delete("Case", case)
    return f"case {number}: deleted"


if __name__ == "__main__":
    main()
