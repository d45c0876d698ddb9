"""Every command, grouped by what people do: load, look, repair, set up."""

from __future__ import annotations

from everycase.cli import access, golden, index, load, look, repair, setup
from everycase.cli.frame import Panel, app

GROUPS = (load, look, repair, setup)
"""Importing a module registers its commands, in this order."""

app.add_typer(index.index_app, rich_help_panel=Panel.SET_UP)
app.add_typer(golden.golden_app, rich_help_panel=Panel.SET_UP)
app.add_typer(access.token_app, rich_help_panel=Panel.SET_UP)

__all__ = ["GROUPS", "app"]
