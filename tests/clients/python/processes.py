"""Processes of the real binary, and waiting for them with deadlines."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
BINARY = os.environ.get("WARDGATE_BIN", str(REPOSITORY / "target" / "debug" / "wardgate"))

START_SECONDS = 20
"""A debug build on a loaded machine starts well within this."""
STOP_SECONDS = 10
PROMPTLY_SECONDS = 2
"""How soon what an operator does is in force in a gate that runs."""


def until(condition, what, seconds=START_SECONDS):
    """Asks again and again until `condition` gives something true, which it returns; fails at the deadline."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)
    return result


def ask(url, method="GET", body=None, headers=None):
    """Status and text of an HTTP exchange that goes past every proxy; `None` where nobody listens."""
    request = urllib.request.Request(url, method=method, data=body, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return None


class Process:
    """One command of the binary that runs until it is told to stop. Its output goes to files in `directory`."""

    def __init__(self, directory, name, *arguments, env=None):
        self.out, self.log = directory / f"{name}.out", directory / f"{name}.log"
        with self.out.open("wb") as out, self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [BINARY, *arguments], cwd=directory, env=env, stdin=subprocess.PIPE, stdout=out, stderr=log
            )

    def wait_for(self, condition, what):
        """As `until`, and fails at once, with the log, when the process has ended."""

        def alive_and_done():
            if self.process.poll() is not None:
                raise AssertionError(f"{what}: the process ended: {self.log.read_text()}")
            return condition()

        return until(alive_and_done, what)

    def kill(self):
        """As a machine that loses power: nothing is said to anybody."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_SECONDS)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        if self.process.poll() is None:
            self.kill()
        self.process.stdin.close()


class Mock(Process):
    """A mock provider that accepts `key` alone."""

    def __init__(self, directory, name, key):
        # It ends with its standard input, and so does not outlive a test run that was killed.
        flags = ["--listen", "127.0.0.1:0", "--print-address", "--exit-with-stdin", "--workers", "1"]
        super().__init__(directory, name, "mock", "--name", name, "--require-key", key, *flags)
        self.name, self.key = name, key
        address = self.wait_for(lambda: self.out.read_text().strip(), f"the address of {name}")
        self.url = address if address.startswith("http") else f"http://{address}"

    def requests(self):
        """What arrived, oldest first: method, path, headers (names in lower case) and body."""
        _, text = ask(f"{self.url}/_mock/requests")
        return [Seen(each) for each in json.loads(text)["requests"]]

    def forget(self):
        ask(f"{self.url}/_mock/requests", "DELETE")

    @contextlib.contextmanager
    def failing(self, **faults):
        """Every request meets these faults (see `wardgate mock --help`) until the block ends."""
        status, text = ask(f"{self.url}/_mock/faults", "POST", json.dumps(faults).encode())
        assert status == 204, text
        try:
            yield
        finally:
            ask(f"{self.url}/_mock/faults", "DELETE")


class Seen:
    """One request as a provider received it."""

    def __init__(self, recorded):
        self.path = recorded["path"]
        self.text = recorded["body"]
        self.headers = {}
        for name, value in recorded["headers"]:
            self.headers.setdefault(name, []).append(value)

    def header(self, name):
        """The header's only value, or `None`."""
        values = self.headers.get(name, [])
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    def json(self):
        return json.loads(self.text)

    def holds(self, secret):
        """Whether `secret` stands anywhere in it."""
        everything = [self.path, self.text, *(value for values in self.headers.values() for value in values)]
        return any(secret in part for part in everything)
