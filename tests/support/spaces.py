"""Cases in two embedding spaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.exports import write_export
from tests.support.providers import Fault, StandIn, fault
from tests.support.world import World


def half_in_each_space(
    world: World,
    folder: Path,
    rows: Sequence[dict[str, Any]],
    given: Mapping[str, Any],
    primary: StandIn,
) -> Path:
    """The second half of the cases comes while the primary is away; it is back afterwards. The export."""
    world.sync(write_export(folder / "a", Case=rows[: len(rows) // 2]), **given)
    primary.tell(fault(Fault.STATUS, status=503))
    source = write_export(folder / "b", Case=rows)
    world.sync(source, **given)
    primary.tell()
    world.do("update recon.provider_state set open_until = null, failures = 0")
    return source
