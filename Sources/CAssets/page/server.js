// Asking the worker: the key, whether it answers, and how old what is shown is.

const keyName = 'afterthought-admin-key';
const server = {
  key: sessionStorage.getItem(keyName),
  /** Whether the worker has a key at all; null: not known yet. */
  takesKey: null,
  /** When the overview came last: how old what is shown is. */
  answeredAt: null,
  /** Why nobody answers, and why the overview, which needs the database, does not come; null: all is well. */
  silence: null,
  refusal: null,
  failedAt: null,
};

/** An answer that is none; `status` is 0 when nobody answered. */
class Refusal extends Error {
  constructor(status, message, hint) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
  get isAboutKey() { return this.status === 401 || this.status === 403; }
}

function setKey(key) {
  server.key = key;
  if (key) sessionStorage.setItem(keyName, key);
  else sessionStorage.removeItem(keyName);
  byId('key-button').textContent = key ? 'Key in use' : 'Enter key';
}

/**
 * Asks for a path.
 * @param {string} path with its query
 * @param {{method?: string, withKey?: boolean}} [how]
 */
async function ask(path, {method = 'GET', withKey = false} = {}) {
  const headers = {Accept: 'application/json'};
  const key = server.key;
  if (withKey && key) headers['X-Admin-Key'] = key;
  let reply;
  try {
    reply = await fetch(path, {method, headers, cache: 'no-store', signal: AbortSignal.timeout(15000)});
  } catch (error) {
    server.silence = 'the worker does not answer';
    server.failedAt ??= Date.now();
    throw new Refusal(0, server.silence, 'see whether its process runs');
  }
  server.silence = null;
  let answer = null;
  try {
    answer = await reply.json();
  } catch { /* what is no JSON is no answer */
  }
  if (reply.ok && answer !== null) {
    if (withKey) server.takesKey = true;
    return answer;
  }
  const refusal = new Refusal(reply.status, answer?.error ?? `status ${reply.status}`, answer?.hint);
  if (reply.status === 403) server.takesKey = false;
  if (reply.status === 401) {
    server.takesKey = true;
    if (key && server.key === key) {
      setKey(null);
      keyProblem('That key was not the right one; it is forgotten.');
    }
  }
  throw refusal;
}

/** A path with names in it, which may hold anything. */
const pathOf = (...parts) => parts.map((part, place) => (place % 2 ? encodeURIComponent(part) : part)).join('');

let keyWaiters = [];

function keyProblem(text) {
  byId('key-problem').textContent = text;
  if (!byId('key-dialog').open) openKeyDialog();
}

function openKeyDialog() {
  byId('key-input').value = '';
  byId('key-forget').hidden = !server.key;
  byId('key-dialog').showModal();
  byId('key-input').focus();
}

/** The key, asked for where it is not known; false: it was not given. */
async function haveKey() {
  if (server.key) return true;
  byId('key-problem').textContent = '';
  return new Promise((resolve) => {
    keyWaiters.push(resolve);
    if (!byId('key-dialog').open) openKeyDialog();
  });
}

function endKeyDialog(isGiven) {
  byId('key-dialog').close();
  const waiters = keyWaiters;
  keyWaiters = [];
  for (const resolve of waiters) resolve(isGiven);
}

function startKeyDialog() {
  setKey(server.key);
  byId('key-button').addEventListener('click', () => {
    byId('key-problem').textContent = '';
    openKeyDialog();
  });
  byId('key-cancel').addEventListener('click', () => endKeyDialog(false));
  byId('key-dialog').addEventListener('cancel', (event) => {
    event.preventDefault();
    endKeyDialog(false);
  });
  byId('key-forget').addEventListener('click', () => {
    setKey(null);
    endKeyDialog(false);
    askForAll();
  });
  byId('key-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const key = byId('key-input').value.trim();
    if (!/^[\x21-\x7e]+$/.test(key)) {
      byId('key-problem').textContent = 'A key is of printable ASCII characters without spaces.';
      return;
    }
    setKey(key);
    byId('key-problem').textContent = '';
    // Before anything else is asked for: a wrong key is said where it was typed.
    try {
      await ask('/api/v1/admin/quarantine?limit=1', {withKey: true});
    } catch (refusal) {
      if (refusal.status === 401) return;
      if (refusal.status === 403) {
        setKey(null);
        byId('key-problem').textContent = 'This worker was started without a key, so none is right.';
        askForAll();
        return;
      }
    }
    byId('key-input').value = '';
    endKeyDialog(true);
    askForAll();
  });
}

/** What stands where the key is needed. */
function keyNeeded(what) {
  if (server.takesKey === false) {
    return empty(
      'This worker has no administrator\'s key, so ', what, ' can\'t be shown. Start it with ',
      el('code', {}, 'AFTERTHOUGHT_ADMIN_KEY'), ' or ', el('code', {}, '--admin-key-file'), ' (make one with ',
      el('code', {}, 'head -c 32 /dev/urandom | base64'), ').');
  }
  return empty(
    'The administrator\'s key is needed to see ', what, '. ',
    el('button', {type: 'button', class: 'quiet', onclick: () => haveKey()}, 'Enter key'));
}

/** Says what became of something that was asked for. */
function say(host, text, kind = '') {
  host.className = `note ${kind}`;
  host.textContent = text;
}

const told = (refusal) => (refusal.hint ? `${refusal.message} – ${refusal.hint}` : refusal.message);

/** Parts of the page that ask again and again: `{name, seconds, run, dueAt}`. */
const polls = [];

function poll(seconds, run) {
  const entry = {seconds, run, dueAt: 0, isUnderWay: false};
  polls.push(entry);
  return entry;
}

async function runPoll(entry) {
  if (entry.isUnderWay) return;
  entry.isUnderWay = true;
  try {
    await entry.run();
    entry.dueAt = Date.now() + entry.seconds * 1000;
  } catch (error) {
    // Not at once again: whoever is down needs no crowd when it is back, and a mistake here is made again.
    entry.dueAt = Date.now() + Math.max(5, entry.seconds) * 1000;
    if (!(error instanceof Refusal)) throw error;
  } finally {
    entry.isUnderWay = false;
    showState();
  }
}

function askForAll() {
  for (const entry of polls) entry.dueAt = 0;
  pollDue();
}

/** Asks for what is due; nothing while the page is hidden. */
function pollDue() {
  if (document.hidden) return;
  for (const entry of polls)
    if (Date.now() >= entry.dueAt) runPoll(entry);
}

/** Until when `start.js` asks more often: something that was asked for is under way. */
let quickUntil = 0;

/**
 * Asks for a change and says what became of it.
 *
 * `shownBy`: the polls whose parts of the page show it, asked at once and, as it ends when it ends, more often for so
 * many `seconds`; `done`: what to say to the answer; `failed`: what to say before the reason of a refusal.
 */
async function order(note, path, {shownBy, seconds, done, failed}) {
  try {
    const answer = await ask(path, {method: 'POST', withKey: true});
    say(note, done(answer), 'good');
    for (const entry of shownBy) entry.dueAt = 0;
    quickUntil = Date.now() + seconds * 1000;
    pollDue();
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    say(note, `${failed}: ${told(refusal)}`, 'bad');
  }
}
