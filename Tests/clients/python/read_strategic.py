"""Reads what Afterthought knows of a user and a bot, by one SQL function. Needs psycopg 3 and the role
`afterthought_reader`.

    with connect() as connection:
        known = read_strategic(connection, "u42", "elena")
        print(known["freshness"], known["signals"]["conversation_patterns"])

A server that works keeps `statement_timeout`. One that hangs does not: a bot that must answer whatever happens reads by
`afterthought_reader.py`, whose deadline is kept in this process, and which remembers the last known rows.
"""

import os

import psycopg
from psycopg.rows import dict_row

# All but expires_at: it is -infinity for a stale row, which Python has no datetime for. `freshness` has judged it.
COLUMNS = """
    freshness, age_seconds, reflects_through, messages_reflected, computed_at, stale_reason, null_reasons, unvalidated,
    signals
"""
MISSING = {"freshness": "missing", "age_seconds": None, "signals": {}}


def connect(url=None, deadline_ms=50):
    """Connects once, for as long as the program runs; `deadline_ms` is how long the server may take for a read."""
    return psycopg.connect(
        url or os.environ.get("AFTERTHOUGHT_DATABASE_URL", ""),
        autocommit=True,
        connect_timeout=2,
        row_factory=dict_row,
        options=f"-c statement_timeout={int(deadline_ms)}",
    )


def read_strategic(connection, user, bot):
    """One row, always: `freshness` is fresh, stale (with `age_seconds`) or missing; `signals` holds six groups."""
    try:
        return connection.execute(
            f"select {COLUMNS} from afterthought.read_strategic(%s, %s)", (user, bot), prepare=True
        ).fetchone()
    except psycopg.OperationalError:
        # Too slow, or gone: a reply must not wait for it. A connection that is closed has to be made again.
        return MISSING


def prompt_digest(connection, user, bot, characters_max=600):
    """A short text with confidences that fits into a prompt as it is; empty when nothing is known."""
    try:
        row = connection.execute(
            "select afterthought.prompt_digest(%s, %s, %s) as digest", (user, bot, characters_max), prepare=True
        ).fetchone()
        return row["digest"] or ""
    except psycopg.OperationalError:
        return ""
