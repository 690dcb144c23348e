// Drawings of one pair, each of what its rows hold and nothing else.

function figure(id, caption, note, ...children) {
  return el(
    'figure', {class: 'drawn', 'data-drawing': id},
    el('figcaption', {}, caption, note ? el('span', {class: 'muted'}, ` ${note}`) : null), ...children);
}

/** A figure whose drawing is made once it is in the page. */
function drawnFigure(id, caption, note, name, height, paint) {
  const host = el('div', {class: 'chart'});
  requestAnimationFrame(() => draw(host, name, height, paint));
  return figure(id, caption, note, host);
}

const noFigure = (id, caption, text) => figure(id, caption, null, empty(text));

function groupDrawings(key, signals, data, activity) {
  switch (key) {
    case 'memory_health':
      return [memoriesFigure(signals.memory_snapshot)];
    case 'memory_behavior':
      return [curveFigure(signals.forgetting_curve_params, data.signals.memory_health?.memory_snapshot)];
    case 'conversation_patterns':
      return [
        timelineFigure(signals.recent_topics), transitionsFigure(signals.topic_transition_graph),
        emotionsFigure(activity)
      ];
    case 'personality_profile':
      return [traitsFigure(signals.dominant_traits), traitHistoryFigure(signals.trait_evolution_history)];
    case 'engagement_opportunities':
      return [weekFigure(activity, signals.optimal_timing_hours)];
    default:
      return [];
  }
}

const memoriesOf = (snapshot) => {
  const known = new Map();
  for (const memory of [...(snapshot?.stale ?? []), ...(snapshot?.fresh ?? [])]) known.set(memory.id, memory);
  return [...known.values()].sort((one, other) => one.retrievability - other.retrievability);
};

function memoriesFigure(snapshot) {
  const memories = memoriesOf(snapshot);
  if (memories.length === 0)
    return noFigure(
      'memories', 'Memories', 'No memory yet: they are retrievals, and topics of the user\'s own messages.');
  return figure(
    'memories', 'Memories', 'by the chance that the user recalls them now',
    el(
      'div', {class: 'scroll'},
      el(
        'table', {class: 'memories'},
        el('caption', {class: 'hidden'}, 'Memories and the chance that the user recalls them now'),
        el(
          'thead', {},
          el(
            'tr', {},
            ...[['memory'], ['recall now'], ['last met', 'right'], ['met', 'right'], ['since', 'right']].map(
              ([name, side]) => el('th', {scope: 'col', class: side}, name)))),
        el(
          'tbody', {},
          memories.map(
            (memory) => el(
              'tr', {}, el('th', {scope: 'row'}, foreign(memory.label)),
              cell(
                '',
                el(
                  'span', {class: 'share'}, bar(memory.retrievability, percent(memory.retrievability)),
                  percent(memory.retrievability))),
              cell('', `${hoursOf(memory.idle_hours)} ago`, 'right'), cell('', `${whole(memory.reviews)}×`, 'right'),
              cell('', hoursOf(memory.age_hours), 'right')))))));
}

/** What is recalled after some days: one curve a memory, its stability taken from where the memory is now. */
function curveFigure(curve, snapshot) {
  const memories = memoriesOf(snapshot).filter(
    (memory) => memory.idle_hours > 0 && memory.retrievability < 1 && memory.retrievability > 0);
  if (!curve || memories.length === 0 || !isNumber(curve.decay) || !isNumber(curve.factor)) {
    return noFigure('forgetting', 'Forgetting curve', 'No curve: it needs a memory that was met some time ago.');
  }
  // R = (1 + factor · t / s) ^ decay, solved for s at the memory's own point.
  const shownMemories =
    (memories.length > 8 ? [...memories.slice(0, 5), ...memories.slice(-3)] : memories).map((memory) => {
      const days = memory.idle_hours / 24;
      return {...memory, days, scale: (curve.factor * days) / (memory.retrievability ** (1 / curve.decay) - 1)};
    });
  const furthest = Math.max(...shownMemories.map((memory) => memory.days));
  const most = Math.max(7, furthest * 2);
  const recall = (memory, days) => (1 + (curve.factor * days) / memory.scale) ** curve.decay;
  const note = `points are now; multiplier ${short(curve.stability_multiplier)} ± ${short(curve.multiplier_se)}, ${
    whole(curve.reviews)} reviews`;
  return drawnFigure(
    'forgetting', 'Forgetting curve', note, `Forgetting curves of ${shownMemories.length} memories`, 200,
    (root, width, height) => {
      const box = {...plotBox(width, height, 48), bottom: height - 36};
      const y = valueAxis(root, box, 1, (value) => percent(value), [0, 0.25, 0.5, 0.75, 1]);
      const x = (days) => box.left + (days / most) * (box.right - box.left);
      for (const days of ticks(most, width < 420 ? 3 : 6))
        if (days <= most) root.append(label(x(days), box.bottom + 16, `${short(days)} d`, 'muted', 'middle'));
      root.append(label((box.left + box.right) / 2, height - 4, 'days since the memory was met', 'muted', 'middle'));
      shownMemories.forEach((memory) => {
        const points = Array.from({length: 61}, (_, step) => (step / 60) ** 2 * most)
                         .map((days) => [x(days), y(recall(memory, days))]);
        root.append(titled(svg('path', {class: 'line thin', d: linePath(points)}), memory.label));
        root.append(titled(
          svg('circle', {class: 'point', cx: x(memory.days), cy: y(memory.retrievability), r: 3.5}),
          `${memory.label}: ${percent(memory.retrievability)} after ${hoursOf(memory.idle_hours)}`));
      });
    });
}

/** Topics in the order of time; long silences between them are cut short. */
function timelineFigure(topics) {
  if (!topics?.length)
    return noFigure('topics', 'Topics over time', 'No topic yet: they need some messages of the user\'s.');
  const stretches =
    topics
      .map(
        (topic) =>
          ({name: topic.topic, from: new Date(topic.start_time).getTime(), to: new Date(topic.end_time).getTime()}))
      .sort((one, other) => one.from - other.from);
  const lasting = stretches.reduce((sum, stretch) => sum + Math.max(stretch.to - stretch.from, 5000), 0);
  const gapMost = lasting / stretches.length;
  const breaks = [];
  let [place, end] = [0, stretches[0].from];
  for (const stretch of stretches) {
    const gap = Math.max(0, stretch.from - end);
    if (gap > gapMost * 2) {
      breaks.push({at: place + gapMost / 2, gap});
      place += gapMost;
    } else place += gap;
    stretch.left = place;
    place += Math.max(stretch.to - Math.max(stretch.from, end), 5000);
    stretch.right = place;
    end = Math.max(end, stretch.to);
  }
  const lanes = [...new Set(stretches.map((stretch) => stretch.name))];
  const note = `${absolute(new Date(stretches[0].from))} to ${absolute(new Date(end))}; dashed: silence left out`;
  return drawnFigure(
    'topics', 'Topics over time', note, `${stretches.length} stretches of ${lanes.length} topics`,
    lanes.length * 22 + 24, (root, width, height) => {
      const left = Math.min(200, width * 0.42);
      const x = (at) => left + (at / place) * (width - left - 8);
      lanes.forEach((name, lane) => {
        root.append(titled(label(left - 8, lane * 22 + 16, fitted(name, left - 12), '', 'end'), name));
        root.append(svg('line', {class: 'grid', x1: left, x2: width - 8, y1: lane * 22 + 12, y2: lane * 22 + 12}));
      });
      let free = left;
      for (const cut of breaks) {
        root.append(svg('line', {class: 'reference', x1: x(cut.at), x2: x(cut.at), y1: 2, y2: lanes.length * 22}));
        const middle = Math.min(x(cut.at), width - 22);
        if (middle - 22 < free) continue;
        free = middle + 22;
        root.append(label(middle, height - 6, duration(cut.gap / 1000), 'muted', 'middle'));
      }
      for (const stretch of stretches) {
        root.append(titled(
          svg('rect', {
            class: 'column',
            x: x(stretch.left),
            y: lanes.indexOf(stretch.name) * 22 + 5,
            width: Math.max(3, x(stretch.right) - x(stretch.left)),
            height: 14,
            rx: 2
          }),
          `${stretch.name}: ${duration((stretch.to - stretch.from) / 1000)}, from ${
            new Date(stretch.from).toISOString()}`));
      }
    });
}

/** Moves between topics as arcs beside their names: solid ones go down, dashed ones up. */
function transitionsFigure(graph) {
  if (!graph?.edges?.length)
    return noFigure('transitions', 'Moves between topics', 'No move from one topic to another yet.');
  const nodes = [...graph.nodes].sort((one, other) => other.weight - one.weight).slice(0, 14);
  const at = new Map(nodes.map((node, place) => [node.topic, place]));
  const edges = [...graph.edges]
                  .filter((edge) => at.has(edge.from) && at.has(edge.to) && edge.from !== edge.to)
                  .sort((one, other) => other.weight - one.weight)
                  .slice(0, 30);
  const most = Math.max(...edges.map((edge) => edge.weight), 1e-9);
  const heaviest = Math.max(...nodes.map((node) => node.weight), 1e-9);
  return drawnFigure(
    'transitions', 'Moves between topics',
    `the ${edges.length} most frequent; blue down, grey up; wider is more often`,
    `${edges.length} moves between ${nodes.length} topics`, nodes.length * 22 + 12, (root, width) => {
      const left = Math.min(220, width * 0.5);
      const y = (place) => place * 22 + 14;
      const reach = (span) =>
        Math.min(width - left - 24, 14 + (span / Math.max(1, nodes.length - 1)) * (width - left - 40));
      for (const edge of [...edges].reverse()) {
        const [from, to] = [at.get(edge.from), at.get(edge.to)];
        const out = left + 12 + reach(Math.abs(from - to));
        root.append(titled(
          svg('path', {
            class: `arc ${from < to ? 'down' : 'up'}`,
            'stroke-width': (0.8 + 3.2 * (edge.weight / most)).toFixed(1),
            d: `M${left + 12} ${y(from)}C${out} ${y(from)} ${out} ${y(to)} ${left + 12} ${y(to)}`
          }),
          `${edge.from} → ${edge.to}: ${short(edge.weight)}`));
      }
      nodes.forEach((node, place) => {
        root.append(titled(label(left - 6, y(place) + 4, fitted(node.topic, left - 10), '', 'end'), node.topic));
        root.append(titled(
          svg(
            'circle',
            {class: 'blob solid', cx: left + 5, cy: y(place), r: 2 + 4 * Math.sqrt(node.weight / heaviest)}),
          `${node.topic}: ${short(node.weight)}`));
      });
    });
}

/** Valence of messages that somebody had looked at. */
function emotionsFigure(activity) {
  const caption = 'Emotions over time';
  if (activity.refusal) return noFigure('emotions', caption, `Not shown: ${told(activity.refusal)}`);
  const found = activity.emotions.map((emotion) => ({...emotion, at: new Date(emotion.at).getTime()}));
  if (found.length === 0)
    return noFigure(
      'emotions', caption,
      'None is kept: a message\'s emotion is stored when somebody has it looked at. Means are in style features.');
  return drawnFigure(
    'emotions', caption, `valence of ${found.length} messages that were looked at; filled: the user`,
    'Valence of messages over time', 150, (root, width, height) => {
      const box = plotBox(width, height);
      const y = (value) => box.top + ((1 - value) / 2) * (box.bottom - box.top);
      for (const value of [-1, 0, 1]) {
        root.append(
          svg('line', {class: 'grid', x1: box.left, x2: box.right, y1: y(value), y2: y(value)}),
          label(box.left - 6, y(value) + 4, value > 0 ? `+${value}` : String(value), 'muted', 'end'));
      }
      const [from, to] = [found[0].at, found.at(-1).at];
      const x = timeAxis(root, box, from - 60000, to + 60000);
      for (const emotion of found) {
        root.append(titled(
          svg('circle', {
            class: emotion.role === 'user' ? 'point' : 'point hollow',
            cx: x(emotion.at),
            cy: y(emotion.valence),
            r: 3 + 3 * Math.max(0, emotion.arousal)
          }),
          `${emotion.dominant_emotion}, valence ${short(emotion.valence)}, ${new Date(emotion.at).toISOString()}`));
      }
    });
}

/** What each trait does to the user's next reaction, with its 90 % interval around no effect. */
function traitsFigure(traits) {
  if (!traits?.length) return noFigure('traits', 'Effect of traits', 'No trait was shown often enough yet.');
  const most =
    Math.max(
      ...traits.flatMap((trait) => [trait.low, trait.high, trait.effectiveness].filter(isNumber).map(Math.abs)),
      1e-3) *
    1.15;
  return drawnFigure(
    'traits', 'Effect of traits', 'on the user\'s next reaction, 90 % intervals; bars: how often shown',
    'Effect of traits with intervals', traits.length * 24 + 22, (root, width, height) => {
      const left = Math.min(120, width * 0.3);
      const share = Math.min(130, width * 0.28);
      const [from, to] = [left + share + 16, width - 12];
      const x = (value) => (from + to) / 2 + (value / most) * ((to - from) / 2);
      root.append(svg('line', {class: 'reference', x1: x(0), x2: x(0), y1: 0, y2: height - 18}));
      for (const value of [-most / 1.15, 0, most / 1.15])
        root.append(label(
          x(value), height - 4, value === 0 ? '0' : `${value > 0 ? '+' : ''}${value.toFixed(most < 0.1 ? 3 : 2)}`,
          'muted', 'middle'));
      traits.forEach((trait, place) => {
        const y = place * 24 + 12;
        root.append(titled(
          label(left - 8, y + 4, fitted(trait.trait, left - 10), '', 'end'),
          `${trait.trait}, ${trait.source ?? ''}, ${whole(trait.n)} replies`));
        root.append(
          svg('rect', {class: 'bar-back', x: left, y: y - 4, width: share - 34, height: 8}), svg('rect', {
            class: 'bar-front',
            x: left,
            y: y - 4,
            width: Math.max(0, Math.min(1, trait.frequency)) * (share - 34),
            height: 8
          }),
          label(left + share - 28, y + 4, percent(trait.frequency), 'muted'));
        if (!isNumber(trait.effectiveness)) {
          root.append(label(from, y + 4, 'too few replies', 'muted'));
          return;
        }
        if (isNumber(trait.low) && isNumber(trait.high))
          root.append(svg('line', {class: 'interval', x1: x(trait.low), x2: x(trait.high), y1: y, y2: y}));
        root.append(titled(
          svg('circle', {class: 'point', cx: x(trait.effectiveness), cy: y, r: 3.5}),
          `${trait.trait}: ${short(trait.effectiveness)} (${short(trait.low)} … ${short(trait.high)}), ${
            whole(trait.n)} replies`));
      });
    });
}

/** One small drawing a trait: its mean intensity each day. */
function traitHistoryFigure(history) {
  if (!history?.length) return noFigure('trait-history', 'Traits by day', 'No day with a trait yet.');
  const traits = [...new Set(history.flatMap((day) => Object.keys(day.traits)))].sort();
  const days = history.map((day) => new Date(`${day.date}T12:00:00Z`).getTime());
  const [first, last] = [days[0], days.at(-1)];
  return drawnFigure(
    'trait-history', 'Traits by day', `mean intensity, 0 to 1, ${history[0].date} to ${history.at(-1).date} (UTC)`,
    `Intensity of ${traits.length} traits on ${days.length} days`,
    (width) => Math.ceil(traits.length / (width < 520 ? 2 : 3)) * 78, (root, width) => {
      const columns = width < 520 ? 2 : 3;
      const [wide, high] = [width / columns, 78];
      traits.forEach((trait, place) => {
        const [left, top] = [(place % columns) * wide, Math.floor(place / columns) * high];
        const box = {left: left + 4, right: left + wide - 14, top: top + 20, bottom: top + high - 8};
        const x = (at) =>
          (first === last ? (box.left + box.right) / 2 :
                            box.left + ((at - first) / (last - first)) * (box.right - box.left));
        const y = (value) => box.bottom - Math.max(0, Math.min(1, value)) * (box.bottom - box.top);
        const points = history.map((day, index) => ({at: days[index], ...day.traits[trait]}))
                         .filter((point) => isNumber(point.intensity));
        root.append(
          label(box.left, top + 13, fitted(trait, wide - 60)),
          label(box.right, top + 13, (points.at(-1)?.intensity ?? 0).toFixed(2), 'muted', 'end'));
        root.append(
          svg('line', {class: 'grid', x1: box.left, x2: box.right, y1: y(0), y2: y(0)}),
          svg('line', {class: 'grid', x1: box.left, x2: box.right, y1: y(1), y2: y(1)}));
        root.append(
          svg('path', {class: 'line', d: linePath(points.map((point) => [x(point.at), y(point.intensity)]))}));
        for (const point of points)
          root.append(titled(
            svg('circle', {class: 'point', cx: x(point.at), cy: y(point.intensity), r: 2}),
            `${trait} on ${new Date(point.at).toISOString().slice(0, 10)}: ${point.intensity.toFixed(3)}, ${
              whole(point.n)} turns`));
      });
    });
}

const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** When the user writes: a square an hour of the week; marks below are the best hours to write first. */
function weekFigure(activity, best) {
  const caption = 'Hours of the week';
  if (activity.refusal) return noFigure('week', caption, `Not shown: ${told(activity.refusal)}`);
  if (activity.hours.length === 0) return noFigure('week', caption, 'The user has not written yet.');
  const most = Math.max(...activity.hours.map((hour) => hour.messages));
  return drawnFigure(
    'week', caption,
    `the user's of the newest ${whole(activity.messages)} messages, UTC; at most ${whole(most)} an hour; triangles: `
      + 'best hours to write first',
    'The user\'s messages by hour of the week', 7 * 18 + 38, (root, width) => {
      const left = 34;
      const wide = (width - left - 4) / 24;
      weekdays.forEach((name, day) => root.append(label(0, day * 18 + 13, name, 'muted')));
      for (let hour = 0; hour < 24; hour += 1) {
        if (hour % (width < 500 ? 6 : 3) === 0)
          root.append(label(left + hour * wide, 7 * 18 + 30, `${hour} h`, 'muted'));
        for (let day = 0; day < 7; day += 1)
          root.append(svg(
            'rect', {class: 'square', x: left + hour * wide + 0.5, y: day * 18 + 1, width: wide - 1, height: 16}));
      }
      for (const hour of activity.hours) {
        root.append(titled(
          svg('rect', {
            class: 'square full',
            'fill-opacity': (0.2 + 0.8 * (hour.messages / most)).toFixed(2),
            x: left + hour.hour * wide + 0.5,
            y: (hour.weekday - 1) * 18 + 1,
            width: wide - 1,
            height: 16
          }),
          `${weekdays[hour.weekday - 1]} ${hour.hour} h UTC: ${whole(hour.messages)} messages`));
      }
      for (const hour of best ?? []) {
        const middle = left + (hour + 0.5) * wide;
        root.append(titled(
          svg('path', {
            class: 'mark',
            d: `M${middle - 4} ${7 * 18 + 12}L${middle + 4} ${7 * 18 + 12}L${middle} ${7 * 18 + 4}Z`
          }),
          `${hour} h UTC is a good hour to write first`));
      }
    });
}
