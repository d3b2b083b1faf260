"""Runs every query of the dashboard and every rule on what a real Prometheus scraped from a real gateway.

`scraped.py TIDEGATE`. A gateway with the shipped routes and three more gets uploads of every outcome, Prometheus scrapes it each
second, and then each query must be answered with at least one number. A panel that stays empty is a failure, so that a query which
no series fits does not pass as a quiet day.
"""

import http.client
import json
import math
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import yaml

from processes import Failure, gateway, sandbox

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
# Longest wait for the last panel to be filled: a failure, never a success, waits as long.
PATIENCE = 45

MAIN = """
listeners: [ { address: "127.0.0.1:0" } ]
admin: { address: "127.0.0.1:0" }
routes: [ "%(routes)s/*.yaml", limited.yaml, down.yaml, unwelcome.yaml ]
egress: { allow-private: 127.0.0.0/8 }
access:
  teams: { api-keys: { keys: [ { id: team, sha256: %(sha256)s } ] } }
  links: { tickets: { keys: [ { id: k1, secret: { env: TICKETS } } ], mint: teams } }
"""

# Beside the shipped routes: one with limits, access and pages of other origins, one whose upstream is not there, and one whose
# upstream refuses.
ROUTES = {
    "limited.yaml": """
route: limited
path: /limited
access: [ teams, links ]
cors: { origins: [ "https://app.example.com" ] }
limits: { client: { requests: 2/s }, route: { uploads: 100, bytes: 1KiB/s } }
targets: { api: { url: "%(closed)s" } }
steps: [ { id: store, request: PUT /, target: api, body: file } ]
""",
    "down.yaml": """
route: down
path: /down
targets: { api: { url: "%(closed)s" } }
steps:
  - { id: ask, request: GET /, target: api }
  - { id: store, request: PUT /, target: api, body: file }
""",
    "unwelcome.yaml": """
route: unwelcome
path: /unwelcome
targets: { api: { url: "%(kustomer)s" } }
steps: [ { id: store, request: PUT /, target: api, body: file } ]
""",
}


def free_port():
    """A port that nobody listens at. It is free until somebody takes it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def request(address, method, path, body=b"", **headers):
    """One exchange. The status, and the body."""
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def expect(status, answer, what):
    if answer[0] != status:
        raise Failure(f"{what}: {answer[0]} and not {status}: {answer[1].decode(errors='replace')}")


def traffic(address, key):
    """One round of uploads and what else a gateway sees."""
    file = b"hello " * 500
    text = {"Content_Type": "text/plain"}
    expect(201, request(address, "PUT", "/kustomer/media/a.txt", file, **text), "a good upload")
    expect(201, request(address, "PUT", "/teamwork/desk/file/a.txt", file, **text), "a good upload")
    expect(422, request(address, "PUT", "/kustomer/media/a.exe", file), "a refused upload")
    expect(404, request(address, "POST", "/nowhere", file), "an upload to no route")
    expect(502, request(address, "PUT", "/down/a.txt", file), "an upload to an upstream that is not there")
    expect(502, request(address, "PUT", "/unwelcome/a.txt", file), "an upload that the upstream refuses")
    expect(401, request(address, "PUT", "/limited/a.txt", b"x", X_Api_Key="tg_unknown"), "an unknown key")
    wish = json.dumps({"route": "limited"})
    expect(201, request(address, "POST", "/-/tickets", wish, X_Api_Key=key, Content_Type="application/json"), "a ticket")
    for _ in range(3):
        request(address, "PUT", "/limited/a.txt", file[:64], X_Api_Key=key)
    asked = {"Origin": "https://app.example.com", "Access_Control_Request_Method": "PUT"}
    expect(204, request(address, "OPTIONS", "/limited/a.txt", **asked), "a preflight")
    with socket.create_connection(address.split(":"), timeout=10) as connection:
        connection.sendall(b"malformed\r\n\r\n")
        connection.recv(1)


class Traffic(threading.Thread):
    """Rounds of traffic until it is stopped. A round that goes wrong ends it, and is told by `stop`."""

    def __init__(self, address, key):
        super().__init__(daemon=True)
        self.told = None
        self.over = threading.Event()
        self.round = lambda: traffic(address, key)

    def run(self):
        try:
            while not self.over.wait(0.4):
                self.round()
        except (Failure, OSError) as told:
            self.told = told

    def stop(self):
        self.over.set()
        self.join()
        if self.told is not None:
            raise Failure(f"the traffic failed: {self.told}")


class Prometheus:
    """A Prometheus with the example configuration, pointed at a gateway and told to hurry."""

    def __init__(self, folder, target):
        config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())
        config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(DEPLOY / "prometheus" / name) for name in config["rule_files"]]
        config["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        self.address = f"127.0.0.1:{free_port()}"
        flags = {"config.file": folder / "prometheus.yaml", "storage.tsdb.path": folder / "tsdb"}
        flags |= {"web.listen-address": self.address, "log.level": "error"}
        self.process = subprocess.Popen(["prometheus", *(f"--{name}={value}" for name, value in flags.items())])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)

    def ask(self, path, **parameters):
        """The `data` of an answer of the HTTP API."""
        if self.process.poll() is not None:
            raise Failure(f"prometheus ended with {self.process.returncode}")
        status, body = request(self.address, "GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        answer = json.loads(body)
        if answer["status"] != "success":
            raise Failure(f"{status} {answer['error']}: {parameters}")
        return answer["data"]

    def ready(self):
        try:
            return request(self.address, "GET", "/-/ready")[0] == 200
        except OSError:
            return False

    def has_number(self, query):
        """Whether a query gives at least one number. NaN is what quantiles of nothing are."""
        samples = self.ask("query", query=query)["result"]
        return any(math.isfinite(float(sample["value"][1])) for sample in samples)


def as_grafana_would(expression):
    """An expression with the dashboard's variables filled in: one job, and all instances and routes."""
    for name, value in {"$__rate_interval": "10s", "$job": "tidegate", "$instance": ".*", "$route": ".*"}.items():
        expression = expression.replace(name, value)
    if "$" in expression:
        raise Failure(f"a variable that is not known: {expression}")
    return expression


def queries():
    """What must give a number: the name of each query, and the query."""
    dashboard = json.loads((DEPLOY / "grafana/tidegate.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"panel `{panel['title']}`, {target['refId']}", as_grafana_would(target["expr"])
    for group in yaml.safe_load((DEPLOY / "prometheus/tidegate.rules.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield f"rule `{rule['record']}`", rule["record"]


def check_variables(prometheus):
    """The lists from which people choose, and the annotations, which are empty on a good day."""
    dashboard = json.loads((DEPLOY / "grafana/tidegate.json").read_text())
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            selector, label = variable["definition"].removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
            if not prometheus.ask(f"label/{label}/values", **{"match[]": as_grafana_would(selector)}):
                raise Failure(f"variable `{variable['name']}` has no value")
    for annotation in dashboard["annotations"]["list"]:
        prometheus.ask("query", query=annotation["expr"])


def check_rules(prometheus):
    """Every rule was evaluated without an error. How many there are."""
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    for rule in rules:
        if rule["health"] != "ok":
            raise Failure(f"rule `{rule['name']}` is {rule['health']}: {rule.get('lastError', '')}")
    return len(rules)


def main(tidegate):
    made = json.loads(subprocess.check_output([tidegate, "keys", "new", "--id", "team", "--json"], env={}))
    with tempfile.TemporaryDirectory() as folder, sandbox(tidegate) as environment:
        folder = pathlib.Path(folder)
        values = {"routes": ROOT / "config/routes", "sha256": made["entry"]["sha256"]}
        values["kustomer"] = environment["KUSTOMER_URL"]
        values["closed"] = f"http://127.0.0.1:{free_port()}"
        for name, text in {"tidegate.yaml": MAIN, **ROUTES}.items():
            (folder / name).write_text(text % values)
        environment = {**environment, "TICKETS": "a secret of thirty-two bytes or more"}
        with gateway(tidegate, folder / "tidegate.yaml", environment) as (uploads, admin):
            drive(folder, made["key"], uploads, admin)


def drive(folder, key, uploads, admin):
    lint = subprocess.run(["promtool", "check", "metrics"], input=request(admin, "GET", "/metrics")[1], check=False)
    if lint.returncode != 0:
        raise Failure("promtool objects to the metrics")
    sent = Traffic(uploads, key)
    sent.start()
    with Prometheus(folder, admin) as prometheus:
        began = time.monotonic()
        waiting = dict(queries())
        count = len(waiting)
        while not prometheus.ready():
            if time.monotonic() - began > PATIENCE:
                raise Failure("prometheus did not become ready")
            time.sleep(0.1)
        while waiting and time.monotonic() - began < PATIENCE and sent.is_alive():
            waiting = {name: query for name, query in waiting.items() if not prometheus.has_number(query)}
            time.sleep(0.5)
        sent.stop()
        if waiting:
            raise Failure("no number from " + "\n".join(f"{name}: {query}" for name, query in waiting.items()))
        check_variables(prometheus)
        rules = check_rules(prometheus)
        took = time.monotonic() - began
    print(f"deploy: {count} queries gave numbers and {rules} rules were evaluated on a real scrape, in {took:.0f} s")


if __name__ == "__main__":
    try:
        main(os.path.abspath(sys.argv[1]))
    except Failure as told:
        sys.exit(f"deploy: {told}")
