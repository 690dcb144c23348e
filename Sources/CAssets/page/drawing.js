// Drawings, made of SVG elements at the size that they are shown in.

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const child of children) element.append(child);
  return element;
}

const label = (x, y, text, className = '', anchor = 'start') =>
  svg('text', {x, y, class: `label ${className}`, 'text-anchor': anchor}, text);

/** Shows a longer text when pointed at. */
function titled(element, text) {
  element.append(svg('title', {}, text));
  return element;
}

const drawings = new Map();
const sizes = new ResizeObserver((entries) => {
  for (const entry of entries) {
    const drawing = drawings.get(entry.target);
    const width = Math.floor(entry.contentRect.width);
    if (!drawing) continue;
    if (!entry.target.isConnected) {
      drawings.delete(entry.target);
      sizes.unobserve(entry.target);
    } else if (width > 0 && width !== drawing.width) redraw(entry.target);
  }
});

function redraw(host) {
  const drawing = drawings.get(host);
  const width = Math.floor(host.clientWidth);
  if (!drawing || width === 0) return;
  drawing.width = width;
  const height = typeof drawing.height === 'function' ? drawing.height(width) : drawing.height;
  const root =
    svg('svg', {viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': drawing.name});
  drawing.paint(root, width, height);
  host.replaceChildren(root);
}

/** Draws into an element, now and whenever its width changes. */
function draw(host, name, height, paint) {
  drawings.set(host, {name, height, paint, width: 0});
  sizes.observe(host);
  redraw(host);
  return host;
}

/** Says why there is no drawing. */
function noDrawing(host, text) {
  drawings.delete(host);
  sizes.unobserve(host);
  host.replaceChildren(empty(text));
}

/** Round numbers between 0 and a largest value. */
function ticks(most, count = 3) {
  if (!(most > 0)) return [0];
  const rough = most / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const found = [];
  for (let value = 0; value <= most * 1.0001; value += step) found.push(value);
  return found;
}

/** Horizontal lines with what they stand for; returns where a value is. */
function valueAxis(root, box, most, format, marks = ticks(most)) {
  const y = (value) => box.bottom - (value / (most || 1)) * (box.bottom - box.top);
  for (const value of marks) {
    root.append(svg('line', {class: 'grid', x1: box.left, x2: box.right, y1: y(value), y2: y(value)}));
    root.append(label(box.left - 6, y(value) + 4, format(value), 'muted', 'end'));
  }
  return y;
}

/** Times below a drawing; returns where a moment is. */
function timeAxis(root, box, from, to) {
  const x = (at) => box.left + ((at - from) / Math.max(1, to - from)) * (box.right - box.left);
  const hour = 3600000;
  const steps =
    [hour / 12, hour / 4, hour, 3 * hour, 6 * hour, 12 * hour, 24 * hour, 72 * hour, 168 * hour, 720 * hour];
  const step = steps.find((size) => (to - from) / size <= Math.max(2, (box.right - box.left) / 80)) ?? 2160 * hour;
  const isDays = step >= 24 * hour;
  const zone = new Date(to).getTimezoneOffset() * 60000;
  for (let at = Math.ceil((from - zone) / step) * step + zone; at <= to; at += step) {
    const text = isDays ? monthDay.format(at) : hourMinute.format(at);
    root.append(svg('line', {class: 'tick', x1: x(at), x2: x(at), y1: box.bottom, y2: box.bottom + 4}));
    const anchor = x(at) > box.right - 16 ? 'end' : x(at) < box.left + 16 ? 'start' : 'middle';
    root.append(label(x(at), box.bottom + 16, text, 'muted', anchor));
  }
  return x;
}

const plotBox = (width, height, left = 44) => ({left, right: width - 8, top: 10, bottom: height - 22});

/** Breaks a line where nothing was known. */
function linePath(points) {
  let isOpen = false;
  return points
    .map(([x, y]) => {
      if (y === null) {
        isOpen = false;
        return '';
      }
      const step = `${isOpen ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
      isOpen = true;
      return step;
    })
    .join('');
}

/** Values over the last day, or what there is of it; gaps are moments at which nothing was known or nobody looked. */
function drawDay(host, name, points, {most, format, reference, marks}) {
  const known = points.filter((point) => isNumber(point.value));
  draw(host, name, 130, (root, width, height) => {
    const box = plotBox(width, height);
    const to = nowMilliseconds();
    const top = most ?? Math.max(...known.map((point) => point.value), 1e-9) * 1.1;
    const y = valueAxis(root, box, top, format, marks);
    const x = timeAxis(root, box, Math.max(to - 86400000, Math.min(points[0].at, to - 1800000)), to);
    if (reference && reference.value <= top) {
      root.append(svg(
        'line', {class: 'reference', x1: box.left, x2: box.right, y1: y(reference.value), y2: y(reference.value)}));
      root.append(label(box.left + 4, y(reference.value) - 4, reference.text, 'muted'));
    }
    const path = [];
    points.forEach((point, place) => {
      const before = points[place - 1];
      if (before && point.at - before.at > 180000) path.push([x(point.at), null]);
      path.push([x(point.at), isNumber(point.value) ? y(Math.min(point.value, top)) : null]);
    });
    root.append(svg('path', {class: 'line', d: linePath(path)}));
    const last = known.at(-1);
    if (last)
      root.append(titled(
        svg('circle', {class: 'point', cx: x(last.at), cy: y(Math.min(last.value, top)), r: 3}), format(last.value)));
  });
}

/** One bar an hour of the last day. */
function drawHours(host, name, hours, format) {
  draw(host, name, 130, (root, width, height) => {
    const box = plotBox(width, height);
    const to = nowMilliseconds();
    const from = to - 86400000;
    const y = valueAxis(root, box, Math.max(...hours.map((hour) => hour.value), 1) * 1.1, format);
    const x = timeAxis(root, box, from, to);
    for (const hour of hours) {
      const left = Math.max(x(hour.at), box.left) + 1;
      const right = Math.min(x(hour.at + 3600000), box.right) - 1;
      if (right <= left) continue;
      const text = `${hourMinute.format(hour.at)}: ${format(hour.value)}`;
      root.append(titled(
        svg('rect', {
          class: 'column',
          x: left,
          width: right - left,
          y: y(hour.value),
          height: Math.max(1, box.bottom - y(hour.value))
        }),
        text));
    }
  });
}

/** A small line without axes, 0 to `most`. */
function sparkline(values, most, name) {
  const [width, height] = [96, 18];
  const root =
    svg('svg', {class: 'spark', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': name});
  root.append(svg('line', {class: 'grid', x1: 0, x2: width, y1: height - 0.5, y2: height - 0.5}));
  const step = width / Math.max(1, values.length - 1);
  const points = values.map(
    (value, place) =>
      [values.length > 1 ? place * step : width - 3,
       isNumber(value) ? height - 2 - (value / most) * (height - 4) : null]);
  root.append(svg('path', {class: 'line', d: linePath(points)}));
  const last = points.at(-1);
  if (last && last[1] !== null)
    root.append(svg('circle', {class: 'point', cx: Math.min(last[0], width - 2), cy: last[1], r: 2}));
  return root;
}

/** As much of a text as fits into some pixels. */
function fitted(text, pixels) {
  const most = Math.max(3, Math.floor(pixels / 6.4));
  const letters = Array.from(String(text));
  return letters.length <= most ? String(text) : `${letters.slice(0, most - 1).join('')}…`;
}
