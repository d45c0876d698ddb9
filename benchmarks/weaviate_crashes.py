"""What a crash of Weaviate in mid-load costs: objects that are there and that no vector search finds.

3,000 objects of 3,072 dimensions, `kill -9` of the server at a random instant of the load, restart, sync
again; ten times over, each in a new collection. Ids and counts look perfect afterwards. A plain client then
tries every object with its own vector: before the next daily reconciliation (without --deep), and after it.
The limit is 0 after it, with 0 embedding calls.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.support.providers import KEY, StandIn
from tests.support.weaviate_server import WeaviateServer, binary
from tests.support.weaviate_world import WeaviateWorld

from everycase import telemetry
from everycase.store import embedded

LOADED = "select count(*) as n from recon.data_lineage where status = 'completed'"


class Rig:
    """A pipeline whose provider answers at once, and a Weaviate that is killed."""

    def __init__(self, stack: ExitStack, cases: int) -> None:
        home = Path(tempfile.mkdtemp(prefix="ec-", dir="/tmp"))
        home.chmod(0o755)
        program = binary()
        if program is None:
            raise SystemExit("needs a Weaviate server: make weaviate (with Go)")
        self.server = WeaviateServer(program, home / "weaviate")
        self.server.start()
        stack.callback(self.server.kill)
        self.dsn = embedded.start(home)
        stack.callback(embedded.stop, home)
        self.provider = StandIn("openai", 3072)
        stack.callback(self.provider.die)
        self.cases, self.home = cases, home
        self.world = WeaviateWorld(self.dsn, home, self.server)

    @property
    def given(self) -> dict[str, Any]:
        return {
            "sample_cases": self.cases,
            "engine": "threads:4",
            "embedders": ("chathpe",),
            "chathpe": {"url": self.provider.url, "api_key": KEY},
        }

    def renew(self) -> None:
        """An empty collection, and all of it to be loaded; vectors are in the cache."""
        self.world.clear()
        self.world.do(
            "update recon.data_lineage set status = 'in_progress', weaviate_timestamp = null, object_id = null"
        )

    def load_and_crash(self, at: int) -> int:
        """How many were loaded when the server was killed; it is started again at once."""
        killed_at = 0

        def kill() -> None:
            nonlocal killed_at
            while (killed_at := self.world.rows(LOADED)[0]["n"]) < at:
                time.sleep(0.01)
            self.server.restart()

        death = threading.Thread(target=kill)
        death.start()
        self.world.sync("sample", **self.given)
        death.join()
        self.world.sync("sample", **self.given)
        return killed_at


def main(argv: Sequence[str]) -> None:
    """Print a line a crash."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--crashes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(argv)
    telemetry.configure(debug=False)
    chance = random.Random(chosen.seed)
    print(
        "| crash | killed at | objects | unfindable after the load | gaps of the daily run | gaps left | failures open | calls | unfindable after it |"
    )
    print("|--:|--:|--:|--:|---|--:|--:|--:|--:|")
    with ExitStack() as stack:
        rig = Rig(stack, chosen.cases)
        rig.world.sync("sample", **rig.given)
        for n in range(1, chosen.crashes + 1):
            rig.renew()
            killed_at = rig.load_and_crash(chance.randrange(chosen.cases // 10, chosen.cases * 9 // 10))
            lost = rig.world.unfindable()
            found = rig.world.reconcile("sample", **rig.given)
            objects, left = found["counts"]["index"], rig.world.unfindable()
            gaps = ", ".join(f"{kind} {m}" for kind, m in found["gaps"].items()) or "none"
            still, calls = sum(found["still_failed"].values()), found["embedding_calls"]
            own = sum(found["gaps_left"].values())
            row = (n, f"{killed_at:,}", f"{objects:,}", lost, gaps, own, still, calls, left)
            print("| " + " | ".join(map(str, row)) + " |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
