"""Checks afterthought_reader.py and the library under it; called by Tests/clients/check."""

import contextlib
import os
import signal
import socket
import statistics
import sys
import threading
import time

import psycopg

from afterthought_reader import Reader, ReaderError
from read_strategic import connect, read_strategic

url, user, bot, stale_user, stale_bot = sys.argv[1:6]
READS = int(os.environ.get("CLIENTS_READS", "100000"))


def milliseconds(seconds):
    return f"{seconds * 1000:.3f} ms"


def resident_kilobytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def open_files():
    return len(os.listdir("/proc/self/fd"))


def answers():
    with Reader(url) as reader, connect(url, deadline_ms=5000) as connection:
        assert reader.wait(30_000)
        reading = reader.read(user, bot, deadline_ms=5000)
        assert reading.freshness == "fresh" and reading.answer["freshness"] == "fresh", reading.freshness
        assert 0 <= reading.age_seconds < 300 and reading.messages_reflected > 0
        row = read_strategic(connection, user, bot)
        assert reading.messages_reflected == row["messages_reflected"]
        assert set(reading.answer) == set(row) - {"expires_at"} | {"fallback"}
        for group, signals in row["signals"].items():
            if signals is None:
                assert reading.answer["signals"][group] is None, group
            else:
                assert set(reading.answer["signals"][group]) == set(signals) - {"expires_at"}, group
        patterns = row["signals"]["conversation_patterns"]
        assert reading.answer["signals"]["conversation_patterns"]["recent_topics"] == patterns["recent_topics"]
        assert "Recent topics" in reader.digest(user, bot)
        assert len(reader.digest(user, bot, characters_max=60)) <= 60

        stale = reader.read(stale_user, stale_bot, deadline_ms=5000)
        assert stale.freshness == "stale" and stale.age_seconds >= 7200, stale
        assert stale.answer["stale_reason"] == "quarantined"

        guess = {"messages": [{"role": "user", "text": "Shall we sail on Sunday?"}], "hour": 12}
        nobody = reader.read("nobody", bot, deadline_ms=5000, context=guess)
        assert nobody.freshness == "fallback" and nobody.age_seconds is None
        assert nobody.answer["fallback"]["conversation_patterns"]["suggested_response_words"] == 20

        for wrong in [lambda: reader.read("u" * 257, bot), lambda: reader.read(user, bot, deadline_ms=60_001)]:
            with contextlib.suppress(ReaderError):
                wrong()
                raise AssertionError("expected a ReaderError")
    with contextlib.suppress(ReaderError):
        reader.read(user, bot)
        raise AssertionError("expected a reader that is closed to say so")
    print("library: fresh, stale with its age, fallback, the keys of read_strategic, errors, after close: ok")


def threads():
    with Reader(url, serves_hits=False) as reader:
        assert reader.wait(30_000)
        found = []

        def work():
            for _ in range(500):
                found.append(reader.read(user, bot, deadline_ms=20_000).freshness)

        running = [threading.Thread(target=work) for _ in range(8)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        assert found == ["fresh"] * 4000, set(found)
    print("library: 4,000 reads by 8 threads through 2 connections: ok")


def fork():
    with Reader(url) as reader:
        assert reader.wait(30_000) and reader.read(user, bot, deadline_ms=5000).freshness == "fresh"
        child = os.fork()
        if child == 0:
            status = 1
            try:
                try:
                    reader.read(user, bot)
                except ReaderError as error:
                    assert "forked" in str(error)
                    with Reader(url) as own:
                        assert own.wait(30_000) and own.read(user, bot, deadline_ms=5000).freshness == "fresh"
                        status = 0
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert reader.read(user, bot, deadline_ms=5000).freshness == "fresh"
    print("library: after fork the child opens its own, the parent goes on: ok")


def timed(reader, count, deadline_ms, pair=None):
    took, freshness = [], set()
    for _ in range(count):
        started = time.perf_counter()
        freshness.add(reader.read(*(pair or (user, bot)), deadline_ms=deadline_ms).freshness)
        took.append(time.perf_counter() - started)
    return sorted(took), freshness


def report(what, took):
    middle, high = statistics.median(took), took[int(len(took) * 0.99)]
    print(f"library: {what}: median {milliseconds(middle)}, 99 % {milliseconds(high)}, most {milliseconds(took[-1])}")


def hanging_server():
    """Every process that serves the reader is stopped: it is connected, and nothing ever answers."""
    with psycopg.connect(url, autocommit=True) as control:
        with Reader(url, serves_hits=False) as reader:
            assert reader.wait(30_000) and reader.read(user, bot, deadline_ms=5000).freshness == "fresh"
            query = "select pid from pg_stat_activity where application_name = 'afterthought-reader'"
            stopped = [row[0] for row in control.execute(query)]
            assert stopped
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                took, freshness = timed(reader, 300, 20)
                assert freshness == {"stale"}, freshness
                assert reader.read("nobody", bot, deadline_ms=20).freshness == "fallback"
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
            report("reads of a server that hangs, deadline 20 ms", took)
            # Far beyond the deadline, far below for ever: a busy machine must not fail it.
            assert took[-1] < 5, "expected the deadline to be kept"
            deadline = time.monotonic() + 60
            while reader.read(user, bot, deadline_ms=5000).freshness != "fresh":
                assert time.monotonic() < deadline, "expected reads to be fresh again"
                reader.wait(1000)


def black_hole():
    """A port that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        address = f"host=127.0.0.1 port={listener.getsockname()[1]} dbname=none user=none"
        with Reader(address) as reader:
            took, freshness = timed(reader, 100, 20)
            assert freshness == {"fallback"}, freshness
            report("reads of a port that says nothing, deadline 20 ms", took)
            assert took[-1] < 5, "expected the deadline to be kept"


def leaks():
    for what, options in [("hits", {}), ("reads of the database", {"serves_hits": False})]:
        with Reader(url, **options) as reader:
            assert reader.wait(30_000)
            took, freshness = timed(reader, READS // 10, 5000)
            report(f"{READS // 10:,} {what}", took)
            del took
            # Nothing is kept of these, so that what grows is the library's.
            before = resident_kilobytes()
            for _ in range(READS):
                freshness.add(reader.read(user, bot, deadline_ms=5000).freshness)
            grown = resident_kilobytes() - before
            assert "fallback" not in freshness, freshness
            print(f"library: {READS:,} {what}: resident memory grew by {grown} kB")
            # A leak of 50 bytes a read would be more, and no row is that small.
            assert grown < 2048 + READS * 28 // 1024, f"expected no growth, got: {grown} kB"
    files, count = open_files(), threading.active_count()
    for _ in range(20):
        with Reader(url) as reader:
            assert reader.wait(30_000)
    before = resident_kilobytes()
    for _ in range(200):
        with Reader(url) as reader:
            assert reader.wait(30_000)
    grown = resident_kilobytes() - before
    native = len(os.listdir("/proc/self/task"))
    print(f"library: 200 readers opened and closed: {grown} kB, {open_files() - files} files, {native} threads left")
    assert grown < 8192 and open_files() == files and native <= count + 1, (grown, open_files(), native)


answers()
threads()
fork()
hanging_server()
black_hole()
leaks()
