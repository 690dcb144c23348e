"""Checks read_strategic.py against a database with the sample in it; called by Tests/clients/check."""

import os
import sys
import time

import psycopg

from read_strategic import MISSING, connect, prompt_digest, read_strategic

url, user, bot, stale_user, stale_bot = sys.argv[1:6]

with connect(url, deadline_ms=5000) as connection:
    known = read_strategic(connection, user, bot)
    assert known["freshness"] == "fresh", known["freshness"]
    assert known["messages_reflected"] > 0 and 0 <= known["age_seconds"] < 300
    assert known["signals"]["conversation_patterns"]["optimal_response_length"] > 0
    assert set(known["signals"]) == {
        "memory_health", "character_performance", "personality_profile", "conversation_patterns", "memory_behavior",
        "engagement_opportunities",
    }
    assert "Recent topics" in prompt_digest(connection, user, bot)

    stale = read_strategic(connection, stale_user, stale_bot)
    assert stale["freshness"] == "stale" and stale["age_seconds"] >= 7200, stale["freshness"]
    assert stale["stale_reason"] == "quarantined"

    nobody = read_strategic(connection, "nobody", bot)
    assert nobody["freshness"] == "missing" and nobody["signals"]["memory_health"] is None
    assert prompt_digest(connection, "nobody", bot) == ""

# A table that nobody can read: the server gives up at the deadline.
with psycopg.connect(url) as locker, connect(url, deadline_ms=100) as connection:
    locker.execute("lock table afterthought.strategic_cache in access exclusive mode")
    started = time.monotonic()
    assert read_strategic(connection, user, bot) == MISSING
    assert prompt_digest(connection, user, bot) == ""
    print(f"two reads of a locked table, deadline 100 ms each: {time.monotonic() - started:.3f} s")
    locker.rollback()
    assert read_strategic(connection, user, bot)["freshness"] == "fresh"

print(f"python, psycopg {psycopg.__version__}: fresh, stale, missing, deadline on a locked table: ok")
