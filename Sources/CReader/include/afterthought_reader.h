/*
 * Afterthought's reader for programs in any language: libafterthought_reader.
 *
 * It hands what was thought about a pair of user and bot to the hot path: fresh, stale with its age, or a guess to fall
 * back on. A read never connects, never waits longer than its deadline, and does not fail for want of a database.
 *
 * Rules that hold for every function:
 *   - Any thread may call it at any time, also for the same reader.
 *   - Text is UTF-8 and comes with its length in bytes; it need not end in NUL. NULL with length 0 is an empty text,
 *     NULL with another length is AFTERTHOUGHT_READER_INVALID.
 *   - The caller owns what it passes; nothing is kept after the call. The only thing that the library hands out is a
 *     reader's number, which `afterthought_reader_close` ends.
 *   - Nothing is thrown and no signal is raised. A number that names no open reader is answered with a status.
 *   - After fork() the child's copies of readers are AFTERTHOUGHT_READER_FORKED: open one in each process.
 *
 * Functions and constants are only ever added; a struct only grows at its end. AFTERTHOUGHT_READER_ABI_VERSION grows
 * with each addition, and a library serves every program that was made for an older one.
 */
#ifndef AFTERTHOUGHT_READER_H
#define AFTERTHOUGHT_READER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AFTERTHOUGHT_READER_ABI_VERSION 1

/* Done. */
#define AFTERTHOUGHT_READER_OK 0
/* Done, but the text is longer than the buffer; the length that it takes is reported. */
#define AFTERTHOUGHT_READER_TOO_SMALL 1
/* The database did not answer in time; reads work nevertheless. */
#define AFTERTHOUGHT_READER_NOT_READY 2
/* An argument can't be used: NULL, a length out of bounds, no UTF-8, an unknown option. */
#define AFTERTHOUGHT_READER_INVALID (-1)
/* No reader with this number is open: it was closed, or never opened. */
#define AFTERTHOUGHT_READER_CLOSED (-2)
/* The reader was opened before this process was forked. */
#define AFTERTHOUGHT_READER_FORKED (-3)
/* 64 readers are open already. */
#define AFTERTHOUGHT_READER_TOO_MANY (-4)

/* Every message that was committed earlier than one TTL ago is in the answer. */
#define AFTERTHOUGHT_READER_FRESH 0
/* It was complete `age_seconds` ago; the pair may have moved on since. */
#define AFTERTHOUGHT_READER_STALE 1
/* Nothing is stored of the pair, or nothing could be read in time: guesses from the context, if there was one. */
#define AFTERTHOUGHT_READER_FALLBACK 2

/* Bytes that a user's id or a bot's name may take. */
#define AFTERTHOUGHT_READER_IDENTIFIER_BYTES_MAX 256
/* Bytes that options, a context or the database's URL may take. */
#define AFTERTHOUGHT_READER_TEXT_BYTES_MAX 65536
/* Milliseconds that a deadline may be away. */
#define AFTERTHOUGHT_READER_DEADLINE_MS_MAX 60000

/* A reader; 0 is none. It is a number, so that using one after it was closed is answered and not undefined. */
typedef uint64_t afterthought_reader;

/* What a read says beside its JSON. */
typedef struct afterthought_reading {
    /* Bytes of this struct; set by the caller before the call: sizeof(afterthought_reading). */
    uint32_t struct_bytes;
    /* AFTERTHOUGHT_READER_FRESH, _STALE or _FALLBACK. */
    int32_t freshness;
    /* Seconds since the answer was known to be complete; NaN for a fallback. */
    double age_seconds;
    /* Time of the newest message reflected, in seconds since 1970-01-01 UTC; NaN without one. */
    double reflects_through;
    /* How many messages are reflected. */
    int64_t messages_reflected;
    /* Bytes of the JSON text, its NUL not counted: what was written, or would have been with room enough. */
    uint64_t json_bytes;
} afterthought_reading;

/* The AFTERTHOUGHT_READER_ABI_VERSION that the library was made with. */
uint32_t afterthought_reader_abi_version(void);

/* What a status means, in English; never NULL, valid for ever, not to be freed. */
const char *afterthought_reader_status_text(int32_t status);

/*
 * Opens a reader. It connects in the background: a database that is away is no error.
 *
 *   conninfo  where the database is, as a URL or in libpq's `key=value` form; empty: libpq's PG* variables.
 *   options   a JSON object, or empty for the defaults. Its keys, with bounds and defaults:
 *             "deadline_ms" 1..60000 (5), "pool_size" 1..64 (2), "stale_seconds_max" 0..31622400 (86400),
 *             "last_known_entries_max" 64..1000000 (8192), "serves_hits" (true), "prepares_statements" (true; false
 *             through a transaction pooler), "listens_for_changes" (false), "requests_refresh" (true),
 *             "application_name" ("afterthought-reader").
 *   reader    set to the reader's number, or to 0.
 *   error     if not NULL: gets what is wrong, cut to the capacity and always ended by NUL; empty when nothing is.
 *
 * Returns OK, INVALID or TOO_MANY.
 */
int32_t afterthought_reader_open(
    const char *conninfo, size_t conninfo_bytes, const char *options, size_t options_bytes,
    afterthought_reader *reader, char *error, size_t error_capacity);

/*
 * Waits until the database answers; for programs that would rather start late than with fallbacks.
 *
 * Returns OK, NOT_READY after `milliseconds` (at most 60000), INVALID, CLOSED or FORKED.
 */
int32_t afterthought_reader_wait(afterthought_reader reader, uint32_t milliseconds);

/*
 * Reads everything known of a pair, within the deadline.
 *
 *   user, bot    at most 256 bytes each.
 *   deadline_ms  1..60000; 0: the reader's own.
 *   context      what the caller has in hand for guesses, or empty: {"messages":[{"role":"user","text":"...",
 *                "seconds_ago":12}],"hour":14}, oldest message first, the hour as the user has it.
 *   reading      may be NULL.
 *   buffer       gets the answer as a JSON object, ended by NUL; NULL with capacity 0: no text is wanted. With too
 *                little room nothing but an empty text is written, the status is TOO_SMALL, and reading->json_bytes + 1
 *                bytes would have done.
 *
 * The object has the keys of the SQL function afterthought.read_strategic but for expires_at: "freshness" ("fresh",
 * "stale" or "missing"), "age_seconds", "reflects_through", "messages_reflected", "computed_at", "stale_reason",
 * "null_reasons", "unvalidated", "signals"; and "fallback", which is null unless nothing is known.
 *
 * Returns OK, TOO_SMALL, INVALID, CLOSED or FORKED.
 */
int32_t afterthought_reader_read(
    afterthought_reader reader, const char *user, size_t user_bytes, const char *bot, size_t bot_bytes,
    uint32_t deadline_ms, const char *context, size_t context_bytes, afterthought_reading *reading, char *buffer,
    size_t capacity);

/*
 * Reads a pair, and gives a short text with confidences for a prompt: whole sentences, empty when nothing is known.
 *
 *   characters_max  Unicode code points at most.
 *   reading         may be NULL; its json_bytes are those of the text.
 *
 * All else is as for afterthought_reader_read.
 */
int32_t afterthought_reader_digest(
    afterthought_reader reader, const char *user, size_t user_bytes, const char *bot, size_t bot_bytes,
    uint32_t deadline_ms, size_t characters_max, afterthought_reading *reading, char *buffer, size_t capacity);

/*
 * Closes a reader: its connections and threads end, which may take some seconds while the database hangs. Reads that
 * other threads are in the middle of are answered as usual; later ones get CLOSED.
 *
 * Returns OK, CLOSED or FORKED.
 */
int32_t afterthought_reader_close(afterthought_reader reader);

#ifdef __cplusplus
}
#endif

#endif
