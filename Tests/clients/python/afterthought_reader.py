"""Reads what Afterthought knows of a user and a bot under a deadline, by libafterthought_reader. Needs nothing else.

    with Reader("postgresql://reader@db/app") as reader:
        reading = reader.read("u42", "elena", deadline_ms=5)
        print(reading.freshness, reading.age_seconds, reading.answer["signals"]["conversation_patterns"])

Any thread may read. After a fork each process opens a reader of its own.
"""

import ctypes
import json
import math
import os
from typing import Any, NamedTuple, Optional

ABI_VERSION = 1
OK, TOO_SMALL, NOT_READY = 0, 1, 2
FRESHNESS = ("fresh", "stale", "fallback")


class _Reading(ctypes.Structure):
    _fields_ = [
        ("struct_bytes", ctypes.c_uint32),
        ("freshness", ctypes.c_int32),
        ("age_seconds", ctypes.c_double),
        ("reflects_through", ctypes.c_double),
        ("messages_reflected", ctypes.c_int64),
        ("json_bytes", ctypes.c_uint64),
    ]


class Reading(NamedTuple):
    """What is known of a pair; `answer` has the keys of the SQL function `read_strategic`, and `fallback`."""

    freshness: str
    age_seconds: Optional[float]
    reflects_through: Optional[float]
    messages_reflected: int
    answer: dict


class ReaderError(Exception):
    """An argument that can't be used, or a reader that is closed. A database that is away is none."""


def _load(path):
    library = ctypes.CDLL(path or os.environ.get("AFTERTHOUGHT_READER_LIBRARY", "libafterthought_reader.so"))
    text, size, number = ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64
    pair = [number, text, size, text, size, ctypes.c_uint32]
    out = [ctypes.POINTER(_Reading), text, size]
    for name, result, arguments in [
        ("abi_version", ctypes.c_uint32, []),
        ("status_text", text, [ctypes.c_int32]),
        ("open", ctypes.c_int32, [text, size, text, size, ctypes.POINTER(number), text, size]),
        ("wait", ctypes.c_int32, [number, ctypes.c_uint32]),
        ("read", ctypes.c_int32, pair + [text, size] + out),
        ("digest", ctypes.c_int32, pair + [size] + out),
        ("close", ctypes.c_int32, [number]),
    ]:
        function = getattr(library, "afterthought_reader_" + name)
        function.restype, function.argtypes = result, arguments
    if library.afterthought_reader_abi_version() < ABI_VERSION:
        raise ReaderError(f"expected a library of version {ABI_VERSION} or newer")
    return library


class Reader:
    """A reader; it connects in the background, so that making one needs no database. Options are those of the header."""

    def __init__(self, conninfo="", library=None, **options: Any):
        self._library = _load(library)
        self._number = ctypes.c_uint64(0)
        conninfo, chosen = conninfo.encode(), json.dumps(options).encode()
        error = ctypes.create_string_buffer(512)
        status = self._library.afterthought_reader_open(
            conninfo, len(conninfo), chosen, len(chosen), ctypes.byref(self._number), error, len(error)
        )
        if status != OK:
            raise ReaderError(error.value.decode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def wait(self, milliseconds):
        """Whether the database answers within the time."""
        status = self._library.afterthought_reader_wait(self._number, milliseconds)
        if status not in (OK, NOT_READY):
            self._fail(status)
        return status == OK

    def read(self, user, bot, deadline_ms=0, context=None):
        """Reads a pair. `deadline_ms` 0: the reader's own. `context`: {"messages": [{"role", "text"}], "hour"}."""
        hint = json.dumps(context).encode() if context else b""
        reading, text = self._ask(
            lambda user, bot, *out: self._library.afterthought_reader_read(
                self._number, user, len(user), bot, len(bot), deadline_ms, hint, len(hint), *out
            ),
            user,
            bot,
        )
        return Reading(
            FRESHNESS[reading.freshness],
            None if math.isnan(reading.age_seconds) else reading.age_seconds,
            None if math.isnan(reading.reflects_through) else reading.reflects_through,
            reading.messages_reflected,
            json.loads(text),
        )

    def digest(self, user, bot, characters_max=600, deadline_ms=0):
        """A short text with confidences that fits into a prompt as it is; empty when nothing is known."""
        return self._ask(
            lambda user, bot, *out: self._library.afterthought_reader_digest(
                self._number, user, len(user), bot, len(bot), deadline_ms, characters_max, *out
            ),
            user,
            bot,
        )[1].decode()

    def close(self):
        """Ends the connections; a reader that is closed already stays so."""
        self._library.afterthought_reader_close(self._number)

    def _ask(self, call, user, bot, capacity=16384):
        reading = _Reading(struct_bytes=ctypes.sizeof(_Reading))
        user, bot = user.encode(), bot.encode()
        while True:
            buffer = ctypes.create_string_buffer(capacity)
            status = call(user, bot, ctypes.byref(reading), buffer, capacity)
            if status == OK:
                return reading, ctypes.string_at(buffer, reading.json_bytes)
            if status != TOO_SMALL:
                self._fail(status)
            capacity = reading.json_bytes + 1024

    def _fail(self, status):
        raise ReaderError(self._library.afterthought_reader_status_text(status).decode())
