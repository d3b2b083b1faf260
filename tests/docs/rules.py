"""YAML of the pages, read by the gateway: whole rules as they are, parts of files with what they refer to."""

import json
import pathlib
import re
import subprocess
import tempfile
import textwrap

import yaml

# What expressions know beside the answers of steps.
FACTS = {"env", "params", "path", "file", "upload", "client", "headers", "json", "xml", "text", "status"}
EXPRESSION = re.compile(r"\$\{(.*?)\}", re.DOTALL)
ROUTE = "route: shown\npath: /shown\n"
TARGET = "url: https://shown.example.com"
STEP = "{ id: shown_store, request: POST /shown, target: shown, body: file }"
STEP_KEYS = {"id": "shown", "request": "POST /shown", "target": "shown"}
BODIES = {"json", "form", "urlencoded", "text", "body"}


class Rules:
    """Checks blocks with the binary, in folders of its own."""

    def __init__(self, tidegate, work):
        self.tidegate = tidegate
        self.work = work
        route, main = self._schema("--route"), self._schema()
        definitions = route["$defs"]
        self.main = set(main["properties"])
        self.route = set(route["properties"])
        self.step = set(definitions["step"]["properties"])
        self.target = set(definitions["target"]["properties"])
        self._certificate()
        self.whole = self.parts = self.examples = 0

    def _schema(self, *flags):
        return json.loads(subprocess.run([self.tidegate, "schema", *flags], check=True, capture_output=True, text=True).stdout)

    def _certificate(self):
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=shown"]
        command += ["-keyout", str(self.work / "key.pem"), "-out", str(self.work / "cert.pem")]
        subprocess.run(command, check=True, capture_output=True)

    def check(self, block):
        """What is wrong with a block: texts for people."""
        try:
            for text in alternatives(block.text):
                yield from self._alternative(block, text)
        except yaml.YAMLError as error:
            yield f"{block.where()}: {error}"

    def _alternative(self, block, text):
        root = yaml.compose(text)
        keys = {key.value: value for key, value in root.value} if isinstance(root, yaml.MappingNode) else None
        if keys is None:
            ids = {key.value for item in root.value for key, _ in item.value}
            if "sha256" in ids:
                yield from self._run(block, self._main("access: { shown: { api-keys: { file: keys.yaml } } }\n"), keys=text)
            else:
                yield from self._run(block, route=complete("steps:\n" + indent(text)))
        elif "route" in keys and "steps" in keys:
            self.whole += 1
            yield from self._run(block, route=text, whole=True)
        elif self._is_main(keys):
            yield from self._run(block, self._main(text))
        elif set(keys) <= self.route:
            yield from self._run(block, route=complete(text))
        elif set(keys) <= self.step and not set(keys) <= self.target:
            yield from self._run(block, route=complete(step(text, keys)))
        elif set(keys) <= self.target:
            missing = "" if {"url", "allow"} & set(keys) else TARGET + "\n"
            yield from self._run(block, route=complete("targets:\n  shown:\n" + indent(text + missing, 4)))
        else:
            yield f"{block.where()}: no file has these keys together: {', '.join(keys)}"

    def _is_main(self, keys):
        if not set(keys) <= self.main:
            return False
        if set(keys) == {"access"}:
            # A map of providers, and not the rule of a route.
            return isinstance(keys["access"], yaml.MappingNode) and all(key.value not in ("any-of", "that") for key, _ in keys["access"].value)
        if set(keys) == {"limits"}:
            return all(key.value not in ("route", "client") for key, _ in keys["limits"].value)
        return True

    def _main(self, text):
        # Where anybody could reach a route, it wants an access.
        given = yaml.safe_load(text)
        provider = next(iter(given.get("access", {})), None)
        access = f"access: [ {provider} ]\n" if provider else ""
        route = f"{ROUTE}{access}targets:\n  shown: {{ {TARGET} }}\nsteps:\n  - {STEP}\n"
        return text if "routes" in given else text + "routes: shown.yaml\n", route

    def _run(self, block, main=None, route=None, keys=None, whole=False):
        """Checks a configuration of these files, and runs the examples of its route."""
        self.parts += not whole
        with tempfile.TemporaryDirectory(dir=self.work) as folder:
            folder = pathlib.Path(folder)
            if main is None:
                names = providers(yaml.safe_load(route).get("access", []))
                access = "".join(f"  {name}: {{ api-keys: {{ file: keys.yaml }} }}\n" for name in names)
                main = ("access:\n" + access if access else "") + "routes: shown.yaml\n", route
            # Files that another machine has.
            main = tuple(re.sub(r"/etc/[\w/.-]+\.pem", "cert.pem", text) for text in main)
            (folder / "main.yaml").write_text(main[0])
            names = yaml.safe_load(main[0])["routes"]
            for name in ["shown.yaml", *(names if isinstance(names, list) else [names])]:
                (folder / pathlib.Path(name).parent).mkdir(parents=True, exist_ok=True)
                (folder / name.replace("*", "shown")).write_text(main[1])
            (folder / "keys.yaml").write_text(keys or f"- {{ id: shown, sha256: {'0' * 64} }}\n")
            for name in ["cert.pem", "key.pem", "devices-ca.pem"]:
                source = "key.pem" if name == "key.pem" else "cert.pem"
                (folder / name).write_bytes((self.work / source).read_bytes())
            yield from self._call(block, main, folder, ["check", "--without-environment", "--config", "main.yaml"])
            if "examples" in yaml.safe_load(main[1]):
                self.examples += len(yaml.safe_load(main[1])["examples"])
                yield from self._call(block, main, folder, ["test", "shown.yaml"])

    def _call(self, block, main, folder, arguments):
        done = subprocess.run([self.tidegate, *arguments], cwd=folder, env={"PATH": ""}, capture_output=True, text=True)
        if done.returncode != 0:
            shown = "\n".join(textwrap.indent(text, "    | ") for text in main)
            yield f"{block.where()}: tidegate {arguments[0]} says\n{done.stdout}{done.stderr}of\n{shown}"


def alternatives(text):
    """A mapping whose keys stand there several times, as so many mappings."""
    root = yaml.compose(text)
    if not isinstance(root, yaml.MappingNode):
        return [text]
    lines = text.splitlines(keepends=True)
    starts = [key.start_mark.line for key, _ in root.value] + [len(lines)]
    entries = {}
    for (key, _), begin, end in zip(root.value, starts, starts[1:]):
        entries.setdefault(key.value, []).append("".join(lines[begin:end]))
    count = max(map(len, entries.values()))
    return ["".join(texts[min(index, len(texts) - 1)] for texts in entries.values()) for index in range(count)]


def complete(text):
    """A route with what a part of one refers to: steps, targets, parameters, parts of the path, and who the client is."""
    found = yaml.safe_load(text)
    expressions = " ".join(EXPRESSION.findall(text))
    steps = found.get("steps", [])
    lines = [with_steps(text, steps, expressions)]
    if "route" not in found:
        lines.append("route: shown\n")
    if "path" not in found:
        captures = dict.fromkeys(re.findall(r"\bpath\.(\w+)", expressions))
        lines.append("path: /shown" + "".join(f"/{{{name}}}" for name in captures) + "\n")
    if "params" not in found:
        params = dict.fromkeys(re.findall(r"\bparams\.(\w+)", expressions))
        lines += ["params:\n"] * bool(params)
        lines += [f"  {name}: {{ {parameter(steps, expressions, name)} }}\n" for name in params]
    if "access" not in found and "client." in expressions:
        lines.append("access: [ shown ]\n")
    return with_targets("".join(lines), found.get("targets", {}), steps)


def with_steps(text, steps, expressions):
    """The part, and before its own steps those whose answers it uses and one that sends the file, unless it has one."""
    known = {item["id"] for item in steps} | FACTS
    answers = dict.fromkeys(re.findall(r"\b([a-z_]+)\.(?:json|xml|headers|status|text)\b", expressions))
    transfers = any(sends_file(item) for item in steps)
    # What expires does so before the file is sent.
    prepares = any("expires" in item for item in steps)
    store = "store" if "store" in answers and "store" not in known else "shown_store"
    before = [f"- {{ id: {name}, request: GET /{name}, target: shown, body: none }}\n" for name in answers if name not in known | {store}]
    before += [f"- {STEP.replace('shown_store', store)}\n"] * (not transfers and not prepares)
    after = [f"- {STEP}\n"] * (not transfers and prepares)
    if not steps:
        return text + "steps:\n" + indent("".join(before))
    head, _, own = text.partition("steps:\n")
    width = len(own) - len(own.lstrip(" "))
    # Up to the next key.
    end = next((found.start() for found in re.finditer(r"^[^\s-]", own, re.MULTILINE)), len(own))
    return head + "steps:\n" + indent("".join(before), width) + own[:end] + indent("".join(after), width) + own[end:]


def with_targets(text, given, steps):
    """With every target that a step names, each with a place."""
    names = dict.fromkeys([item["target"] for item in steps] + ["shown"])
    added = "".join(f"  {name}: {{ {target(steps, name)} }}\n" for name in names if name not in given)
    for name in given:
        if not {"url", "allow"} & set(given[name]):
            text = re.sub(rf"^( +){name}:\n", rf"\g<0>\1  {TARGET}\n", text, count=1, flags=re.MULTILINE)
    return text.replace("targets:\n", "targets:\n" + added, 1) if given else text + "targets:\n" + added


def step(text, keys):
    """A step of these keys."""
    given = dict(STEP_KEYS)
    if "expires" in keys:
        given["id"] = re.search(r"\b(\w+)\.(?:json|headers)\b", text)[1]
    lines = [f"{name}: {value}\n" for name, value in given.items() if name not in keys]
    lines += ["body: none\n"] * (not BODIES & set(keys) and "until" not in keys)
    lines += ["retry: idempotent\n"] * ("until" in keys and "request" not in keys)
    return "steps:\n  - " + indent("".join(lines) + text, 4).lstrip()


def sends_file(item):
    return item.get("body") == "file" or "file.base64" in json.dumps(item) or any("file" in part for part in item.get("form", []))


def parameter(steps, expressions, name):
    """A parameter as its uses want it."""
    if any(f"params.{name}" in str(item.get("when", "")) for item in steps):
        return "type: boolean, default: false"
    optional = re.search(rf"\bparams\.{name} \| default\(", expressions)
    return "required: false" if optional else "required: true"


def providers(access):
    """The names in the access of a route."""
    names = access.get("any-of", []) if isinstance(access, dict) else access
    names = [names] if isinstance(names, str) else names
    return [name for name in names if name != "public"]


def target(steps, name):
    learned = any(item["target"] == name and "${" in item["request"].split(" ")[1][:2] for item in steps)
    return "allow: 'https://*.example.com'" if learned else TARGET



def indent(text, width=2):
    return textwrap.indent(text, " " * width)
