"""The commands of a page, in order, in one shell, in a folder of its own."""

import contextlib
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PATIENCE = 120
SYSTEMS = 6
# The smallest picture there is: enough for the first bytes to tell its type.
PHOTO = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
ADDRESS = re.compile(r"(?:127\.0\.0\.1|localhost):(\d{4,5})\b|http\.server (\d{4,5})\b")
# An origin is only told.
HOST = re.compile(r"(?<!Origin: )https?://([^/:\s'\"$]+)")

# What changes more than the page's folder, or wants what is not here.
ELSEWHERE = re.compile(r"(?:^|[|;&(]\s*|\s)(sudo|systemctl|journalctl|apt|apt-get|docker|kubectl|helm|ssh|just|git)\s", re.MULTILINE)

# What need not be the same in the output: ids, digests, base64, times, durations, rates.
VARYING = [
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    r"\d{4}-\d\d-\d\dT[\d:.]+Z",
    r"\b[0-9a-f]{16,}\b",
    r"[A-Za-z0-9+/_-]{40,}=*",
    r"\b\d+(?:\.\d+)? ?(?:ms|s|µs|[KMG]i?B/s)\b",
]


class Ports:
    """Free ports in the place of those that the pages name."""

    def __init__(self):
        self.taken = {}
        self.sandbox = self._row(SYSTEMS)
        self.taken.update({9100 + index: self.sandbox + index for index in range(SYSTEMS)})

    @staticmethod
    def _row(count):
        """The first of so many free ports in a row, below those that the system hands out."""
        for _ in range(1000):
            first = random.randrange(15000, 30000)
            with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
                for port in range(first, first + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
                return first
        raise RuntimeError("there are no free ports")

    def of(self, port):
        if port not in self.taken:
            self.taken[port] = self._row(1)
        return self.taken[port]

    def exchange(self, text):
        named = {int(port) for pair in ADDRESS.findall(text) for port in pair if port}
        for port in sorted(named | set(self.taken), reverse=True):
            text = re.sub(rf"(?<![\d.]){port}\b(?!\.\d)", str(self.of(port)), text)
        return text

    def restore(self, text):
        for shown, port in self.taken.items():
            text = re.sub(rf"\b{port}\b", str(shown), text)
        return text


class Command:
    def __init__(self, block, line, text):
        self.block, self.line, self.text = block, line, text
        self.output = []
        self.exits = 0


def commands(block):
    """The commands of a block, with the output that is shown below each."""
    lines = block.text.splitlines()
    prompted = any(line.startswith("$ ") for line in lines)
    found, pending, begun = [], [], 0
    for number, line in enumerate(lines, 1):
        if not pending:
            begun = number
            if prompted:
                if not line.startswith("$ "):
                    if found and line.strip():
                        found[-1].output.append(line)
                    continue
                line = line[2:]
            elif not line.strip() or line.lstrip().startswith("#"):
                continue
        pending.append(line)
        text = "\n".join(pending)
        if not unfinished(text):
            found.append(Command(block, begun, text))
            pending = []
    if pending:
        found.append(Command(block, begun, "\n".join(pending)))
    if found and "exits" in block.marks:
        found[-1].exits = int(block.marks["exits"])
    return found


def unfinished(text):
    """Whether a shell would wait for more."""
    checked = subprocess.run(["bash", "-n", "-c", text], capture_output=True, text=True)
    return text.endswith("\\") or checked.returncode != 0 or "here-document" in checked.stderr


class Session:
    """Runs the commands and writes the files of one page."""

    def __init__(self, tidegate, ports, folder):
        self.ports, self.folder = ports, folder
        self.home, self.state = folder / "home", folder / "state"
        for path in [self.home, self.state]:
            path.mkdir(parents=True)
        shutil.copytree(ROOT / "config", self.home / "config")
        shutil.copytree(ROOT / "docs/examples", self.home / "docs/examples")
        shutil.copy(ROOT / "README.md", self.home)
        (self.home / "photo.jpg").write_bytes(PHOTO)
        self.environment = {
            "PATH": f"{HERE / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TIDEGATE_LISTEN": f"127.0.0.1:{ports.of(8080)}",
            "TIDEGATE_ADMIN": f"127.0.0.1:{ports.of(9464)}",
            "DOCS_TIDEGATE": str(tidegate),
            "DOCS_SANDBOX": str(ports.sandbox),
            "DOCS_STATE": str(self.state),
            "DOCS_CURL": shutil.which("curl"),
            "DOCS_PYTHON": sys.executable,
        }
        self.script, self.steps = [], []

    def write(self, block, path, verb):
        stored = self.state / f"written.{len(self.script)}"
        stored.write_text(self.ports.exchange(block.verbatim))
        target, stored = shlex.quote(path), shlex.quote(str(stored))
        if verb == "set":
            self.script.append(f'"$DOCS_PYTHON" -B {HERE / "replace.py"} {target} {stored}')
        else:
            self.script.append(f'mkdir -p "$(dirname {target})" && cat {stored} {">>" if verb == "append" else ">"} {target}')

    def run(self, command):
        text = self.ports.exchange(command.text)
        if re.fullmatch(r"export [A-Z_]+=…", text):
            text = 'eval "$(tidegate sandbox --env)"'
        index = len(self.steps)
        self.steps.append(command)
        state = shlex.quote(str(self.state))
        self.script.append(
            f"rm -f {state}/head\n{{\n{text}\n}} >{state}/{index}.out 2>&1 </dev/null\n"
            f"code=$?; echo $code >{state}/{index}.code; [ -e {state}/head ] && cp {state}/head {state}/{index}.head; [ $code -eq {command.exits} ] || exit"
        )

    def forbidden(self, command):
        """Why a command must not run here."""
        if "…" in command.text and not re.fullmatch(r"export [A-Z_]+=…", command.text):
            return "has a place that the reader fills in"
        if elsewhere := ELSEWHERE.search(re.sub(r"\s#.*", "", command.text)):
            return f"calls {elsewhere[1]}"
        hosts = set(HOST.findall(command.text)) - {"127.0.0.1", "localhost"}
        if hosts and re.search(r"\bcurl\b", command.text):
            return f"would reach {', '.join(hosts)}"
        return None

    def end(self):
        """Runs all of it. What went wrong: texts for people."""
        script = self.state / "script"
        script.write_text("\n".join(self.script) + "\n")
        log = open(self.state / "log", "w+")
        process = subprocess.Popen(["bash", script], cwd=self.home, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._stop(process)
        log.seek(0)
        yield from judge(self.steps, self.state, self.ports, log.read())

    def ran(self):
        """How many commands came to their end, without what was given."""
        return sum((self.state / f"{index}.code").exists() for index, command in enumerate(self.steps) if command.line)

    def _stop(self, process):
        """Ends what still runs, which is all in one group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def judge(steps, state, ports, log):
    for index, command in enumerate(steps):
        where = f"{command.block.where(command.line)}: `{command.text}`"
        code, output = state / f"{index}.code", state / f"{index}.out"
        printed = ports.restore(output.read_text(errors="replace")) if output.exists() else log
        if not code.exists():
            yield f"{where} did not end:\n{printed}"
            return
        if int(code.read_text()) != command.exits:
            yield f"{where} ended with {code.read_text().strip()}:\n{printed}"
            return
        yield from answered(where, command, state / f"{index}.head", printed)
        if (missing := differs(command.output, printed)) is not None:
            yield f"{where} did not print\n    {missing}\nbut\n{printed}"


def answered(where, command, head, printed):
    if not head.exists():
        return
    statuses = [int(status) for status in re.findall(r"^HTTP/\S+ (\d+)", head.read_text(), re.MULTILINE)]
    wanted = re.search(r"#\s*([1-5]\d\d)\b", command.text)
    if not statuses:
        yield f"{where} got no answer:\n{printed}"
    elif wanted is None and statuses[-1] // 100 != 2 or wanted is not None and statuses[-1] != int(wanted[1]):
        yield f"{where} was answered {statuses[-1]}:\n{printed}"


def differs(shown, printed):
    """The first shown line that was not printed."""
    if not shown:
        return None
    try:
        wanted = json.loads("\n".join(shown).replace("…", "\\u2026"))
    except json.JSONDecodeError:
        pass
    else:
        printed = printed.partition("\r\n\r\n")[2] or printed
        try:
            return None if holds(wanted, json.loads(printed)) else "\n".join(shown)
        except json.JSONDecodeError:
            return "\n".join(shown)
    lines = iter(printed.splitlines())
    for line in shown:
        pattern = loose(line)
        if line.strip() != "…" and not any(pattern.fullmatch(" ".join(got.split())) for got in lines):
            return line
    return None


def loose(text):
    """A pattern for a line, or a text of JSON."""
    text = " ".join(text.split())
    varying = re.compile("|".join(f"(?:{pattern})" for pattern in [*VARYING, "…"]))
    pattern, at = "", 0
    for match in varying.finditer(text):
        kind = next((kind for kind in VARYING if re.fullmatch(kind, match[0])), ".*")
        pattern += re.escape(text[at : match.start()]) + f"(?:{kind})"
        at = match.end()
    return re.compile(pattern + re.escape(text[at:]))


def holds(wanted, got):
    if isinstance(wanted, dict):
        return isinstance(got, dict) and all(key in got and holds(value, got[key]) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(got, list) and len(wanted) == len(got) and all(map(holds, wanted, got))
    if isinstance(wanted, str):
        return isinstance(got, str) and loose(wanted).fullmatch(" ".join(got.split())) is not None
    return type(wanted) is type(got) and wanted == got
