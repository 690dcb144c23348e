"""Sends requests that no honest client would send, and watches the worker meanwhile.

    hostile.py PORT PROCESS KEY_FILE REQUESTS

Each kind comes equally often, from many loopback addresses, so that limits for one address do not hide what lies behind
them. It fails if the process grows, if a cycle is late, if an answer is an error of the server's, or if a wrong key
opened anything.
"""

import json
import os
import random
import socket
import struct
import sys
import threading
import time
import urllib.request

PORT, PROCESS, KEY_FILE, REQUESTS = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
KEY = open(KEY_FILE).read().strip()
SEED = int(os.environ.get("ENDPOINT_CHECK_SEED", "1"))
THREADS = 8
SLOW_CLIENTS = 24
GROWTH_KB_MAX = 24 * 1024
CYCLE_SECONDS_MAX = 10


def noise(chance, count):
    return bytes(chance.randrange(256) for _ in range(count))


def get(path, *headers):
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def post(*headers):
    return b"POST" + get("/api/clustering/background-force", *headers)[3:]


KINDS = {
    "wrong key": lambda c: post(f"X-Admin-Key: {KEY[:-1]}{c.choice('#~!')}"),
    "no key": lambda c: post(),
    "two keys": lambda c: post(f"X-Admin-Key: {KEY}", "X-Admin-Key: x"),
    "traversal": lambda c: get("/" + c.choice(["../", "..%2f", "%2e%2e/", "..\\", "....//"]) * 8 + "etc/passwd"),
    "long header": lambda c: get("/health/live", "X-Long: " + "a" * c.randrange(20_000, 200_000)),
    "many headers": lambda c: get("/health/live", *(f"X-{n}: {n}" for n in range(c.randrange(500, 5_000)))),
    "long path": lambda c: get("/" + "a" * c.randrange(2_000, 30_000)),
    "odd escapes": lambda c: get("/api/v1/cache/%" + c.choice(["00", "zz", "ff", "c0%ae", ""]) + "/x"),
    "garbage": lambda c: noise(c, c.randrange(1, 3_000)),
    "pipelined garbage": lambda c: get("/health/live") + noise(c, 300) + get("/metrics") * 20,
    "pipelined requests": lambda c: get("/api/v1/admin/tasks/history?limit=1") * 20,
    "two lengths": lambda c: post("Content-Length: 5", "Content-Length: 50") + b"hello",
    "length and chunks": lambda c: post("Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "odd length": lambda c: post(f"Content-Length: {c.choice(['-1', '1e9', '99999999999999999999', 'x'])}"),
    "odd chunks": lambda c: post("Transfer-Encoding: chunked") + b"ffffffffffffffff\r\n" + noise(c, 50),
    "large chunks": lambda c: post("Transfer-Encoding: chunked") + (b"1000\r\n" + b"a" * 4096 + b"\r\n") * 30,
    "odd method": lambda c: c.choice([b"TRACE", b"CONNECT", b"get", b"X" * 500, b"DELETE"]) + get("/")[3:],
    "other host": lambda c: b"GET /api/v1/admin/overview HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "no host": lambda c: b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": lambda c: b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    "TLS": lambda c: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + noise(c, 500),
    "HTTP/2": lambda c: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + noise(c, 100),
    "half a request": lambda c: b"GET /health/live HTTP/1.1\r\nHost: loc",
    "nothing": lambda c: b"",
    "reset": lambda c: get("/api/v1/admin/overview"),
    "statements in names": lambda c: get("/api/v1/cache/'%3Bdrop%20schema%20afterthought--/%22", f"X-Admin-Key: {KEY}"),
    "odd numbers": lambda c: get("/api/v1/admin/tasks/history?limit=" + c.choice(["-1", "1e3", "9" * 400, "%00", "NaN"])),
}


# What is no whole request: the server may wait for its end, so it is told that there is none.
UNFINISHED = {
    "garbage", "TLS", "HTTP/2", "odd chunks", "large chunks", "many headers", "long header", "long path", "two lengths",
    "length and chunks", "pipelined garbage",
}


class Tally:
    def __init__(self):
        self.lock = threading.Lock()
        self.sent = {}
        self.statuses = {}
        self.faults = []

    def add(self, kind, status):
        with self.lock:
            self.sent[kind] = self.sent.get(kind, 0) + 1
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status in (500, 501, 502, 504) or (status == 202 and "key" in kind):
                self.faults.append(f"{kind}: {status}")


def connect(chance, seconds):
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.settimeout(seconds)
    # The whole of 127.0.0.0/8 is this machine.
    client.bind((f"127.{chance.randrange(1, 255)}.{chance.randrange(256)}.{chance.randrange(1, 255)}", 0))
    client.connect(("127.0.0.1", PORT))
    return client


def attack(number, count, tally):
    chance = random.Random(SEED * 1000 + number)
    names = sorted(KINDS)
    for turn in range(count):
        kind = names[(turn * THREADS + number) % len(names)]
        status = 0
        try:
            client = connect(chance, 15)
            with client:
                if kind == "reset":
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.sendall(KINDS[kind](chance))
                if kind in ("half a request", "nothing", "reset"):
                    tally.add(kind, status)
                    continue
                if kind in UNFINISHED:
                    client.shutdown(socket.SHUT_WR)
                answer = client.recv(65536)
                if answer.startswith(b"HTTP/1."):
                    status = int(answer.split(b" ", 2)[1])
        except OSError:
            pass
        tally.add(kind, status)


def drip(number, stop, tally):
    """Sends a body a byte at a time, and counts how often it is cut off."""
    chance = random.Random(SEED * 7000 + number)
    while not stop.is_set():
        begun = time.monotonic()
        try:
            with connect(chance, 5) as client:
                client.sendall(post("Content-Length: 4000"))
                while not stop.is_set():
                    client.sendall(b"a")
                    stop.wait(0.2)
                    if time.monotonic() - begun > 40:
                        with tally.lock:
                            tally.faults.append("a slow body was borne for 40 s")
                        return
        except OSError:
            tally.add("slow body", 0)


def memory_kb():
    with open(f"/proc/{PROCESS}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def ask(path):
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}", timeout=20) as answer:
        return json.load(answer)


def watch(stop, ages):
    """How long ago the worker last got on, as it says itself, and how long it takes to say so."""
    while not stop.wait(0.25):
        begun = time.monotonic()
        try:
            ages.append((ask("/health/live")["seconds_since_progress"], time.monotonic() - begun))
        except (OSError, ValueError) as error:
            ages.append((float("inf"), f"{error}"))


def run(count, tally):
    threads = [threading.Thread(target=attack, args=(n, count // THREADS, tally)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    tally, stop, ages = Tally(), threading.Event(), []
    run(max(THREADS, REQUESTS // 10), Tally())
    quiet, pauses = threading.Event(), []
    listener = threading.Thread(target=watch, args=(quiet, pauses))
    listener.start()
    time.sleep(10)
    quiet.set()
    listener.join()
    before = memory_kb()
    helpers = [threading.Thread(target=watch, args=(stop, ages))]
    helpers += [threading.Thread(target=drip, args=(n, stop, tally)) for n in range(SLOW_CLIENTS)]
    for helper in helpers:
        helper.start()
    begun = time.monotonic()
    run(REQUESTS, tally)
    seconds = time.monotonic() - begun
    stop.set()
    for helper in helpers:
        helper.join()
    growth = memory_kb() - before
    slowest = max(age for age, _ in ages)
    print(f"{sum(tally.sent.values())} hostile requests of {len(tally.sent)} kinds in {seconds:.0f} s (seed {SEED})")
    print("statuses (0: the connection was ended):", dict(sorted(tally.statuses.items())))
    print(f"resident memory {before} kB before, {growth:+} kB after; at most {GROWTH_KB_MAX} kB are allowed")
    print(
        f"longest pause between cycles {slowest:.1f} s in {len(ages)} looks, {max(age for age, _ in pauses):.1f} s "
        f"before the attack; {CYCLE_SECONDS_MAX} s are allowed")
    faults = tally.faults[:20]
    if growth > GROWTH_KB_MAX:
        faults.append("the process has grown")
    if slowest > CYCLE_SECONDS_MAX:
        faults.append("a cycle came late")
    if tally.sent.get("slow body", 0) == 0:
        faults.append("no slow body was cut off")
    if ask("/health/ready")["status"] != "ok":
        faults.append("the worker is not ready afterwards")
    for fault in faults:
        print("expected none of this, got:", fault)
    sys.exit(1 if faults else 0)


main()
