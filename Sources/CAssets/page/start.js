// What asks when, and what the controls on top do.

const themes = ['auto', 'light', 'dark'];

function setTheme(theme) {
  if (theme === 'auto') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.setAttribute('data-theme', theme);
  const button = byId('theme-button');
  button.textContent = theme[0].toUpperCase() + theme.slice(1);
  button.setAttribute('aria-label', `Colors: ${theme === 'auto' ? 'as the system has them' : theme}`);
}

function startTheme() {
  let theme = localStorage.getItem('afterthought-theme') ?? 'auto';
  if (!themes.includes(theme)) theme = 'auto';
  setTheme(theme);
  byId('theme-button').addEventListener('click', () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    localStorage.setItem('afterthought-theme', theme);
    setTheme(theme);
  });
}

poll(5, askOverview);
poll(60, askSamples);
poll(15, askEngines);
const jobsPoll = poll(10, askJobs);
const historyPoll = poll(30, askHistory);
const quarantinePoll = poll(15, askQuarantine);
const clusteringPoll = poll(10, askClustering);
poll(60, askClusters);

startTheme();
startKeyDialog();
startPair();
byId('force-button').addEventListener('click', forceClustering);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) askForAll();
});
setInterval(() => {
  if (document.hidden) return;
  if (Date.now() < quickUntil) {
    for (const entry of [jobsPoll, historyPoll, quarantinePoll, clusteringPoll])
      entry.dueAt = Math.min(entry.dueAt, Date.now() + 1500);
  }
  pollDue();
  refreshAges();
  showState();
}, 1000);
pollDue();
byId('footer-note').textContent = `times in ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
