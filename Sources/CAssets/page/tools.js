'use strict';
// Elements, numbers and times. Whatever comes from the worker is put into the page as text and nothing else.

const byId = (id) => document.getElementById(id);

/** Makes an element; children are nodes or texts, and null is left out. */
function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'onclick') element.addEventListener('click', value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) element.append(child);
  }
  return element;
}

/** Text of users and bots, which may run from right to left. */
const foreign = (text) => el('bdi', {}, String(text));

/**
 * Puts other children into an element, unless the same are there; a control that has the focus keeps it, found again
 * by its `data-focus`. Ages do not count as a difference: they are said anew every second anyway.
 */
function fill(host, ...children) {
  const made = el('div', {}, ...children);
  const old = el('div');
  old.append(...[...host.childNodes].map((node) => node.cloneNode(true)));
  for (const side of [made, old]) {
    for (const time of side.querySelectorAll('time[data-ago]')) time.textContent = '';
  }
  if (old.isEqualNode(made)) return;
  const focused = host.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  host.replaceChildren(...made.childNodes);
  if (focused)
    [...host.querySelectorAll('[data-focus]')].find((element) => element.dataset.focus === focused)?.focus();
  refreshAges();
}

const number = new Intl.NumberFormat('en', {maximumFractionDigits: 0});
const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);

/** A number with about three digits that count. */
function short(value) {
  if (!isNumber(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1000) return number.format(value);
  if (size < 0.001) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

const whole = (value) => (isNumber(value) ? number.format(value) : '–');
const percent = (value, digits = 0) => (isNumber(value) ? `${(value * 100).toFixed(digits)} %` : '–');

/** Seconds in the unit that suits them, with two or three digits. */
function duration(seconds) {
  if (!isNumber(seconds)) return '–';
  const size = Math.abs(seconds);
  if (size === 0) return '0 s';
  if (size < 0.001) return `${short(seconds * 1e6)} µs`;
  if (size < 1) return `${short(seconds * 1000)} ms`;
  const [length, unit] = size < 60 ? [1, 's'] :
    size < 3600                    ? [60, 'min'] :
    size < 172800                  ? [3600, 'h'] :
                                     [86400, 'd'];
  return `${Number((seconds / length).toFixed(size / length < 10 ? 1 : 0))} ${unit}`;
}

// The worker's clock is the one that counts: ages are told by it.
const clock = {
  offset: 0
};
const nowMilliseconds = () => Date.now() + clock.offset;

function ago(date) {
  const seconds = Math.round((nowMilliseconds() - date.getTime()) / 1000);
  if (Math.abs(seconds) < 2) return 'now';
  return seconds > 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`;
}

const dayTime =
  new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'});
const monthDay = new Intl.DateTimeFormat(undefined, {month: 'short', day: 'numeric'});
const hourMinute = new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit', hourCycle: 'h23'});

/** A moment in the reader's own time, with its day if that is not today. */
function absolute(date) {
  const isToday = new Date(nowMilliseconds()).toDateString() === date.toDateString();
  return isToday ? dayTime.format(date) : `${monthDay.format(date)} ${hourMinute.format(date)}`;
}

/** A moment: how long ago, with the time beside it. */
function moment(text, {isShort = false} = {}) {
  if (!text) return el('span', {class: 'muted'}, '–');
  const date = new Date(text);
  const relative = el('time', {datetime: text, title: date.toISOString(), 'data-ago': ''}, ago(date));
  return isShort ? relative :
                   el('span', {class: 'moment'}, relative, ' ', el('span', {class: 'muted'}, absolute(date)));
}

/** Says ages anew; they grow while nothing else changes. */
function refreshAges() {
  for (const element of document.querySelectorAll('time[data-ago]')) {
    const text = ago(new Date(element.dateTime));
    if (element.textContent !== text) element.textContent = text;
  }
}

const badge = (text, kind = '') => el('span', {class: `badge ${kind}`}, text);
const reason = (text) => el('span', {class: 'reason'}, text);

/** What there is to say where there is nothing to show. */
const empty = (...children) => el('p', {class: 'empty'}, ...children);

/** A name as people write it. */
const spoken = (name) => String(name).replaceAll('_', ' ');

/** What stands for nothing; a narrow screen leaves the cell out. */
const nil = (text = '–') => el('span', {class: 'muted nil'}, text);

/** A cell of a table; `label` names it where a narrow screen stacks the cells. */
const cell = (label, content, className = '') => el('td', {'data-label': label, class: className || null}, content);

/** A horizontal bar from 0 to 1. */
function bar(share, label) {
  const box = svg(
    'svg', {class: 'bar-line', viewBox: '0 0 100 8', preserveAspectRatio: 'none', role: 'img', 'aria-label': label});
  box.append(svg('rect', {class: 'bar-back', x: 0, y: 0, width: 100, height: 8}));
  if (isNumber(share))
    box.append(
      svg('rect', {class: 'bar-front', x: 0, y: 0, width: Math.max(0, Math.min(100, share * 100)), height: 8}));
  return box;
}

/** Asks before something is changed. */
function confirmed(title, text, action) {
  const dialog = byId('confirm-dialog');
  byId('confirm-title').textContent = title;
  byId('confirm-text').replaceChildren(...[text].flat());
  byId('confirm-yes').textContent = action;
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), {once: true});
  });
}
