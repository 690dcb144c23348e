// Jobs and the pairs in quarantine.

const jobStatus = (status) =>
  (status === null ? null :
                     badge(spoken(status), {completed: 'good', completed_with_errors: 'warn'}[status] ?? 'bad'));

async function askJobs() {
  const {jobs} = await ask('/api/v1/admin/jobs');
  fill(
    byId('jobs-table').tBodies[0],
    jobs.map(
      (job) => el(
        'tr', {'data-job': job.job},
        el('th', {scope: 'row'}, el('div', {}, job.job), el('div', {class: 'muted small'}, job.summary)),
        cell(
          'state',
          job.state === 'idle' ? nil('idle') :
                                 badge(
                                   job.state,
                                   job.state === 'running'  ? 'active' :
                                     job.state === 'paused' ? 'warn' :
                                                              '')),
        cell(
          'last run',
          el(
            'span', {},
            job.last_executed_at ? [moment(job.last_executed_at), ' ', jobStatus(job.last_status)] :
                                   el('span', {class: 'muted'}, 'never'),
            job.last_error_message ? el('div', {class: 'small bad'}, job.last_error_message) : null)),
        cell('took', isNumber(job.last_duration_seconds) ? duration(job.last_duration_seconds) : nil(), 'right'),
        cell(
          'next run',
          job.next_at ? el('span', {title: `cron ${job.cron} (${job.time_zone})`}, moment(job.next_at)) :
                        el('span', {class: 'muted'}, job.cron ? 'paused' : 'when needed')),
        cell(
          '',
          el(
            'button', {
              type: 'button',
              class: 'quiet',
              'data-focus': `run ${job.job}`,
              'aria-label': `Run ${job.job} now`,
              onclick: () => runJob(job.job)
            },
            'Run now'),
          'right'))));
}

async function runJob(job) {
  const note = byId('jobs-note');
  if (!await haveKey()) return;
  await order(note, pathOf('/api/v1/admin/tasks/', job, '/trigger'), {
    shownBy: [jobsPoll, historyPoll],
    seconds: 60,
    done: (answer) => `${job} is in the queue as job ${answer.job_id}` +
      (answer.scheduler_running ? '; it starts in a moment.' :
                                  ', but this worker runs no jobs (--no-jobs): another has to.'),
    failed: `${job} was not run`
  });
}

async function askHistory() {
  const {tasks} = await ask('/api/v1/admin/tasks/history?limit=25');
  fill(
    byId('history-table').tBodies[0],
    tasks.length === 0 ?
      el(
        'tr', {},
        el('td', {colspan: 7, class: 'muted'}, 'No job has run yet; those with a schedule come by themselves.')) :
      tasks.map(
        (task) => el(
          'tr', {}, el('th', {scope: 'row'}, task.task_name), cell('ended', moment(task.executed_at)),
          cell('status', jobStatus(task.status)), cell('took', duration(task.duration_seconds), 'right'),
          cell('users', whole(task.users_processed), 'right'),
          cell('records', whole(task.records_processed), 'right'), cell('error', task.error_message ?? ''))));
}

async function askQuarantine() {
  const body = byId('quarantine-body');
  const count = state.overview?.quarantined;
  byId('quarantine-count').textContent = isNumber(count) ? whole(count) : '';
  if (!server.key) {
    fill(
      body,
      count === 0 ? empty('No pair is in quarantine: all were processed.') :
                    keyNeeded('which pairs could not be processed'));
    return;
  }
  let found;
  try {
    found = await ask('/api/v1/admin/quarantine?limit=200', {withKey: true});
  } catch (refusal) {
    if (refusal.isAboutKey) {
      fill(body, keyNeeded('which pairs could not be processed'));
      return;
    }
    throw refusal;
  }
  if (found.count === 0) {
    fill(body, empty('No pair is in quarantine: all were processed.'));
    return;
  }
  fill(
    body,
    el(
      'div', {class: 'scroll'},
      el(
        'table', {class: 'stacked', id: 'quarantine-table'},
        el('caption', {class: 'hidden'}, 'Pairs that could not be processed'),
        el(
          'thead', {},
          el(
            'tr', {},
            ...['bot', 'user', 'reason', 'tries', 'last failed', 'next try'].map(
              (name) => el('th', {scope: 'col', class: name === 'tries' ? 'right' : null}, name)),
            el('th', {scope: 'col'}, el('span', {class: 'hidden'}, 'action')))),
        el(
          'tbody', {},
          found.pairs.map(
            (pair) => el(
              'tr', {}, cell('bot', foreign(pair.bot_name), 'name'), cell('user', foreign(pair.user_id), 'name'),
              cell('reason', el('span', {}, spoken(pair.reason), el('div', {class: 'small muted'}, pair.error))),
              cell('tries', whole(pair.attempts), 'right'), cell('last failed', moment(pair.last_failed_at)),
              cell('next try', moment(pair.next_attempt_at)),
              cell(
                '',
                el(
                  'button', {
                    type: 'button',
                    class: 'quiet',
                    'data-focus': `retry ${pair.bot_name}\n${pair.user_id}`,
                    onclick: () => retryPair(pair)
                  },
                  'Retry'),
                'right')))))),
    count > found.count ?
      el('p', {class: 'muted'}, `The first ${whole(found.count)}; \`afterthought quarantine\` lists all.`) :
      '');
}

async function retryPair(pair) {
  const note = byId('quarantine-note');
  const text = [
    'The next cycle tries ', foreign(pair.user_id), ' with ', foreign(pair.bot_name),
    ' again, from the pair\'s whole history. If the cause is still there, the pair comes back here.'
  ];
  if (!await confirmed('Retry this pair?', text, 'Retry') || !await haveKey()) return;
  await order(note, pathOf('/api/v1/admin/quarantine/', pair.bot_name, '/', pair.user_id, '/retry'), {
    shownBy: [quarantinePoll],
    seconds: 30,
    done: () => 'The next cycle tries it again.',
    failed: 'It was not retried'
  });
}
