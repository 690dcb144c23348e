// How the whole is doing: tiles, lines over the last day, and engines.

function tile(name, key, value, unit, more, kind = '') {
  return el(
    'div', {class: `tile ${kind}`, 'data-figure': key}, el('div', {class: 'tile-name'}, name),
    el('div', {class: 'tile-value'}, value, unit ? el('span', {class: 'unit'}, ` ${unit}`) : null),
    el('div', {class: 'tile-more muted'}, more ?? ''));
}

const state = {
  overview: null,
  samples: []
};

async function askOverview() {
  const asked = Date.now();
  let now;
  try {
    now = await ask('/api/v1/admin/overview?samples=0');
  } catch (refusal) {
    // Too many requests is no word on the worker.
    if (refusal.status >= 500) {
      server.refusal = refusal.message;
      server.failedAt ??= Date.now();
    }
    throw refusal;
  }
  server.refusal = null;
  server.failedAt = null;
  server.answeredAt = Date.now();
  // Halfway between question and answer, in the clock of the database.
  clock.offset = new Date(now.at).getTime() - (asked + Date.now()) / 2;
  state.overview = now;
  showTiles(now);
}

async function askSamples() {
  const found = await ask('/api/v1/admin/overview');
  state.samples = found.lag_samples.map((sample) => ({...sample, at: new Date(sample.at).getTime()}));
  showDay(found);
}

function showTiles(now) {
  const isBehind = now.lag_seconds === null || now.lag_seconds > now.ttl_seconds;
  const received = now.messages_by_hour?.reduce((sum, hour) => sum + hour.messages, 0) ?? null;
  const [lag, unit] = now.lag_seconds === null ? ['–', null] : duration(now.lag_seconds).split(' ');
  fill(
    byId('tiles'),
    tile(
      'Fresh shards', 'shards_fresh', whole(now.shards_fresh), 'of 64', `time to live ${duration(now.ttl_seconds)}`,
      now.shards_fresh < 64 ? 'warn' : 'good'),
    tile(
      'Lag', 'lag_seconds', lag, unit,
      now.lag_seconds === null ? 'some shard was never finished' : 'of the shard furthest behind',
      isBehind ? 'warn' : 'good'),
    tile(
      'Reflected until', 'verified_through',
      now.verified_through ? dayTime.format(new Date(now.verified_through)) : '–', null,
      now.verified_through ? moment(now.verified_through, {isShort: true}) : 'never yet'),
    tile(
      'Messages received', 'messages_day', whole(received), null,
      received === null ? 'too many to count in time' : 'in the last day'),
    tile(
      'Workers', 'workers', whole(now.workers), null,
      `${whole(now.shards_leased)} of 64 shards leased` +
        (now.shards_rebuilding ? `, ${now.shards_rebuilding} rebuilding` : ''),
      now.workers ? '' : 'bad'),
    tile(
      'Quarantined pairs', 'quarantined', whole(now.quarantined), null,
      now.quarantined ? el('a', {href: '#quarantine'}, 'see why') : 'none', now.quarantined ? 'bad' : ''),
    tile('Jobs', 'jobs_running', whole(now.jobs_running), 'running', `${whole(now.jobs_waiting)} waiting`),
    tile('Refreshes asked for', 'refresh_requests', whole(now.refresh_requests), null, 'by readers, waiting'));
  const isEmpty = received === 0 && now.quarantined === 0;
  fill(
    byId('start-hint'),
    isEmpty ? empty(
                'No message came in the last day. Insert some with ',
                el('code', {}, 'select afterthought.record_message(user, bot, role, text)'),
                ', or bring a history along with ', el('code', {}, 'afterthought import FILE.csv'),
                '. They show here within a cycle.') :
              null);
}

function showDay(found) {
  const {samples} = state;
  if (samples.length < 2) {
    const text = 'A line needs two samples, one a minute since this worker started: come back in a moment.';
    for (const host of ['lag-chart', 'fresh-chart', 'processed-chart']) noDrawing(byId(host), text);
  } else {
    const lags = samples.map((sample) => ({at: sample.at, value: sample.lag_seconds}));
    const most = Math.max(...lags.map((point) => point.value ?? 0));
    drawDay(
      byId('lag-chart'), `Lag over the last day, at most ${duration(most)}`, lags,
      {format: duration, reference: {value: found.ttl_seconds, text: 'time to live'}});
    drawDay(
      byId('fresh-chart'), 'Fresh shards over the last day, of 64',
      samples.map((sample) => ({at: sample.at, value: sample.shards_fresh})),
      {most: 66, format: whole, marks: [0, 32, 64]});
    const rates = samples.slice(1).map((sample, place) => {
      const before = samples[place];
      const minutes = (sample.at - before.at) / 60000;
      return {
        at: sample.at,
        value: minutes > 0 && minutes < 3 ? (sample.messages_processed - before.messages_processed) / minutes : null
      };
    });
    drawDay(byId('processed-chart'), 'Messages that this worker processed a minute', rates, {format: short});
    byId('lag-note').textContent = `at most ${duration(most)}`;
    byId('fresh-note').textContent = `at least ${Math.min(...samples.map((sample) => sample.shards_fresh))} of 64`;
    byId('processed-note').textContent = `${whole(samples.at(-1).messages_processed)} since it started`;
  }
  const hours = found.messages_by_hour;
  if (hours === null)
    noDrawing(byId('hours-chart'), 'Counting took longer than a statement may; it is tried again in a minute.');
  else if (hours.length === 0) noDrawing(byId('hours-chart'), 'No message was received in the last day.');
  else {
    drawHours(
      byId('hours-chart'), 'Messages received in each hour of the last day',
      hours.map((hour) => ({at: new Date(hour.hour).getTime(), value: hour.messages})), whole);
    byId('hours-note').textContent = `${whole(hours.reduce((sum, hour) => sum + hour.messages, 0))} in all`;
  }
}

const under = (share) => (share > 0 && share < 0.01 ? '< 1 %' : percent(share));

async function askEngines() {
  const found = await ask('/api/v1/admin/engines');
  const total = found.engines.reduce((sum, engine) => sum + engine.seconds_day, 0);
  const messages = found.messages_processed_day;
  byId('engines-note').textContent = messages > 0 ?
    `This worker, over the last day or since it started: ${whole(messages)} messages, ${
      duration(total)} of computing, estimated from every 17th row.` :
    'This worker has processed nothing since it started, so times are still empty; nulls are those of the cache.';
  fill(
    byId('engines-table').tBodies[0],
    found.engines.map(
      (engine) => el(
        'tr', {'data-engine': engine.name},
        el(
          'th', {scope: 'row'}, spoken(engine.name),
          engine.null_ratio === null && !engine.null_ratio_samples.some(isNumber) &&
              ['text', 'topics'].includes(engine.name) ?
            el('span', {class: 'muted'}, ' shared') :
            null),
        cell('µs a message', messages > 0 ? short(engine.seconds_day / messages * 1e6) : '–', 'right'),
        cell(
          'share',
          total > 0 ?
            el(
              'span', {class: 'share'}, bar(engine.seconds_day / total, percent(engine.seconds_day / total)),
              under(engine.seconds_day / total)) :
            '–'),
        cell('time', total > 0 ? duration(engine.seconds_day) : '–', 'right'),
        cell(
          'nulls now', percent(engine.null_ratio, engine.null_ratio > 0 && engine.null_ratio < 0.1 ? 1 : 0), 'right'),
        cell(
          'nulls, last day',
          engine.null_ratio_samples.some(isNumber) ?
            sparkline(
              engine.null_ratio_samples, 1,
              `Share of null rows over the last day, now ${percent(engine.null_ratio)}`) :
            el('span', {class: 'muted'}, '–')))));
}

/** One line on top: how it is, and how old what is shown is. */
function showState() {
  const now = state.overview;
  const age = server.answeredAt ? (Date.now() - server.answeredAt) / 1000 : null;
  const failure = server.silence ?? server.refusal;
  const isAway = failure !== null;
  let [text, kind] = ['asking the worker…', ''];
  if (isAway) [text, kind] = ['not reached', 'bad'];
  else if (now) {
    const isBehind = now.shards_fresh < 64;
    const problems = [
      isBehind ? `behind: ${64 - now.shards_fresh} shards not fresh` : null,
      now.quarantined ? `${whole(now.quarantined)} quarantined` : null, now.workers ? null : 'no worker has a lease'
    ].filter(Boolean);
    [text, kind] = problems.length ? [problems.join(', '), 'warn'] : ['all fresh', 'good'];
  }
  if (byId('state-text').textContent !== text) byId('state-text').textContent = text;
  byId('state').className = `state ${kind}`;
  const isOld = age !== null && age > 20;
  byId('data-age').textContent = age === null ? '' : isOld ? `data ${duration(age)} old` : 'live';
  document.body.classList.toggle('old', isAway || isOld);
  const alarm = byId('alarm');
  const since = server.failedAt ? dayTime.format(server.failedAt) : '';
  const said = isAway ? `Not reached since ${since}: ${failure}. ${
                          age === null ? 'Nothing could be shown yet' :
                                         'What is shown is from then'}; it is asked again every few seconds.` :
                        '';
  if (alarm.textContent !== said) alarm.textContent = said;
  alarm.hidden = !isAway;
}
