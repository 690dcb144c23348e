'use strict';
// Checks read_strategic.js against a database with the sample in it; called by Tests/clients/check.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { open, readStrategic, promptDigest } = require('./read_strategic.js');

const [url, user, bot, staleUser, staleBot] = process.argv.slice(2);

async function main() {
  const pool = open(url, { deadlineMs: 5000 });
  const known = await readStrategic(pool, user, bot);
  assert.equal(known.freshness, 'fresh');
  assert.ok(known.age_seconds >= 0 && known.age_seconds < 300);
  assert.ok(known.signals.conversation_patterns.optimal_response_length > 0);
  assert.match(await promptDigest(pool, user, bot), /Recent topics/);
  const stale = await readStrategic(pool, staleUser, staleBot);
  assert.equal(stale.freshness, 'stale');
  assert.ok(stale.age_seconds >= 7200);
  assert.equal((await readStrategic(pool, 'nobody', bot)).freshness, 'missing');
  assert.equal(await promptDigest(pool, 'nobody', bot), '');

  // A server that hangs: its process is stopped, so that it can't keep a timeout of its own.
  const hasty = open(url, { deadlineMs: 100, connections: 1 });
  const client = await hasty.connect();
  const pid = String((await client.query('select pg_backend_pid() as pid')).rows[0].pid);
  client.release();
  execFileSync('kill', ['-STOP', pid]);
  try {
    const started = process.hrtime.bigint();
    assert.equal((await readStrategic(hasty, user, bot)).freshness, 'missing');
    const passed = Number(process.hrtime.bigint() - started) / 1e6;
    // Far beyond the deadline, far below for ever: a busy machine must not fail it.
    assert.ok(passed < 5000, `expected an answer at the deadline of 100 ms, got: one after ${passed} ms`);
    console.log(`a read of a server that hangs, deadline 100 ms: ${passed.toFixed(0)} ms`);
  } finally {
    execFileSync('kill', ['-CONT', pid]);
  }
  assert.equal((await readStrategic(pool, user, bot)).freshness, 'fresh');
  await hasty.end();
  await pool.end();
  console.log(`node ${process.version}: fresh, stale, missing, deadline of a server that hangs: ok`);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
