"""A headless Chromium, driven over a pipe by the DevTools protocol: no driver, no port, no client library.

Playwright (1.65) would do too: it drives Debian's Chromium by `executable_path`, without a browser of its own. It is
not used because it is the larger and the slower of the two. Its wheel of 51 MB unpacks to 168 MB of Node.js that
everybody who runs `make setup` would get, for the twenty functions below. Measured in turns on the same machine, it
needs 3 s to launch and 5.4 s for five tabs; this file needs 1.3 s and 4 s, with a fifth less processor time.
"""

import base64
import contextlib
import itertools
import json
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = "Chromium is not installed: apt-get install chromium"

_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
    "--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-extensions", "--mute-audio", "--hide-scrollbars", "--lang=en-US", "--remote-debugging-pipe",
)  # fmt: skip
_WAIT_SECONDS = 30.0

Json = Any


def find_chromium() -> str | None:
    """Return the path of a Chromium, None if there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """A running Chromium.

    Args:
        send: the pipe that it reads commands from.
        receive: the pipe that it writes answers and events to.
    """

    def __init__(self, send: int, receive: int) -> None:
        self._send = send
        self._receive = receive
        self._numbers = itertools.count(1)
        self._answers: dict[int, queue.SimpleQueue[Json]] = {}
        self.events: list[tuple[str, str, Json]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def call(self, method: str, session: str | None = None, **params: Json) -> Json:
        """Return the answer to a command.

        Raises:
            AssertionError: it was refused, or not answered in time.
        """
        number = next(self._numbers)
        answer: queue.SimpleQueue[Json] = queue.SimpleQueue()
        self._answers[number] = answer
        message = {"id": number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        os.write(self._send, json.dumps(message).encode() + b"\0")
        try:
            found = answer.get(timeout=_WAIT_SECONDS)
        except queue.Empty:
            raise AssertionError(f"Chromium did not answer {method}") from None
        finally:
            del self._answers[number]
        assert "error" not in found, (method, found["error"])
        return found["result"]

    @contextmanager
    def tab(self, width: int = 1280, height: int = 900) -> Iterator["Tab"]:
        """Yield an empty tab of a window of its own: no storage or cache from another one."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        try:
            target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
            session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            tab = Tab(self, session)
            for domain in ("Page", "Runtime", "Log", "Network"):
                tab.call(f"{domain}.enable")
            tab.resize(width, height)
            yield tab
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=context)

    def _read(self) -> None:
        rest = b""
        while True:
            try:
                piece = os.read(self._receive, 1 << 20)
            except OSError:
                return
            if not piece:
                return
            *messages, rest = (rest + piece).split(b"\0")
            for message in map(json.loads, messages):
                if (answer := self._answers.get(message.get("id", 0))) is not None:
                    answer.put(message)
                elif "method" in message:
                    self.events.append((message.get("sessionId", ""), message["method"], message["params"]))


class Tab:
    """A page that is looked at and acted upon as a person would: by eye, mouse and keyboard.

    Args:
        browser: that it is in.
        session: the name that Chromium has for it.
    """

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def call(self, method: str, **params: Json) -> Json:
        """Return the answer to a command to this tab."""
        return self._browser.call(method, self._session, **params)

    def open(self, url: str) -> None:
        """Go to an address."""
        assert "errorText" not in (answer := self.call("Page.navigate", url=url)), answer
        self.until("document.readyState === 'complete'")

    def js(self, expression: str) -> Json:
        """Return what an expression comes to; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str, seconds: float = 60.0) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + seconds
        while not self._is_so(expression):
            assert time.monotonic() < deadline, f"not within {seconds} s: {expression}\n{self.text('body')}"
            time.sleep(0.05)

    def _is_so(self, expression: str) -> bool:
        try:
            return bool(self.js(f"Boolean({expression})"))
        except AssertionError as error:
            # The page was left while it was asked.
            if "navigated" not in str(error):
                raise
            return False

    def text(self, selector: str) -> str:
        """Return what is read in the first element that a selector finds."""
        return str(self.js(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def texts(self, selector: str) -> list[str]:
        """Return what is read in all elements that a selector finds."""
        found: list[str] = self.js(f"[...document.querySelectorAll({json.dumps(selector)})].map((n) => n.innerText)")
        return found

    def click(self, selector: str) -> None:
        """Click into the middle of an element, wherever on the page it is."""
        where = self.js(
            f"(() => {{ const node = document.querySelector({json.dumps(selector)});"
            " node.scrollIntoView({block: 'center', behavior: 'instant'}); const box = node.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=where[0], y=where[1], button="left", clickCount=1)

    def type(self, text: str) -> None:
        """Type a text, letter by letter."""
        for letter in text:
            self.call("Input.dispatchKeyEvent", type="keyDown", text=letter, key=letter)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=letter)

    def press(self, key: str, times: int = 1) -> None:
        """Press a key that has a name."""
        codes = {
            "Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38,
            "ArrowRight": 39, "ArrowDown": 40,
        }  # fmt: skip
        text = {"text": "\r"} if key == "Enter" else {}
        for _ in range(times):
            common = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
            self.call("Input.dispatchKeyEvent", type="keyDown", **common, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def resize(self, width: int, height: int, scale: float = 1.0) -> None:
        """Make the window so wide and high, in the pixels of style sheets."""
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def prefer(self, **features: str) -> None:
        """Set what its user prefers: ``color_scheme="dark"``, ``reduced_motion="reduce"``."""
        wanted = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=wanted)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Write a picture of what is seen, or of the whole page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def complaints(self) -> list[str]:
        """Return what the browser complained of: errors, warnings, uncaught exceptions, breaches of the policy."""
        return [text for session, name, event in self._browser.events if session == self._session
                for text in _complaint(name, event)]  # fmt: skip

    def answers(self) -> list[tuple[int, str]]:
        """Return the status and the address of each answer."""
        return [
            (int(event["response"]["status"]), str(event["response"]["url"]))
            for session, name, event in self._browser.events
            if session == self._session and name == "Network.responseReceived"
        ]

    @contextmanager
    def passwords_asked(self, *patterns: str) -> Iterator[list[str]]:
        """Collect, of some addresses, those for which the browser would ask its user for a password."""
        asked: list[str] = []
        ended = threading.Event()
        self.call("Fetch.enable", handleAuthRequests=True, patterns=[{"urlPattern": one} for one in patterns])
        thread = threading.Thread(target=lambda: self._let_through(asked, ended), daemon=True)
        thread.start()
        try:
            yield asked
        finally:
            ended.set()
            thread.join(_WAIT_SECONDS)
            self.call("Fetch.disable")

    def _let_through(self, asked: list[str], ended: threading.Event) -> None:
        """Let requests go on that wait to be looked at, and answer questions for a password as who closes them does."""
        looked_at = 0
        while not ended.wait(0.02):
            for session, name, event in self._browser.events[looked_at:]:
                looked_at += 1
                if session == self._session and name in ("Fetch.requestPaused", "Fetch.authRequired"):
                    # The page may have gone on meanwhile, and the request with it.
                    with contextlib.suppress(AssertionError):
                        self._let_one_through(name, event, asked)

    def _let_one_through(self, name: str, event: Json, asked: list[str]) -> None:
        if name == "Fetch.requestPaused":
            self.call("Fetch.continueRequest", requestId=event["requestId"])
        else:
            asked.append(str(event["request"]["url"]))
            answer = {"response": "CancelAuth"}
            self.call("Fetch.continueWithAuth", requestId=event["requestId"], authChallengeResponse=answer)

    def download_to(self, folder: Path) -> None:
        """Save files that are downloaded, instead of refusing them."""
        self.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def requested(self) -> list[str]:
        """Return the addresses that were asked for."""
        return [
            str(event["request"]["url"])
            for session, name, event in self._browser.events
            if session == self._session and name == "Network.requestWillBeSent"
        ]


def _complaint(name: str, event: Json) -> list[str]:
    if name == "Runtime.exceptionThrown":
        return [json.dumps(event["exceptionDetails"])]
    if name == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert"):
        return [json.dumps(event["args"])]
    if name == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
        return [f"{event['entry']['text']} {event['entry'].get('url', '')}"]
    return []


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Run a Chromium, with a profile folder that nobody else uses, for as long as the block runs."""
    path = find_chromium()
    assert path is not None, INSTALL
    command_out, command_in = os.pipe()
    answer_out, answer_in = os.pipe()
    # Chromium reads commands from descriptor 3 and writes answers to 4.
    script = f'exec "$@" 3<&{command_out} 4>&{answer_in}'
    process = subprocess.Popen(
        ["bash", "-c", script, "chromium", path, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        pass_fds=(command_out, answer_in),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(command_out)
    os.close(answer_in)
    browser = Browser(command_in, answer_out)
    try:
        yield browser
    finally:
        with contextlib.suppress(AssertionError, OSError):
            browser.call("Browser.close")
        _end(process)
        os.close(command_in)
        browser._reader.join(10)
        os.close(answer_out)


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # Its helpers are in the same group, and nothing else is.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
