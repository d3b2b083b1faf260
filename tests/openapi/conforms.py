"""Runs Schemathesis on a gateway with the shipped routes and three more: `conforms.py TIDEGATE FOLDER`.

The upstreams are the stand-ins of the sandbox, so a request that the document allows may still be refused by one. What is compared
is what the answer is: its status, type, header fields and body are among those that the document names for the operation.
"""

import hashlib
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from processes import Failure, gateway, sandbox

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KEY = "a key that only this test knows"
TICKETS = "0123456789abcdef0123456789abcdef"
# Enough to have tried each kind of value in each place, in about a minute.
EXAMPLES = 20
CHECKS = [
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
    "has_an_upload_id_and_is_no_bug",
]

MAIN = """
listeners: [ { address: "127.0.0.1:0" } ]
admin: { address: "127.0.0.1:0" }
routes: [ "%(routes)s/*.yaml", "*.route.yaml" ]
egress: { allow-private: 127.0.0.0/8 }
# Parameters of the largest size, all at once, in one query.
limits: { head-size: 64KiB, head-line: 32KiB, target-size: 32KiB }
access:
  keys: { api-keys: { keys: [ { id: tester, sha256: %(sha256)s } ] } }
  links: { tickets: { keys: [ { id: k1, secret: { env: TICKETS } } ], mint: keys } }
"""

STORE = """
targets: { store: { url: "%(closed)s" } }
steps: [ { id: store, request: PUT /, target: store, query: { %(sent)s }, body: file } ]
"""

# One with access, captures and every kind of parameter; one for pages and few types; one whose path is open. Their upstream is not
# there: what they take is decided before it is asked.
PARAMS = ["title", "pages", "score", "draft", "kind", "id"]
ROUTES = {
    "notes": """
path: /t/{tenant}/notes
access: [ keys, links ]
params:
  title: { pattern: "[a-z]+", max-bytes: 20 }
  pages: { type: integer, min: 1, max: 99, default: 1 }
  score: { type: number, min: 0, max: 1, required: false }
  draft: { type: boolean, default: false }
  kind: { enum: [ letter, bill ], required: false }
  id: { format: uuid, required: false }
""",
    "pictures": """
path: /pictures
access: public
cors: { origins: [ "https://app.example.com" ] }
accept: { size: { min: 1B, max: 1MiB }, types: { allow: [ image/png, application/pdf ] }, extensions: { deny: [ exe ] } }
""",
    "tree": "path: /tree/{key...}\n",
}


def main(tidegate, folder):
    work = pathlib.Path(tempfile.mkdtemp(dir=folder))
    try:
        with sandbox(tidegate) as environment:
            configure(work)
            with gateway(tidegate, work / "main.yaml", {**environment, "TICKETS": TICKETS}) as (uploads, admin):
                document = read(admin, "/openapi.json")
                (work / "openapi.json").write_text(json.dumps(document))
                count = sum(len(item) for item in document["paths"].values())
                if count < 17:
                    raise Failure(f"the document has only {count} operations")
                compare(work, uploads)
                stored = sum(route["completed"] for route in read(admin, "/status")["routes"])
                if stored < count:
                    raise Failure(f"only {stored} files were stored: too little of what the document allows was tried")
    finally:
        shutil.rmtree(work)
    print(f"{count} operations answer as /openapi.json says; {stored} files were stored")


def configure(work):
    values = {
        "routes": ROOT / "config/routes",
        "sha256": hashlib.sha256(KEY.encode()).hexdigest(),
        # Nothing listens there.
        "closed": "http://127.0.0.1:9",
    }
    (work / "main.yaml").write_text(MAIN % values)
    for name, rule in ROUTES.items():
        sent = ", ".join(f"{param}: '${{ params.{param} | default(omit) }}'" for param in PARAMS) if name == "notes" else ""
        (work / f"{name}.route.yaml").write_text(f"route: {name}\n{rule}{STORE % {**values, 'sent': sent}}")


def read(address, path):
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", path)
    return json.load(connection.getresponse())


def compare(work, uploads):
    command = ["schemathesis", "--config-file", str(HERE / "schemathesis.toml"), "run", str(work / "openapi.json"), "--url", f"http://{uploads}", "--checks", ",".join(CHECKS)]
    command += ["--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "1", "--generation-deterministic"]
    command += ["--header", f"X-Api-Key: {KEY}", "--request-timeout", "20", "--no-color", "--continue-on-failure"]
    done = subprocess.run(command, cwd=work, env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks"}, text=True, capture_output=True)
    if done.returncode != 0:
        raise Failure(f"{done.stdout}\n{done.stderr}")


if __name__ == "__main__":
    try:
        main(os.path.abspath(sys.argv[1]), sys.argv[2])
    except Failure as failure:
        sys.exit(f"tests/openapi/conforms.py: {failure}")
