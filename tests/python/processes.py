"""Programs that run beside a check, on loopback, and are ended with it."""

import contextlib
import json
import queue
import subprocess
import threading

PATIENCE = 30


class Failure(Exception):
    """What is wrong, for people."""


class Background:
    """A program whose JSON lines, on one of its outputs, are read while it runs."""

    def __init__(self, command, environment, output="stderr"):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, output: subprocess.PIPE}
        self.process = subprocess.Popen(command, env=environment, text=True, **streams)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, args=[getattr(self.process, output)], daemon=True).start()

    def _read(self, stream):
        for line in stream:
            self.lines.put(line)
        self.lines.put(None)

    def line(self):
        """The next line as JSON."""
        line = self.lines.get(timeout=PATIENCE)
        if line is None:
            raise Failure(f"{self.process.args[0]} ended with {self.process.wait()}")
        try:
            return json.loads(line)
        except json.JSONDecodeError:
            raise Failure(f"{self.process.args[0]} said: {line}" + "".join(iter(self._rest, None))) from None

    def _rest(self):
        with contextlib.suppress(queue.Empty):
            return self.lines.get(timeout=1)

    def event(self, message):
        """The next line of a log with this message."""
        while True:
            event = self.line()
            if event.get("message") == message:
                return event

    def end(self):
        """Ends it as a service manager would. Its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failure(f"{self.process.args[0]} did not end") from None


@contextlib.contextmanager
def sandbox(tidegate):
    """Stand-ins of the upstreams. The environment that points the shipped routes at them."""
    process = Background([tidegate, "sandbox", "--address", "127.0.0.1:0", "--json"], {}, output="stdout")
    try:
        yield process.line()["environment"]
    finally:
        process.end()


@contextlib.contextmanager
def gateway(tidegate, main_file, environment):
    """A gateway that is ready. Where it takes uploads, and where its admin side is."""
    process = Background([tidegate, "serve", "--config", main_file], environment)
    try:
        uploads = process.event("listening")["address"]
        admin = process.event("metrics and health are served")["address"]
        process.event("tidegate is ready")
        yield uploads, admin
    finally:
        code = process.end()
    if code != 0:
        raise Failure(f"the gateway ended with {code}")
