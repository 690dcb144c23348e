'use strict';
// Reads what Afterthought knows of a user and a bot, by one SQL function. Needs `pg` and the role afterthought_reader.
//
//     const reader = open(process.env.AFTERTHOUGHT_DATABASE_URL);
//     const known = await readStrategic(reader, 'u42', 'elena');
//     console.log(known.freshness, known.signals.conversation_patterns);
//
// The URL names its user before the @: postgresql://reader@host/app, or over a socket
// postgresql://reader@/app?host=/run/postgresql.

const { Pool } = require('pg');

const MISSING = Object.freeze({ freshness: 'missing', age_seconds: null, signals: {} });

/** A pool whose reads take `deadlineMs` at most: the server gives up by then, and so does this process if it hangs. */
function open(url, { deadlineMs = 50, connections = 2 } = {}) {
  const pool = new Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: deadlineMs,
    statement_timeout: deadlineMs,
    query_timeout: deadlineMs,
  });
  // A connection that breaks while idle is replaced by the next read.
  pool.on('error', () => {});
  return pool;
}

async function ask(pool, query) {
  let client;
  try {
    client = await pool.connect();
  } catch {
    return null;
  }
  try {
    const { rows } = await client.query(query);
    client.release();
    return rows[0];
  } catch (error) {
    // Whatever is still under way on it: the connection is of no use any more.
    client.release(error);
    return null;
  }
}

/** One row, always: `freshness` is fresh, stale (with `age_seconds`) or missing; `signals` holds six groups. */
async function readStrategic(pool, user, bot) {
  const row = await ask(pool, {
    name: 'read_strategic',
    text: 'select * from afterthought.read_strategic($1, $2)',
    values: [user, bot],
  });
  return row ?? MISSING;
}

/** A short text with confidences that fits into a prompt as it is; empty when nothing is known. */
async function promptDigest(pool, user, bot, charactersMax = 600) {
  const row = await ask(pool, {
    name: 'prompt_digest',
    text: 'select afterthought.prompt_digest($1, $2, $3) as digest',
    values: [user, bot, charactersMax],
  });
  return row?.digest ?? '';
}

module.exports = { open, readStrategic, promptDigest };
