"""Looks at the page of a worker as a person would; see `check`."""

import json
import pathlib
import re
import signal
import sys
import urllib.error
import urllib.parse

from browser import Browser, until
from worker import Worker

WORK, OUT, PORT = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
KEY = (WORK / "key").read_text().strip()
EVIL = "<img src=x onerror=alert(1)>"
MIXED = "مستخدم 🌊 \u202eabc"
failures = 0


def judge(what, is_good, more=""):
    global failures
    failures += not is_good
    print(("PASS " if is_good else "FAIL ") + what + (f": {more}" if more and not is_good else ""), flush=True)


def plant(worker):
    """Names that would be markup, and text that runs from right to left, wherever the page shows some."""
    worker.sql(f"""
        insert into afterthought.messages (user_id, bot_name, role, content, conversation_id, created_at)
        select '{MIXED}', '{EVIL}', case when n % 2 = 1 then 'user' else 'bot' end,
            'We sailed across the lake and talked about boats, wind and the harbour, part ' || n, 'c' || n / 10,
            now() - (60 - n) * interval '37 minutes'
        from generate_series(1, 60) as n""")
    path = "/api/v1/cache/" + "/".join(urllib.parse.quote(name, safe="") for name in [EVIL, MIXED])

    def is_there():
        try:
            return worker.ask(path)
        except urllib.error.HTTPError:
            return None

    until(is_there, "the planted pair to be processed")

    def is_clustered():
        status = worker.ask("/api/clustering/background-status")
        run = status["latest_clustering_run"]
        return status["unprocessed_messages"] == 0 and run is not None and run["status"] == "completed"

    until(is_clustered, "clusters of all messages", 240)
    worker.sql(f"""
        update afterthought.conversation_clusters set label = '{EVIL} 🌊'
        where (run_id, cluster_id) in (
            select run_id, min(cluster_id) from afterthought.conversation_clusters group by run_id);
        insert into afterthought.quarantine
            (shard, bot_name, user_id, reason, error, attempts, next_attempt_at)
        values (afterthought.shard_of('{MIXED}', '{EVIL}'), '{EVIL}', '{MIXED}', 'write_refused', '{EVIL}', 3,
            now() + interval '1 day');
        insert into afterthought.message_analysis (
            message_id, bot_name, user_id, concepts, emotion, dominant_emotion, valence, arousal, engine_version,
            config_hash, null_reason)
        select id, bot_name, user_id, '[]', '{{}}', '{EVIL}', sin(id), 0.4, 1, 'x', 'planted'
        from afterthought.messages where bot_name = '{EVIL}' and role = 'user'""")


def opened(browser, worker, width=1400, scheme="light", key=KEY):
    page = browser.open()
    page.size(width, 900, scheme)
    page.go(worker.url + "/")
    if key:
        page.get(f"sessionStorage.setItem('afterthought-admin-key', {json.dumps(key)})")
        page.go(worker.url + "/?again")
    page.wait("document.querySelectorAll('#jobs-table tbody tr').length > 5", "the jobs")
    page.wait("document.querySelectorAll('#engines-table tbody tr').length > 5", "the engines")
    page.wait("document.querySelectorAll('#tiles .tile').length > 5", "the tiles")
    return page


def quiet(page, worker, what):
    judge(f"{what}: no error, no violation, no dialog", not page.faults, page.faults)
    foreign = [url for url in page.requests if not url.startswith((worker.url + "/", "data:", "about:"))]
    judge(f"{what}: nothing is asked of another place", not foreign, foreign)
    judge(f"{what}: no text became markup", page.get("document.querySelectorAll('img, iframe, object').length") == 0)


def plain(text):
    return re.sub(r"[^0-9]", "", text or "")


def figures(page, worker):
    def tile(key):
        return page.text(f"[data-figure={key}] .tile-value")

    now = worker.ask("/api/v1/admin/overview?samples=0")
    page.wait(f"document.querySelector('[data-figure=quarantined] .tile-value').textContent === "
              f"'{now['quarantined']}'", "the planted pair to be counted")
    judge("tiles have the figures of the API", [plain(tile("shards_fresh"))[:2], tile("workers"), tile("quarantined")]
          == [str(now["shards_fresh"]), str(now["workers"]), str(now["quarantined"])],
          [tile(key) for key in ["shards_fresh", "workers", "quarantined"]])
    day = sum(hour["messages"] for hour in now["messages_by_hour"])
    page.wait(f"document.querySelector('[data-figure=messages_day] .tile-value').textContent.replace(/\\D/g, '') === "
              f"'{day}'", "messages of the day", 150)
    judge("the day's messages are those of the API", True)
    engines = worker.ask("/api/v1/admin/engines")
    shown = page.get("""[...document.querySelectorAll('#engines-table tbody tr')].map((row) =>
        [row.dataset.engine, row.cells[1].textContent, row.cells[4].textContent])""")
    messages = engines["messages_processed_day"]
    wanted = [[engine["name"], engine["seconds_day"] / messages * 1e6, engine["null_ratio"]]
              for engine in engines["engines"]]
    judge("engines have their time", all(
        abs(float(row[1].replace(",", "")) - want[1]) <= 0.006 * want[1] + 1e-9 for row, want in zip(shown, wanted))
        and len(shown) == len(wanted) and messages > 0, [shown, wanted])
    judge("engines have their nulls", all(
        row[2] == "–" if want[2] is None else abs(float(row[2].split()[0]) - want[2] * 100) <= 0.51
        for row, want in zip(shown, wanted)) and any(want[2] is not None for want in wanted), [shown, wanted])
    jobs = {job["job"]: job for job in worker.ask("/api/v1/admin/jobs")["jobs"]}
    rows = page.get("""[...document.querySelectorAll('#jobs-table tbody tr')].map((row) =>
        [row.dataset.job, row.cells[2].textContent, row.querySelector('td[data-label="next run"] time')?.dateTime])""")
    judge("jobs have their last and next runs", len(rows) == len(jobs) and all(
        (jobs[name]["last_executed_at"] is None) == (last == "never") and (next_at or None) == jobs[name]["next_at"]
        for name, last, next_at in rows), rows)
    page.wait("document.querySelectorAll('#hours-chart .column').length > 0", "the chart of hours")
    judge("hours of messages are drawn", page.get("document.querySelectorAll('#hours-chart .column').length")
          == len(now["messages_by_hour"]))
    clusters = worker.ask("/api/v1/clusters")["clusters"]
    page.wait("document.querySelectorAll('#cluster-map .blob').length > 0", "the clusters")
    judge("clusters are drawn and listed", page.get(
        "[document.querySelectorAll('#cluster-map .blob').length, "
        "[...document.querySelectorAll('#cluster-table tbody th')].map((head) => head.textContent)]")
        == [len(clusters), [cluster["label"] for cluster in clusters]])
    judge("a cluster's name is text", any(EVIL in cluster["label"] for cluster in clusters))


def keys(browser, worker):
    page = opened(browser, worker, key=None)
    page.wait("document.querySelector('#quarantine-body button') !== null", "the offer to enter a key")
    page.click("#key-button")
    page.type("#key-input", "not-the-right-key-at-all")
    page.key("Enter", 13)
    page.wait("document.querySelector('#key-problem').textContent.includes('not the right one')", "a word on the key")
    judge("a wrong key is said and forgotten", page.get("sessionStorage.getItem('afterthought-admin-key')") is None)
    page.type("#key-input", KEY)
    page.key("Enter", 13)
    page.wait("!document.querySelector('#key-dialog').open", "the dialog to close")
    page.wait("document.querySelectorAll('#quarantine-table tbody tr').length > 0", "the quarantine")
    judge("the right key shows what it is for, and is kept in the session alone", page.get(
        "[sessionStorage.length, localStorage.length, document.cookie, location.href.includes('key')]")
        == [1, 0, "", False])
    quiet(page, worker, "keys")
    page.close()


def runs(page, worker):
    before = worker.ask("/api/v1/admin/tasks/history?limit=1000")["tasks"]
    page.click("tr[data-job=insight_cleanup] button")
    page.wait("document.querySelector('#jobs-note').textContent.includes('in the queue')", "a word on the job")

    def ran():
        tasks = worker.ask("/api/v1/admin/tasks/history?limit=1000")["tasks"]
        return [task for task in tasks if task["task_name"] == "insight_cleanup" and task not in before]

    done = until(ran, "the job's run")
    judge("run now makes a run", done[0]["status"] == "completed", done)
    page.wait("document.querySelector('tr[data-job=insight_cleanup]').textContent.includes('completed')", "its end")
    judge("its end is shown", True)


def retries(page, worker):
    cells = page.get("[...document.querySelectorAll('#quarantine-table tbody tr')].map((row) => "
                     "[row.cells[0].textContent, row.cells[1].textContent, row.cells[2].textContent])")
    judge("a pair in quarantine is shown as text", [EVIL, MIXED] in [cell[:2] for cell in cells]
          and EVIL in cells[0][2], cells)
    page.picture(OUT / "quarantine-planted.png", "#quarantine")
    page.click("#quarantine-table tbody tr button")
    page.wait("document.querySelector('#confirm-dialog').open", "the question")
    page.click("#confirm-dialog button[value=no]")
    page.wait("!document.querySelector('#confirm-dialog').open", "the dialog to close")
    audit = "select count(*) from afterthought.operations_audit where action = 'retry_quarantined' and status = 202"
    judge("who does not confirm changes nothing", worker.sql(audit) == "0")
    page.click("#quarantine-table tbody tr button")
    page.wait("document.querySelector('#confirm-dialog').open", "the question")
    page.click("#confirm-yes")
    until(lambda: worker.sql("select count(*) from afterthought.quarantine") == "0", "the pair to leave quarantine")
    page.wait("document.querySelector('#quarantine-body').textContent.includes('No pair is in quarantine')", "that")
    judge("a pair is retried and leaves quarantine", worker.sql(audit) == "1")


DRAWINGS = {"memories": ".bar-front", "forgetting": "path.line", "topics": "rect.column", "transitions": "path.arc",
            "emotions": "circle", "traits": "circle", "trait-history": "path.line", "week": "rect.full"}


def look_up(page, bot, user):
    page.get("document.querySelector('#pair-body').replaceChildren()")
    page.type("#pair-bot", bot)
    page.type("#pair-user", user)
    page.click("#pair-form button")
    page.wait(f"document.querySelector('#pair-body h3')?.textContent === {json.dumps(user + ' with ' + bot)}", "a pair")
    page.wait("document.querySelectorAll('[data-drawing] svg').length > 3", "drawings")


def pairs(page, worker, bot, user):
    path = "/".join(urllib.parse.quote(name, safe="") for name in [bot, user])
    look_up(page, bot, user)
    data = worker.ask("/api/v1/cache/" + path)
    rows = page.get("Object.fromEntries([...document.querySelectorAll('[data-signal]')].map((row) => "
                    "[row.dataset.signal, row.cells[1].textContent]))")
    columns = {name: value for key, group in data["signals"].items() for name, value in group.items()
               if key != "character_performance" or name.endswith(("_avg", "_index", "_trend", "_anomalies"))}
    columns.pop("personality_consistency_score_avg", None)
    judge("every signal of a pair is shown", set(columns) <= set(rows), set(columns) - set(rows))
    nulls = {name: rows[name] for name, value in columns.items() if value is None and name in rows}
    judge("what is null says why", all(text.startswith("null ") and len(text) > 8 for text in nulls.values()), nulls)
    words = columns["optimal_response_length"]
    judge("numbers are those of the API", words is None or rows["optimal_response_length"] == f"{words} words", rows)
    unvalidated = page.get("[...document.querySelectorAll('#pair .group .badge')].map((badge) => badge.textContent)")
    judge("what is unvalidated says so", len([text for text in unvalidated if "unvalidated" in text]) > 0)
    empty = [name for name, mark in DRAWINGS.items() if name != "emotions"
             and page.get(f"document.querySelectorAll('[data-drawing={name}] {mark}').length") == 0]
    judge("drawings are there", not empty, empty)
    hours = worker.ask("/api/v1/activity/" + path)["hours"]
    judge("the hours of the week are those of the API", page.get(
        "document.querySelectorAll('[data-drawing=week] rect.full').length") == len(hours))
    page.click("[data-signal=predicted_switch_likelihood] .explain")
    page.wait("document.querySelector('#explain-dialog .explanation') !== null", "an explanation")
    explained = page.text("#explain-body")
    judge("explain opens with formula, inputs and verdict", all(
        part in explained for part in ["switch_logit", "formula", "rows", "equal to what the cache has"]), explained)
    page.key("Escape", 27)
    page.wait("!document.querySelector('#explain-dialog').open", "the dialog to close")
    page.click("[data-signal=engagement_score_avg] .explain")
    page.wait("document.querySelector('#explain-dialog .explanation') !== null", "an explanation")
    page.key("Escape", 27)
    page.wait("!document.querySelector('#explain-dialog').open", "the dialog to close")


def strange(page, worker):
    # Not before the pair was retried, which writes its row anew.
    worker.sql(f"""
        update afterthought.strategic_cache
        set recent_topics = replace(recent_topics::text, recent_topics -> 0 ->> 'topic', '{EVIL}')::jsonb
        where bot_name = '{EVIL}'""")
    look_up(page, EVIL, MIXED)
    topics = page.get("[...document.querySelectorAll('[data-drawing=topics] title')].map((title) => title.textContent)")
    judge("a topic's name is text", any(EVIL in text for text in topics), topics)
    judge("emotions are drawn where they are kept", page.get(
        "document.querySelectorAll('[data-drawing=emotions] circle').length") == 30)
    worker.sql(f"update afterthought.strategic_cache set stale_reason = 'quarantined' where bot_name = '{EVIL}'")
    look_up(page, EVIL, MIXED)
    head = page.text(".pair-head")
    judge("what is stale shows its age and why",
          bool(re.search(r"stale, .* old", head)) and "quarantined" in head, head)
    page.picture(OUT / "pair-strange.png", "#pair")
    page.type("#pair-user", "nobody of this name")
    page.click("#pair-form button")
    page.wait("document.querySelector('#pair-note').textContent.includes('Nothing is known')", "that nobody is there")
    judge("a pair that is not there is said", page.text("#pair-body") == "")


def narrow_and_wide(browser, worker, bot, user):
    for width in [390, 1400]:
        for scheme in ["light", "dark"]:
            page = opened(browser, worker, width, scheme)
            page.wait("document.querySelector('#cluster-map svg') !== null", "the clusters")
            look_up(page, bot, user)
            page.get("document.querySelector('#history').open = true")
            wide = page.get("[document.documentElement.scrollWidth, innerWidth]")
            judge(f"{width} px {scheme}: no scrolling to the side", wide[0] <= wide[1], wide)
            # Rectangles of letters are at least 11 px high where there are any.
            small = page.get("""[...document.querySelectorAll('main *')].filter((element) =>
                element.children.length === 0 && element.textContent.trim()
                && parseFloat(getComputedStyle(element).fontSize) < 11).length""")
            judge(f"{width} px {scheme}: letters of 11 px or more", small == 0, small)
            background = page.get("getComputedStyle(document.body).backgroundColor")
            is_dark = sum(int(part) for part in re.findall(r"\d+", background)[:3]) < 200
            judge(f"{width} px {scheme}: the scheme is followed", is_dark == (scheme == "dark"), background)
            page.get("document.querySelector('.top').style.position = 'static'")
            page.picture(OUT / f"page-{width}-{scheme}.png")
            for section in ["now", "engines", "jobs", "quarantine", "clusters", "pair"]:
                page.picture(OUT / f"{section}-{width}-{scheme}.png", f"#{section}")
            page.click("[data-signal=memory_snapshot] .explain")
            page.wait("document.querySelector('#explain-dialog .explanation') !== null", "an explanation")
            page.screen(OUT / f"explain-{width}-{scheme}.png")
            quiet(page, worker, f"{width} px {scheme}")
            if (width, scheme) == (1400, "dark"):
                page.key("Escape", 27)
                page.click("#theme-button")
                judge("the colors can be chosen", page.get(
                    "[document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor]")
                    == ["light", "rgb(246, 247, 248)"])
            page.close()


def accessible(page):
    nameless = page.get("""[...document.querySelectorAll('button, input, table, svg, dialog, section')].filter(
        (element) =>
        !(element.getAttribute('aria-label') || element.getAttribute('aria-labelledby') || element.textContent.trim()
            || element.labels?.length || element.caption || element.closest('[data-group]'))).map((element) =>
        element.outerHTML.slice(0, 80))""")
    judge("controls, tables and drawings have names", not nameless, nameless)
    levels = page.get("[...document.querySelectorAll('main h2, main h3, main h4')].map((head) => +head.tagName[1])")
    judge("headings follow each other", all(after - before <= 1 for before, after in zip(levels, levels[1:])), levels)
    reached = []
    page.get("document.activeElement.blur()")
    for _ in range(12):
        page.key("Tab", 9)
        reached.append(page.get("(document.activeElement.id || document.activeElement.textContent).slice(0, 20)"))
    judge("the keyboard reaches what there is", len(set(reached)) >= 10, reached)


def hides(page):
    page.get("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.get("new Promise((resolve) => setTimeout(resolve, 2000))")
    before = len(page.requests)
    page.get("new Promise((resolve) => setTimeout(resolve, 7000))")
    judge("nothing is asked while the page is hidden", len(page.requests) == before)
    page.get("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    page.get("new Promise((resolve) => setTimeout(resolve, 1000))")
    judge("it asks again once it is seen", len(page.requests) > before)


def database_goes_away(page, worker):
    worker.sql("alter database afterthought allow_connections false", "postgres")
    worker.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'afterthought'", "postgres")
    page.wait("document.querySelector('#alarm').textContent.includes('expected a database that answers')",
              "a word on the database being away")
    judge("a database that is away is said", page.text("#state-text") == "not reached")
    worker.sql("alter database afterthought allow_connections true", "postgres")
    page.wait("document.querySelector('#alarm').hidden", "it to be back")
    judge("a database that is back is said", page.text("#state-text") != "not reached")


def goes_away(page, worker):
    worker.stop(signal.SIGKILL)
    page.wait("!document.querySelector('#alarm').hidden && document.querySelector('#alarm').textContent"
              ".includes('does not answer')", "a word on the worker being away")
    judge("a worker that is away is said", page.text("#state-text") == "not reached")
    page.picture(OUT / "away-1400-light.png")
    again = Worker(WORK, worker.folder, worker.port)
    page.wait("document.querySelector('#alarm').hidden", "it to be back")
    judge("a worker that is back is said", page.text("#state-text") != "not reached")
    return again


def nothing_there(browser):
    worker = Worker(WORK, "empty", PORT + 1, has_key=False)
    page = opened(browser, worker, key=None)
    page.wait("document.querySelector('#start-hint').textContent.includes('record_message')", "what to do first")
    judge("an empty database says what to do next", True)
    page.click("#key-button")
    page.type("#key-input", "any-key-of-enough-letters")
    page.key("Enter", 13)
    page.wait("document.querySelector('#key-problem').textContent.includes('without a key')", "that there is no key")
    page.click("#key-cancel")
    page.wait("document.querySelector('#clusters-body').textContent.includes('AFTERTHOUGHT_ADMIN_KEY')", "how to")
    judge("without a key the page says how to turn it on", True)
    page.picture(OUT / "empty-1400-light.png")
    quiet(page, worker, "empty")
    page.close()
    worker.stop()


def main():
    worker = Worker(WORK, "server", PORT)
    browser = Browser("chromium")
    try:
        bot, user = worker.sql(
            "select bot_name || '|' || user_id from afterthought.strategic_cache "
            "order by messages_reflected desc limit 1"
        ).split("|")
        plant(worker)
        page = opened(browser, worker)
        figures(page, worker)
        keys(browser, worker)
        page.front()
        runs(page, worker)
        retries(page, worker)
        pairs(page, worker, bot, user)
        accessible(page)
        strange(page, worker)
        page.wait("document.querySelector('#lag-chart path.line') !== null", "the line of the lag", 150)
        judge("lag and freshness over the day are drawn", page.get(
            "document.querySelectorAll('#fresh-chart path.line, #processed-chart path.line').length") == 2)
        narrow_and_wide(browser, worker, bot, user)
        page.front()
        hides(page)
        quiet(page, worker, "the page all along")
        database_goes_away(page, worker)
        worker = goes_away(page, worker)
        nothing_there(browser)
    finally:
        browser.close()
        worker.process.kill()
    print(f"PASS page; the pictures are in {OUT}" if failures == 0 else f"FAIL page: {failures}")
    sys.exit(failures > 0)


main()
