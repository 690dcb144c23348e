"""A headless Chromium, driven over its own protocol, that notes whatever a page should not do."""

import base64
import json
import pathlib
import subprocess
import tempfile
import time
import urllib.request

import websocket

WAIT_SECONDS = 90


class Browser:
    """One browser with a profile of its own."""

    def __init__(self, program):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
             "--remote-debugging-port=0", "--remote-allow-origins=*", f"--user-data-dir={self.profile.name}",
             "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        told = pathlib.Path(self.profile.name, "DevToolsActivePort")
        self.port = int(until(lambda: told.exists() and told.read_text().split("\n")[0], "the browser's port"))

    def open(self):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/json/new?about:blank", method="PUT")
        return Page(json.load(urllib.request.urlopen(request, timeout=20))["webSocketDebuggerUrl"])

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.profile.cleanup()


def until(look, what, seconds=WAIT_SECONDS):
    """Looks until there is something to see, and returns it."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"expected {what} within {seconds} s, got: nothing")
        time.sleep(0.1)


class Page:
    """One tab; `faults` are errors, violations of the policy and dialogs, `requests` all that it asked for."""

    def __init__(self, url):
        self.socket = websocket.create_connection(url, timeout=60)
        self.number = 0
        self.faults = []
        self.requests = []
        for domain in ["Page", "Runtime", "Log", "Network", "Audits"]:
            self.send(f"{domain}.enable")

    def send(self, method, **parameters):
        self.number += 1
        number = self.number
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self.note(message.get("method"), message.get("params", {}))

    def note(self, method, event):
        if method == "Runtime.exceptionThrown":
            details = event["exceptionDetails"]
            self.faults.append(f"exception: {details.get('exception', {}).get('description', details['text'])}")
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert"):
            self.faults.append(f"console: {event['args']}")
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
            entry = event["entry"]
            # A refusal that is asked for, and a worker that is stopped, are no faults of the page.
            if entry["source"] != "network":
                self.faults.append(f"log: {entry['source']}: {entry['text']}")
        elif method == "Audits.issueAdded" and event["issue"]["code"] == "ContentSecurityPolicyIssue":
            self.faults.append(f"policy: {event['issue']['details']}")
        elif method == "Page.javascriptDialogOpening":
            self.faults.append(f"dialog: {event['message']}")
            self.number += 1
            self.socket.send(json.dumps(
                {"id": self.number, "method": "Page.handleJavaScriptDialog", "params": {"accept": False}}))
        elif method == "Network.requestWillBeSent":
            self.requests.append(event["request"]["url"])

    def front(self):
        """Shows this tab; those behind it are hidden, and ask for nothing."""
        self.send("Page.bringToFront")

    def close(self):
        self.send("Page.close")
        self.socket.close()

    def size(self, width, height, scheme):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)
        self.send("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}])

    def go(self, url):
        self.send("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.protocol === 'http:'", "the page")

    def get(self, script):
        """The value of an expression, awaited."""
        reply = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in reply:
            details = reply["exceptionDetails"]
            raise RuntimeError(f"{script}: {details.get('exception', {}).get('description', details['text'])}")
        return reply["result"].get("value")

    def wait(self, script, what, seconds=WAIT_SECONDS):
        return until(lambda: self.get(script), what, seconds)

    def text(self, selector):
        return self.get(f"document.querySelector({json.dumps(selector)})?.textContent ?? null")

    def click(self, selector):
        """Presses the middle of an element with the mouse, as a person would."""
        self.wait(f"document.querySelector({json.dumps(selector)}) !== null", selector)
        place = self.get(f"""(() => {{ const element = document.querySelector({json.dumps(selector)});
            element.scrollIntoView({{block: 'center'}}); const box = element.getBoundingClientRect();
            return [box.left + box.width / 2, box.top + box.height / 2]; }})()""")
        for kind in ["mousePressed", "mouseReleased"]:
            self.send("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def type(self, selector, text):
        self.get(f"""(() => {{ const input = document.querySelector({json.dumps(selector)});
            input.focus(); input.value = ''; }})()""")
        self.send("Input.insertText", text=text)

    def key(self, name, code):
        for kind in ["keyDown", "keyUp"]:
            self.send("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code,
                      **({"text": "\r"} if name == "Enter" and kind == "keyDown" else {}))

    def screen(self, path):
        """What is on the screen, as a PNG."""
        pathlib.Path(path).write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def picture(self, path, selector=None):
        """The whole page, or one element of it, as a PNG."""
        box = self.get("[0, 0, document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
                       if selector is None else f"""(() => {{
            const box = document.querySelector({json.dumps(selector)}).getBoundingClientRect();
            return [box.left + scrollX, box.top + scrollY, box.width, box.height]; }})()""")
        clip = {"x": box[0], "y": box[1], "width": box[2], "height": box[3], "scale": 1}
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))
