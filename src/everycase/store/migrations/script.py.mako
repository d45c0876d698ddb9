"""${message}: the SQL stands beside this file."""

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
