// All that is known of a user and a bot: every signal with its unit, its reason where it is null, and where it is from.

/** Signals in the order of the views: their engine, their title, and the engines of columns that have another. */
const groups = [
  {key: 'memory_health', engine: 'memory_aging', title: 'Memory aging'},
  {key: 'memory_behavior', engine: 'memory_behavior', title: 'Human-like memory'},
  {
    key: 'conversation_patterns',
    engine: 'conversation_patterns',
    title: 'Conversation patterns and context switches',
    others: {
      recent_topics: 'context_switch',
      avg_topic_duration_minutes: 'context_switch',
      context_switch_frequency: 'context_switch',
      predicted_switch_likelihood: 'context_switch',
      topic_transition_graph: 'context_switch'
    }
  },
  {key: 'personality_profile', engine: 'personality_evolution', title: 'Personality evolution'},
  {key: 'engagement_opportunities', engine: 'proactive_engagement', title: 'Proactive engagement'},
  {
    key: 'character_performance',
    engine: 'character_performance',
    title: 'Character performance, of the bot with all its users'
  },
];

/** Members of character_performance that say how it stands; they are shown above its signals. */
const bookkeeping = [
  'fresh', 'sources', 'validated', 'expires_at', 'computed_at', 'null_reasons', 'trend_through', 'time_window_hours',
  'personality_consistency_score_avg'
];

const hoursOf = (value) => duration(value * 3600);
const ofOne = (value) => el('span', {}, short(value), el('span', {class: 'muted'}, ' of 0…1'));
const formats = {
  avg_memory_age_hours: hoursOf,
  last_engagement_gap_hours: hoursOf,
  expected_return_hours: hoursOf,
  avg_topic_duration_minutes: (value) => duration(value * 60),
  context_switch_frequency: (value) => `${short(value)} an hour`,
  predicted_switch_likelihood: (value) => percent(value),
  receptivity_score: (value) => percent(value),
  proactive_success_rate: (value) => percent(value),
  proactive_success_low: (value) => percent(value),
  proactive_success_high: (value) => percent(value),
  optimal_response_length: (value) => `${whole(value)} words`,
  topic_drift: ofOne,
  emotional_engagement: ofOne,
  recall_simulation_score: ofOne,
  engagement_score_avg: ofOne,
  satisfaction_score_avg: ofOne,
  coherence_score_avg: ofOne,
  personality_consistency_index: ofOne,
};

/** Why a column is null, from reasons by column and by engine. */
function nullReason(reasons, column, engine) {
  if (reasons?.[column]) return reasons[column];
  const said = reasons?.[engine];
  if (!said) return null;
  const parts = said.split('; ').map((part) => part.match(/^([a-z_]+): (.*)$/)).filter(Boolean);
  // The ends of an interval are null for the same reason as its middle.
  const own = parts.find((part) => part[1] === column || part[1] === column.replace(/_(low|high)$/, '_rate'));
  if (own) return own[2];
  return parts.length ? null : said;
}

const shown = {
  pair: null
};

async function lookUp(bot, user) {
  const [note, body] = [byId('pair-note'), byId('pair-body')];
  if (!await haveKey()) return;
  say(note, 'Looking…');
  try {
    const data = await ask(pathOf('/api/v1/cache/', bot, '/', user), {withKey: true});
    const activity = await ask(pathOf('/api/v1/activity/', bot, '/', user), {withKey: true}).catch((refusal) => {
      if (!(refusal instanceof Refusal)) throw refusal;
      return {refusal};
    });
    shown.pair = {bot, user};
    say(note, '');
    body.replaceChildren(...pairParts(data, activity));
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    body.replaceChildren();
    say(
      note,
      refusal.status === 404 ?
        'Nothing is known of this user with this bot: no message was processed. Names count letter by letter.' :
        told(refusal),
      refusal.status === 404 ? '' : 'bad');
  }
}

/** The moment some seconds before now. */
const momentBefore = (seconds) => moment(new Date(nowMilliseconds() - seconds * 1000).toISOString());

function pairParts(data, activity) {
  const isFresh = data.freshness === 'fresh';
  const head = el(
    'div', {class: 'pair-head'},
    el('h3', {}, foreign(shown.pair.user), el('span', {class: 'muted'}, ' with '), foreign(shown.pair.bot)),
    badge(
      isFresh ? 'fresh' :
                `stale, ${isNumber(data.age_seconds) ? `${duration(data.age_seconds)} old` : 'age not known'}`,
      isFresh ? 'good' : 'warn'),
    data.stale_reason ? reason(spoken(data.stale_reason)) : null,
    el(
      'div', {class: 'facts'},
      fact('looked up', momentBefore(0)),
      fact('checked', isNumber(data.age_seconds) ? momentBefore(data.age_seconds) : '–'),
      fact('newest message', moment(data.reflects_through)), fact('written', moment(data.computed_at)),
      fact('messages', whole(data.messages_reflected))));
  return [
    head,
    el(
      'div', {class: 'groups'},
      groups.filter((group) => data.signals?.[group.key]).map((group) => groupPart(group, data, activity)))
  ];
}

function groupPart(group, data, activity) {
  const signals = data.signals[group.key];
  const reasons = {...data.null_reasons, ...signals.null_reasons};
  const isUnvalidated = (engine) =>
    (engine === 'character_performance' ? signals.validated === false : data.unvalidated.includes(engine));
  const engines = [...new Set([group.engine, ...Object.values(group.others ?? {})])];
  const columns =
    Object.keys(signals).filter((column) => group.key !== 'character_performance' || !bookkeeping.includes(column));
  const isPlain = (column) => signals[column] === null || typeof signals[column] !== 'object';
  columns.sort((one, other) => isPlain(other) - isPlain(one));
  const part = el(
    'section', {class: 'group', 'data-group': group.key},
    el(
      'h4', {}, group.title, ' ',
      engines.filter(isUnvalidated)
        .map(
          (engine) => el(
            'span',
            {class: 'badge warn', title: 'its model has not beaten its naive baseline on this pair\'s own history'},
            engines.length > 1 ? `${spoken(engine)} unvalidated` : 'unvalidated'))));
  if (group.key === 'character_performance') {
    part.append(el(
      'div', {class: 'facts'}, fact('over', hoursOf(signals.time_window_hours)),
      fact('written', moment(signals.computed_at)),
      ...Object.entries(signals.sources ?? {}).map(([name, source]) => fact(spoken(name), source)),
      signals.fresh ? null : badge('stale', 'warn')));
  }
  part.append(el(
    'table', {class: 'signals'}, el('caption', {class: 'hidden'}, group.title),
    el(
      'thead', {class: 'hidden'},
      el(
        'tr', {}, el('th', {scope: 'col'}, 'signal'), el('th', {scope: 'col'}, 'value'),
        el('th', {scope: 'col'}, 'explain'))),
    el('tbody', {}, columns.map((column) => {
      const engine = group.others?.[column] ?? group.engine;
      const value = signals[column];
      const why = value === null ? nullReason(reasons, column, engine) : null;
      return el(
        'tr', {'data-signal': column}, el('th', {scope: 'row'}, spoken(column)),
        el(
          'td', {},
          value === null ? el(
                             'span', {}, el('span', {class: 'muted'}, 'null'), why ? [' ', reason(why)] : ' ',
                             why ? null : reason('not computed; explain says more')) :
            isPlain(column) ? plainValue(column, value) :
                              summary(column, value)),
        el('td', {class: 'right'}, explainButton(column)));
    }))));
  for (const drawing of groupDrawings(group.key, signals, data, activity)) part.append(drawing);
  return part;
}

const plainValue = (column, value) =>
  (typeof value === 'number'    ? (formats[column] ?? short)(value) :
     typeof value === 'boolean' ? String(value) :
                                  foreign(value));

const names = (items, key) => items.map((item) => item[key]).join(', ');

/** A value with parts, in one line; what there is to see of it is drawn below. */
function summary(column, value) {
  if (Array.isArray(value) && value.length === 0) return el('span', {class: 'muted'}, 'none');
  switch (column) {
    case 'memory_snapshot':
      return `${value.fresh?.length ?? 0} freshest and ${value.stale?.length ?? 0} stalest, drawn below`;
    case 'forgetting_risk_memories':
    case 'low_retention_memories':
    case 'high_retention_memories':
      return el(
        'bdi', {},
        value.slice(0, 5)
            .map(
              (memory) => `${memory.label} ${
                percent(column === 'forgetting_risk_memories' ? memory.risk : memory.retrievability)}`)
            .join('; ') +
          (value.length > 5 ? `; ${value.length - 5} more` : ''));
    case 'recent_topics':
      return `${value.length} stretches, drawn below`;
    case 'topic_transition_graph':
      return `${value.nodes?.length ?? 0} topics, ${value.edges?.length ?? 0} moves, drawn below`;
    case 'dominant_traits':
      return `${names(value, 'trait')}; drawn below`;
    case 'trait_evolution_history':
      return `${value.length} days, drawn below`;
    case 'optimal_timing_hours':
      return value.map((hour) => `${hour} h`).join(', ') + ' UTC';
    case 'suggested_topics':
      return el(
        'ul', {class: 'plain'},
        value.map(
          (topic) => el(
            'li', {}, foreign(topic.topic),
            el('span', {class: 'muted'}, ` ${topic.reason}, interest ${short(topic.weight)}, `),
            moment(topic.last_mentioned, {isShort: true}))));
    case 'adaptation_suggestions':
      return el(
        'ul', {class: 'plain'},
        value.map(
          (item) => el(
            'li', {},
            Object.entries(item)
              .map(([name, said]) => `${spoken(name)} ${typeof said === 'number' ? short(said) : said}`)
              .join(', '))));
    default:
      return facts(value);
  }
}

/** A value without parts as text; null as what stands for nothing. */
const plainText = (value) => (value === null ? '–' : typeof value === 'number' ? short(value) : String(value));

/** The parts of a value inside another, in one line. */
function nested(said) {
  if (Array.isArray(said)) return said.map(plainText).join(', ') || 'none';
  return Object.entries(said).map(([name, part]) => `${spoken(name)} ${plainText(part)}`).join(', ') || 'none';
}

/** Names and values of an object, or the parts of a list. */
function facts(value) {
  const text = (said) => (said !== null && typeof said === 'object' ? nested(said) : plainText(said));
  if (Array.isArray(value)) return el('bdi', {}, value.map(text).join('; '));
  const parts = Object.entries(value).map(([name, said]) => {
    const shown = text(said);
    return el(
      'div', {class: shown.length > 14 ? 'long' : null}, el('dt', {}, spoken(name)), el('dd', {}, foreign(shown)));
  });
  return el('dl', {class: 'values'}, parts);
}

const explainButton = (column) => el(
  'button',
  {type: 'button', class: 'explain', 'aria-label': `Explain ${spoken(column)}`, onclick: () => explain(column)},
  'explain');

async function explain(column) {
  const {bot, user} = shown.pair;
  const body = byId('explain-body');
  byId('explain-title').textContent = spoken(column);
  body.replaceChildren(el('p', {class: 'muted'}, 'Computing it again from the pair\'s history…'));
  byId('explain-dialog').showModal();
  try {
    const path = `${pathOf('/api/v1/explain/', bot, '/', user)}?signal=${encodeURIComponent(column)}`;
    body.replaceChildren(...explanation(await ask(path, {withKey: true})));
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    body.replaceChildren(el('p', {class: 'bad'}, told(refusal)));
  }
}

/** A value of any shape, as indented JSON where it has parts. */
const anyValue = (value) =>
  (value === null              ? el('span', {class: 'muted'}, 'null') :
     typeof value === 'object' ? el('pre', {dir: 'auto'}, JSON.stringify(value, null, 1)) :
                                 el('code', {}, String(value)));

function explanation(found) {
  const row = (name, ...value) => el('div', {}, el('dt', {}, name), el('dd', {}, ...value));
  const verdict = found.equal === true ?
    badge('equal to what the cache has', 'good') :
    found.equal === false ?
    badge('differs from the cache', 'bad') :
    badge('not comparable: being rebuilt or just written, or its history is too long', 'warn');
  const ids =
    (rows) => [...new Set(rows.map((item) => item.stream))]
                .map(
                  (stream) => `${stream} ${
                    rows.filter((item) => item.stream === stream).slice(-20).map((item) => item.id).join(', ')}`)
                .join('; ');
  const isSame = JSON.stringify(found.value) === JSON.stringify(found.recomputed);
  const isOfBot = found.inputs?.length > 0 && 'measure' in found.inputs[0];
  const inputs = found.inputs === null ? ['more rows than are looked at here: `afterthought explain` takes more'] :
    isOfBot ?
    found.inputs.map(
      (input) => el(
        'div', {},
        `${input.measure}: ${whole(input.values)} values in ${whole(input.hours)} hours, mean ${
          short(input.mean)}`)) :
    [
      `${whole(found.inputs.length)} rows`,
      found.inputs.length ? el('div', {class: 'muted'}, `the newest: ${ids(found.inputs.slice(-20))}`) : ''
    ];
  const hangs = found.hangs_on?.length ? ids(found.hangs_on) :
    found.inputs_left_out              ? `none of the newest ${found.inputs_left_out} alone` :
                                         'not tried: its history is too long';
  return [el(
    'dl', {class: 'explanation'}, found.meaning ? row('meaning', found.meaning) : null,
    row('value now', anyValue(found.value)),
    found.value === null && found.null_reason ? row('null because', found.null_reason) : null,
    row('recomputed', isSame ? 'the same ' : anyValue(found.recomputed), ' ', verdict), row('formula', found.formula),
    row('method', found.method),
    row(
      'validated',
      found.validated ? 'yes: better than its naive baseline on this pair' :
                        'no: it has not beaten its naive baseline here'),
    ...Object.entries(found.stored ?? {})
      .map(
        ([name, value]) => row(`stored ${spoken(name)}`, value === null ? 'null' : el('pre', {dir: 'auto'}, value))),
    row('inputs', ...inputs), found.hangs_on ? row('hangs on', hangs) : null,
    row(
      'version', `engines ${found.engine_version ?? '–'}, configuration `,
      el('code', {}, found.config_hash ?? '–')),
    row('written', moment(found.computed_at)))];
}

function startPair() {
  byId('pair-form').addEventListener('submit', (event) => {
    event.preventDefault();
    lookUp(byId('pair-bot').value, byId('pair-user').value);
  });
}
