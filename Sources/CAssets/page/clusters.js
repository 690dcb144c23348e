// What conversations are about: where the clustering stands, and its clusters as a picture.

const fact = (name, value) => el('div', {class: 'fact'}, el('span', {class: 'muted'}, name), ' ', value);

async function askClustering() {
  const now = await ask('/api/clustering/background-status');
  const run = now.latest_clustering_run;
  const is = now.clustering_in_progress ? badge('running', 'active') :
    now.enabled                         ? el('span', {}, 'idle') :
                                          badge('turned off', 'warn');
  fill(
    byId('clusters-status'), fact('state', is), fact('messages not in it yet', whole(now.unprocessed_messages)),
    fact(
      'last run',
      run ? el(
              'span', {}, run.finished_at ? moment(run.finished_at) : `${percent(run.progress)} done`, ' ',
              jobStatus(run.status)) :
                                            'never'),
    run?.finished_at ? fact('took', duration((new Date(run.finished_at) - new Date(run.started_at)) / 1000)) : null,
    run && isNumber(run.conversations) ? fact('conversations', whole(run.conversations)) : null,
    run?.trigger_reason ? fact('because', run.trigger_reason) : null,
    now.should_trigger_clustering ? fact('next', now.trigger_reason ?? 'due') : null,
    run?.error_message ? el('div', {class: 'bad small'}, run.error_message) : null);
  byId('force-button').disabled = now.clustering_in_progress;
}

async function forceClustering() {
  const note = byId('clusters-note');
  if (!await haveKey()) return;
  if (
    !await confirmed(
      'Cluster everything anew?',
      'All conversations are looked at again; that takes seconds to minutes. Clusters that stay alike keep their ids.',
      'Cluster anew'))
    return;
  await order(note, '/api/clustering/background-force', {
    shownBy: [clusteringPoll],
    seconds: 60,
    done: (answer) => `In the queue as job ${answer.job_id}.`,
    failed: 'It was not started'
  });
}

let shownClusters = '';

async function askClusters() {
  const body = byId('clusters-body');
  if (!server.key) {
    shownClusters = '';
    fill(body, keyNeeded('what conversations are about'));
    return;
  }
  let found;
  try {
    found = await ask('/api/v1/clusters?limit=200', {withKey: true});
  } catch (refusal) {
    shownClusters = '';
    if (refusal.isAboutKey) {
      fill(body, keyNeeded('what conversations are about'));
      return;
    }
    throw refusal;
  }
  const text = JSON.stringify(found);
  if (text === shownClusters) return;
  shownClusters = text;
  const {clusters} = found;
  if (clusters.length === 0) {
    fill(
      body,
      empty(
        'There are no clusters yet. They come by themselves once there are two conversations; or cluster anew.'));
    return;
  }
  const picture = el('div', {class: 'chart', id: 'cluster-map'});
  const size = (cluster) => whole(cluster.conversations);
  body.replaceChildren(el(
    'div', {class: 'split'},
    el(
      'figure', {}, picture,
      el(
        'figcaption', {class: 'muted small plain-text'},
        'The two directions in which clusters differ most; areas are conversations. Distances are rough. ',
        found.computed_at ? ['Computed ', moment(found.computed_at), '.'] : '')),
    el(
      'div', {class: 'scroll'},
      el(
        'table', {id: 'cluster-table'}, el('caption', {class: 'hidden'}, 'Clusters, the largest first'),
        el(
          'thead', {},
          el(
            'tr', {}, el('th', {scope: 'col'}, 'cluster'), el('th', {scope: 'col', class: 'right'}, 'conversations'),
            el(
              'th',
              {scope: 'col', class: 'right', title: 'how much closer to its own cluster than to the next: −1…1'},
              'silhouette'),
            el('th', {scope: 'col'}, 'keywords'))),
        el(
          'tbody', {},
          clusters.slice(0, 60).map(
            (cluster) => el(
              'tr', {}, el('th', {scope: 'row'}, foreign(cluster.label)), cell('', size(cluster), 'right'),
              cell('', cluster.silhouette.toFixed(2), 'right'),
              cell(
                '',
                el(
                  'bdi', {class: 'muted'},
                  cluster.keywords.map((keyword) => keyword?.term ?? keyword).join(', '))))))))));
  draw(
    picture, `${clusters.length} clusters of conversations`,
    (width) => (isLine(clusters) ? 130 : Math.min(360, Math.max(220, width * 0.6))),
    (root, width, height) => paintClusters(root, width, height, clusters));
}

/** Two clusters differ in one direction only. */
const isLine = (clusters) => clusters.every((cluster) => Math.abs(cluster.y) < 1e-6);

function paintClusters(root, width, height, clusters) {
  const most = Math.max(...clusters.map((cluster) => cluster.conversations), 1);
  const largest = Math.min(30, width / 12);
  const pad = {x: largest + 34, y: largest + 20};
  const isFlat = isLine(clusters);
  const place = clusters.map((cluster) => ({
                               x: pad.x + ((cluster.x + 1) / 2) * (width - 2 * pad.x),
                               y: isFlat ? height / 2 : pad.y + ((1 - cluster.y) / 2) * (height - 2 * pad.y),
                               radius: Math.max(4, largest * Math.sqrt(cluster.conversations / most)),
                             }));
  root.append(
    svg('line', {class: 'grid', x1: 8, x2: width - 8, y1: height / 2, y2: height / 2}),
    svg('line', {class: 'grid', x1: width / 2, x2: width / 2, y1: 8, y2: height - 8}));
  const taken = [];
  clusters.forEach((cluster, index) => {
    const {x, y, radius} = place[index];
    root.append(titled(
      svg('circle', {class: 'blob', cx: x, cy: y, r: radius}),
      `${cluster.label}: ${whole(cluster.conversations)} conversations, silhouette ${
        cluster.silhouette.toFixed(2)}`));
  });
  // The largest are named first; a name that would lie on another is left to the table.
  clusters.forEach((cluster, index) => {
    const {x, y, radius} = place[index];
    const text = fitted(cluster.label, Math.min(170, width / 2.4));
    const half = text.length * 3.3;
    const at = Math.min(Math.max(x, half + 4), width - half - 4);
    const box = {left: at - half, right: at + half, top: y + radius + 2, bottom: y + radius + 18};
    if (
      box.bottom > height ||
      taken.some(
        (other) =>
          box.left < other.right && other.left < box.right && box.top < other.bottom && other.top < box.bottom))
      return;
    taken.push(box);
    root.append(label(at, y + radius + 14, text, '', 'middle'));
  });
}
