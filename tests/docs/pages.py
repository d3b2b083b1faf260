"""Does what the pages say: `pages.py TIDEGATE FOLDER`. What is done with which block is told in `run`."""

import collections
import dataclasses
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

from blocks import prose, read
from processes import Background
from rules import Rules
from session import ROOT, Ports, Session, commands

LANGUAGES = {"yaml", "console", "json", "js", "python", "html", "xml", "promql", ""}


class Run:
    def __init__(self, tidegate, work):
        self.tidegate, self.work = tidegate, work
        self.rules = Rules(tidegate, work)
        self.failures = []
        self.counts = collections.Counter()
        self.not_run = collections.Counter()

    def page(self, page):
        session = Session(self.tidegate, Ports.shared, pathlib.Path(tempfile.mkdtemp(dir=self.work)))
        for block in page.blocks:
            self._block(page, block, session)
        if session.steps:
            self.failures += session.end()
            self.counts["commands"] += session.ran()

    def _block(self, page, block, session):
        verbs = [verb for verb in ("file", "append", "set") if verb in block.marks]
        for verb in verbs:
            path = block.marks[verb]
            if path not in page.shown():
                self.failures.append(f"{block.where()}: the page does not name {path}, where this block goes")
            session.write(block, path, verb)
            self.counts["files written"] += 1
        if block.language not in LANGUAGES:
            self.failures.append(f"{block.where()}: nobody knows what to do with {block.language}")
        elif block.language == "yaml" and not {"append", "set"} & set(block.marks):
            # What changes a file is checked where the page has the file checked.
            self._yaml(block)
        elif block.language == "console":
            self._console(block, session)
        elif block.language == "json":
            self._json(block)
        elif block.language == "js":
            self._js(block)

    def _yaml(self, block):
        if "not tidegate" in block.marks:
            self.counts["YAML of others"] += 1
            try:
                list(yaml.safe_load_all(block.text))
            except yaml.YAMLError as error:
                self.failures.append(f"{block.where()}: {error}")
        else:
            self.failures += self.rules.check(block)

    def _console(self, block, session):
        found = commands(block)
        if "not run" in block.marks:
            self.not_run[block.marks["not run"]] += len(found)
            return
        if "given" in block.marks:
            given = type(found[0])(block, 0, block.marks["given"])
            session.run(given)
        for command in found:
            if why := session.forbidden(command):
                self.failures.append(f"{block.where(command.line)}: `{command.text}` {why}; say so in front of it: <!-- not run: … -->")
                return
            session.run(command)

    def _json(self, block):
        self.counts["json"] += 1
        # What is left out stands as an ellipsis, in quotes or bare.
        text = re.sub(r'(?<=[\[{,:\s])…(?=\s*[\]},])', "", block.text)
        for line in text.splitlines() if block.text.count("\n{") else [text]:
            try:
                json.loads(line)
            except json.JSONDecodeError as error:
                self.failures.append(f"{block.where()}: {error}")

    def _js(self, block):
        self.counts["js"] += 1
        path = self.work / "shown.mjs"
        path.write_text(block.text)
        done = subprocess.run(["node", "--check", path], capture_output=True, text=True)
        if done.returncode != 0:
            self.failures.append(f"{block.where()}: {done.stderr}")


def listed(pages):
    """Every page below docs/ is in the summary, once, and nothing else is."""
    summary = pages[pathlib.Path("docs/SUMMARY.md")]
    named = [pathlib.Path("docs", target) for target, _ in summary.links()]
    below = {path for path in pages if path.parts[0] == "docs"} - {summary.path}
    for path in sorted(below - set(named)):
        yield f"docs/SUMMARY.md does not name {path}"
    for path in sorted(set(named) - below):
        yield f"docs/SUMMARY.md names {path}, which is not there"
    for path, count in collections.Counter(named).items():
        if count > 1:
            yield f"docs/SUMMARY.md names {path} {count} times"


def linked(pages):
    """Every link with an anchor leads to a heading."""
    anchors = {}
    for page in pages.values():
        for target, anchor in page.links():
            path = (ROOT / page.path.parent / target).resolve() if target else (ROOT / page.path).resolve()
            if not path.exists():
                yield f"{page.path} leads to {target}, which is not there"
            elif anchor and path.suffix == ".md":
                if path not in anchors:
                    anchors[path] = set(read(ROOT, path.relative_to(ROOT)).anchors())
                if anchor not in anchors[path]:
                    yield f"{page.path} leads to {target}#{anchor}, and there is no such heading"


def bound(pages):
    """As pages of a book, without a repository beside it, none leads out of docs/."""
    below = [page for page in pages.values() if page.path.parts[0] == "docs" and page.path.name != "SUMMARY.md"]
    chapters = [{"Chapter": {"content": page.text, "source_path": str(page.path.relative_to("docs"))}} for page in below]
    given = json.dumps([{"config": {"book": {"src": "docs"}}}, {"items": chapters}])
    done = subprocess.run([ROOT / ".ci/book"], input=given, capture_output=True, text=True)
    if done.returncode != 0:
        yield f".ci/book: {done.stderr}"
        return
    for page, item in zip(below, json.loads(done.stdout)["items"]):
        for target, _ in dataclasses.replace(page, prose=prose(item["Chapter"]["content"])).links():
            path = (ROOT / page.path.parent / target).resolve()
            if target and not path.is_relative_to(ROOT / "docs"):
                yield f"{page.path} would lead to {target} in a book, where it is not"


def main(tidegate, folder, *only):
    work = pathlib.Path(tempfile.mkdtemp(dir=folder))
    paths = [pathlib.Path("README.md"), pathlib.Path("deploy/README.md")]
    paths += sorted(path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.md"))
    pages = {path: read(ROOT, path) for path in paths}
    Ports.shared = Ports()
    run = Run(tidegate, work)
    run.failures += listed(pages)
    run.failures += linked(pages)
    run.failures += bound(pages)
    sandbox = Background([tidegate, "sandbox", "--address", f"127.0.0.1:{Ports.shared.sandbox}", "--json"], {}, output="stdout")
    try:
        sandbox.line()
        for page in pages.values():
            if not only or str(page.path) in only:
                run.page(page)
    finally:
        sandbox.end()
        shutil.rmtree(work)
    for failure in run.failures:
        print(failure, file=sys.stderr)
    print(f"rules: {run.rules.whole} whole ones with {run.rules.examples} examples, {run.rules.parts} parts of files; {run.counts['YAML of others']} of other programs")
    print(f"console: {run.counts['commands']} commands run, {run.counts['files written']} files written; {sum(run.not_run.values())} commands not run:")
    for reason, count in sorted(run.not_run.items()):
        print(f"  {count:3} {reason}")
    print(f"json: {run.counts['json']}; js: {run.counts['js']}; pages: {len(pages)}")
    passed = run.rules.whole + run.rules.parts + run.counts["commands"] + run.counts["json"] + run.counts["js"] + run.counts["YAML of others"]
    print(f"{max(passed - len(run.failures), 0)} passed, {len(run.failures)} failed")
    return 1 if run.failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
