"""SQL by name: a `.sql` file holds named blocks, one question each.

-- due --
-- Failures whose retry time has come, oldest first.
select …
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import LiteralString, cast

_NAME = re.compile(r"^-- ([a-z_]+) --$", re.MULTILINE)


@cache
def read_blocks(package: str, path: str) -> dict[str, LiteralString]:
    """The named blocks of a package's file. They are our own text: literal by construction."""
    text = resources.files(package).joinpath(*path.split("/")).read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    return {
        name: cast(LiteralString, body.strip()) for name, body in zip(parts[::2], parts[1::2], strict=True)
    }
