"""A worker on a private database that is thrown away."""

import json
import os
import signal
import subprocess
import urllib.request

from browser import until

PROGRAM = os.environ["AFTERTHOUGHT"]


class Worker:
    """A worker on a private database, with or without a key."""

    def __init__(self, work, folder, port, has_key=True):
        self.work, self.folder, self.port = work, folder, port
        self.key = (work / "key").read_text().strip()
        self.url = f"http://127.0.0.1:{port}"
        words = [PROGRAM, "worker", "--embedded", "--data-folder", str(self.work / folder), "--cycle-seconds", "1",
                 "--http-port", str(port), "--job-poll-seconds", "1", "--metrics-seconds", "2",
                 # A row that was changed by hand is to stay so.
                 "--audit-seconds", "86400"]
        if has_key:
            words += ["--admin-key-file", str(self.work / "key")]
        self.process = subprocess.Popen(words, stderr=open(self.work / f"log-{folder}", "a"), stdout=subprocess.DEVNULL)
        until(self.is_ready, "the worker to be ready", 120)

    def is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError((self.work / f"log-{self.folder}").read_text())
        try:
            return urllib.request.urlopen(f"{self.url}/health/ready", timeout=2).status == 200
        except OSError:
            return False

    def ask(self, path, method="GET"):
        request = urllib.request.Request(self.url + path, method=method, headers={"X-Admin-Key": self.key})
        return json.load(urllib.request.urlopen(request, timeout=20))

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(timeout=60)

    def sql(self, text, database="afterthought"):
        """Runs SQL as the owner of the private database."""
        socket = (self.work / self.folder / "data" / "postmaster.pid").read_text().split("\n")[4]
        done = subprocess.run(
            ["psql", "-h", socket, "-U", "afterthought", "-d", database, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text],
            capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()
