"""`everycase token`: who may use the HTTP service (contract §17)."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from everycase.cli import console
from everycase.cli.frame import Call, Result, command
from everycase.domain.access import Role
from everycase.domain.errors import WrongUse
from everycase.operations import access

token_app = typer.Typer(
    name="token",
    help="Create, list and revoke tokens of the HTTP service.",
    no_args_is_help=True,
)

_DAYS = re.compile(r"([1-9]\d{0,3})d?")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose token it is, like grafana or j.doe.")]


@command("create", group=token_app)
def create(
    call: Call,
    name: Name,
    role: Annotated[
        Role, typer.Option(help="viewer: read everything; operator: also sync, retry, cancel, …")
    ] = Role.VIEWER,
    valid_for: Annotated[
        str | None, typer.Option(metavar="DAYS", help="Days until it expires, like 90d. Without: never.")
    ] = None,
) -> Result:
    """Make a token and print it. It is shown this once; everycase keeps only its hash."""
    with call.app() as app:
        made = access.create_token(app, name, role, valid_for=_period(valid_for))

    def show() -> None:
        console.say(made.secret)
        console.complain(f"role {made.role}; it is not shown again. Use it as: Authorization: Bearer TOKEN")

    return Result(made.as_dict(), show)


def _period(text: str | None) -> timedelta | None:
    if text is None:
        return None
    found = _DAYS.fullmatch(text.strip())
    if found is None:
        raise WrongUse(f"--valid-for {text!r} is no number of days: write 90d")
    return timedelta(days=int(found[1]))


@command("list", group=token_app)
def list_(call: Call) -> Result:
    """List the tokens: role, when each was last used, when it expires."""
    with call.reader() as app:
        found = access.list_tokens(app)
    rows = [
        (t.name, t.role, t.created_at, t.last_used_at, t.expires_at, "revoked" if t.revoked_at else "valid")
        for t in found
    ]
    columns = ("name", "role", "created", "last used", "expires", "")

    def show() -> None:
        if rows:
            console.table("Tokens", columns, rows)
        else:
            console.say("No tokens. Make one with: everycase token create NAME --role operator")

    return Result({"tokens": [asdict(t) for t in found]}, show)


@command("revoke", group=token_app)
def revoke(call: Call, name: Name) -> Result:
    """Refuse a token from now on and end its browser sessions."""
    with call.app() as app:
        access.revoke_token(app, name)
    return Result({"revoked": name}, lambda: console.say(f"{name} is revoked"))
