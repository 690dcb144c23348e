"""The live part of Tests/metrics/check: a worker, a Prometheus that scrapes it, and faults that raise alerts."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM, PROMETHEUS, PROMTOOL = (os.environ[name] for name in ("AFTERTHOUGHT", "PROMETHEUS", "PROMTOOL"))
PATIENCE_SECONDS = 300
RULES = os.path.join(HERE, "docker/prometheus/afterthought.rules.yml")


def say(text):
    print(f"metrics-check: {text}", flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url, data=None):
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=10) as answer:
        return answer.read().decode()


def wait(what, look, fits=bool):
    """Looks again and again until what is found fits, and returns it."""
    end = time.monotonic() + PATIENCE_SECONDS
    found = None
    while time.monotonic() < end:
        try:
            found = look()
            if fits(found):
                return found
        except OSError as error:
            found = error
        time.sleep(0.5)
    raise SystemExit(f"expected {what} within {PATIENCE_SECONDS} s, got: {found}")


class Scene:
    """Everything that runs, to be ended in any case."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="afterthought-metrics-")
        os.chmod(self.folder, 0o755)
        self.processes = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, name, *command, **environment):
        log = open(self.path(name + ".log"), "wb")
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **environment})
        self.processes.append(process)
        return process

    def end(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        subprocess.run(
            [PROGRAM, "demo", "--stop", "--data-folder", self.path("server")], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def shortened(rules):
    """The same rules with seconds for minutes; the expressions stay as they are but for their thresholds of time."""
    text = re.sub(r"for: \d+m", "for: 2s", rules)
    text = text.replace("interval: 30s", "interval: 2s")
    text, stuck = re.subn(r"> 600\b", "> 30", text)
    text, lag = re.subn(r"(watermark_lag_seconds:now) > 300\b", r"\1 > 30", text)
    if (stuck, lag) != (1, 1):
        raise SystemExit(f"expected the thresholds of one rule each in {RULES}, got: {stuck} and {lag}")
    return text


def start_worker(scene, url):
    """Starts the worker and returns its process and the port that gives its metrics."""
    words = [PROGRAM, "worker", "--database-url", url, "--cycle-seconds", "1", "--metrics-seconds", "1"]
    words += ["--job-poll-seconds", "1", "--audit-seconds", "1"]
    port = free_port()
    return scene.start("worker", *words, "--http-port", str(port)), port


class Client:
    def __init__(self, port):
        self.base = f"http://127.0.0.1:{port}/api/v1/"

    def ask(self, path, **query):
        answer = json.loads(fetch(self.base + path + "?" + urllib.parse.urlencode(query)))
        return answer["data"]

    def value(self, expression):
        """The only value of an expression; None without one."""
        result = self.ask("query", query=expression)["result"]
        return float(result[0]["value"][1]) if len(result) == 1 else None

    def firing(self):
        return {
            alert["labels"]["alertname"]
            for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"
        }


def names(text):
    """The sample names of an exposition."""
    return {re.match(r"[a-zA-Z_:][a-zA-Z0-9_:]*", line).group() for line in text.splitlines() if line[:1] not in "#"}


def check_scrape(client, port):
    text = fetch(f"http://127.0.0.1:{port}/metrics")
    subprocess.run([PROMTOOL, "check", "metrics"], input=text, text=True, check=True, stdout=subprocess.DEVNULL)
    stored = set(client.ask("label/__name__/values"))
    lost = names(text) - stored
    if lost:
        raise SystemExit(f"expected Prometheus to store every sample, got: none of {sorted(lost)}")
    faulty = [
        (rule["name"], rule.get("lastError"))
        for group in client.ask("rules")["groups"] for rule in group["rules"] if rule["health"] == "err"
    ]
    if faulty:
        raise SystemExit(f"expected every rule to be evaluated, got: {faulty}")
    users = [line for line in text.splitlines() if "a user of this check" in line]
    if users:
        raise SystemExit(f"expected no user in a label, got: {users}")
    say(f"scraped: {len(names(text))} names, {len(text.splitlines())} lines, all stored; every rule is evaluated")


def check_dashboard(client, url):
    """Every query of every panel, as Grafana would ask it: Prometheus and PostgreSQL take it."""
    with open(os.path.join(HERE, "docker/grafana/dashboards/afterthought.json")) as file:
        panels = json.load(file)["panels"]
    targets = [(panel["title"], target) for panel in panels for target in panel.get("targets", [])]
    silent, asked = [], 0
    for title, target in targets:
        if "rawSql" in target:
            sql = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 between now() - interval '1 day' and now()", target["rawSql"])
            psql(url, "set role afterthought_monitor; " + sql)
            continue
        asked += 1
        expression = target["expr"].replace('job=~"$job"', 'job=~"afterthought"').replace("$__rate_interval", "1m")
        if not client.ask("query", query=expression)["result"]:
            silent.append(title)
    say(f"dashboard: {asked} expressions and {len(targets) - asked} statements taken; without data now: {silent}")
    # Bots count their reads in their own processes, a model is not configured, and nobody fails.
    allowed = {"Reads a second", "Age of answers", "Time of reads"}
    if set(silent) - allowed:
        raise SystemExit(f"expected data in every panel of a worker, got: none in {sorted(set(silent) - allowed)}")


def psql(url, sql):
    return subprocess.run(
        ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", url, "-c", sql], capture_output=True, text=True,
        check=True).stdout.strip()


def raise_alert(client, name, inject, release):
    if name in client.firing():
        raise SystemExit(f"expected {name} to be quiet before the fault, got: firing")
    start = time.monotonic()
    inject()
    wait(f"{name} to fire", client.firing, lambda firing: name in firing)
    fired = time.monotonic() - start
    if release is None:
        say(f"{name}: fired {fired:.0f} s after the fault")
        return
    start = time.monotonic()
    release()
    wait(f"{name} to end", client.firing, lambda firing: name not in firing)
    say(f"{name}: fired {fired:.0f} s after the fault, ended {time.monotonic() - start:.0f} s after it was over")


def main():
    # As an interrupt from the keyboard: what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    scene = Scene()
    try:
        play(scene)
    except BaseException:
        for name in ("worker", "prometheus"):
            path = scene.path(name + ".log")
            if os.path.exists(path):
                with open(path, errors="replace") as log:
                    sys.stderr.write(f"--- {name}\n" + "".join(log.readlines()[-20:]))
        raise
    finally:
        scene.end()
    say("done")


def play(scene):
    subprocess.run(
        [PROGRAM, "demo", "--data-folder", scene.path("server")], check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    url = f"postgresql:///afterthought?host={scene.path('server')}/run&user=afterthought&port=5432"
    worker, port = start_worker(scene, url)
    with open(RULES) as rules, open(scene.path("rules.yml"), "w") as copy:
        copy.write(shortened(rules.read()))
    with open(scene.path("prometheus.yml"), "w") as configuration:
        json.dump(
            {
                "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "2s"},
                "rule_files": [scene.path("rules.yml")],
                "scrape_configs": [
                    {"job_name": "afterthought", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
                ],
            },
            configuration)
    web = free_port()
    scene.start(
        "prometheus", PROMETHEUS, f"--config.file={scene.path('prometheus.yml')}",
        f"--storage.tsdb.path={scene.path('data')}", f"--web.listen-address=127.0.0.1:{web}", "--log.level=warn")
    client = Client(web)
    def reach(what, expression, fits):
        return wait(what, lambda: client.value(expression), lambda value: value is not None and fits(value))

    reach("the worker to be up", 'up{job="afterthought"}', lambda value: value == 1)
    cycles = reach("a first cycle", "afterthought_cycle_duration_seconds_count", lambda value: value > 0)
    psql(
        url,
        "insert into afterthought.messages (user_id, bot_name, role, content) "
        "select 'a user of this check', 'bot', 'user', 'message ' || i from generate_series(1, 50) as i")
    reach("50 messages to be counted", "afterthought_messages_processed_total", lambda value: value == 50)
    reach("more cycles", "afterthought_cycle_duration_seconds_count", lambda value: value > cycles)
    reach("all pairs to be fresh", "afterthought:fresh_pairs_ratio:now", lambda value: value == 1)
    reach("a job that ran", 'sum(afterthought_job_runs_total{status="completed"})', lambda value: value > 0)
    reach("pairs to be audited", "afterthought_audit_pairs_total", lambda value: value > 0)
    check_scrape(client, port)
    subprocess.run([PROGRAM, "migrate", "--roles", "--database-url", url], check=True, stdout=subprocess.DEVNULL)
    wait(
        "a job's failed share", lambda: client.ask("query", query="afterthought:failed_job_runs:ratio1h")["result"])
    check_dashboard(client, url)
    say(
        f"lag {client.value('afterthought:watermark_lag_seconds:now'):.1f} s, a sample took "
        f"{client.value('afterthought_sample_duration_seconds') * 1000:.1f} ms, all pairs fresh")
    expected = {"AfterthoughtLag", "AfterthoughtWorkerStuck", "AfterthoughtWorkerDown", "AfterthoughtQuarantine"}
    expected |= {"AfterthoughtAuditMismatch", "AfterthoughtSampleStale", "AfterthoughtFreshRatioLow"}
    if client.firing() & expected:
        raise SystemExit(f"expected no alert on a healthy worker, got: {client.firing()}")

    # A session that locks the worker's tables: cycles and samples fail, and the lag grows though nobody measures it;
    # the last cycle that ended gets old meanwhile.
    locks = []

    def lock():
        locks.append(
            subprocess.Popen(
                ["psql", "-Xq", url], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        scene.processes.append(locks[0])
        locks[0].stdin.write(b"begin; lock table afterthought.shard_progress in access exclusive mode;\n")
        locks[0].stdin.flush()

    def unlock():
        locks[0].stdin.close()
        locks[0].wait(30)

    raise_alert(client, "AfterthoughtLag", lock, None)
    stuck = "AfterthoughtWorkerStuck"
    wait(f"{stuck} to fire with it", client.firing, lambda firing: stuck in firing)
    unlock()
    wait("both to end", client.firing, lambda firing: not firing & {"AfterthoughtLag", stuck})
    say(f"{stuck}: fired with it, and both ended")
    raise_alert(
        client, "AfterthoughtQuarantine",
        lambda: psql(
            url,
            "insert into afterthought.quarantine (shard, bot_name, user_id, reason, error, attempts, next_attempt_at) "
            "values (0, 'bot', 'nobody', 'worker_died', 'of this check', 1, now() + interval '1 day')"),
        lambda: psql(url, "delete from afterthought.quarantine where user_id = 'nobody'"))
    # A row that nobody computed: found by the auditor, and made right by a rebuild. The alert stays for its hour.
    raise_alert(
        client, "AfterthoughtAuditMismatch",
        lambda: psql(
            url,
            "update afterthought.strategic_cache set messages_reflected = messages_reflected + 1 "
            "where user_id = 'a user of this check'"),
        None)
    wait(
        "the row to be right again",
        lambda: psql(
            url, "select messages_reflected from afterthought.strategic_cache where user_id = 'a user of this check'"),
        lambda rows: rows == "50")
    # Frozen, it answers no scrape.
    raise_alert(
        client, "AfterthoughtWorkerDown", lambda: worker.send_signal(signal.SIGSTOP),
        lambda: worker.send_signal(signal.SIGCONT))

    def stop():
        worker.terminate()
        if worker.wait(30) != 0:
            raise SystemExit(f"expected the worker to end with 0, got: {worker.returncode}")

    raise_alert(client, "AfterthoughtWorkerDown", stop, None)


if __name__ == "__main__":
    main()
