"""Checks what stands in deploy/kubernetes, and what the chart renders, and serves each configuration in them.

`manifests.py TIDEGATE`. Documents are checked against the schemas of Kubernetes, and then against each other and the gateway: what no
schema knows, such as a grace period that is shorter than a drain. Each workload's files are laid down as its pod would see them, and
the gateway runs on them.
"""

import base64
import http.client
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import sys
import tempfile

import helm_python
import kubernetes_validate
import yaml

from processes import Failure, gateway

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/tidegate"
DASHBOARD = ROOT / "deploy/grafana/tidegate.json"
# The oldest version that has all that is used, and the newest whose schemas there are.
VERSIONS = ["1.30", kubernetes_validate.latest_version()]
# What the operator of Prometheus defines, so Kubernetes has no schema for it.
OPERATOR = "monitoring.coreos.com/v1"
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
# After `timeouts.drain`: undo requests, and last answers (docs/operations.md).
AFTER_DRAIN = 20
# What the process needs beside its buffers: itself, tasks, heads, TLS state.
BESIDE_BUDGET = 64 * 2**20


def require(holds, what):
    if not holds:
        raise Failure(what)


def size(text):
    """Bytes of a quantity of Kubernetes or of the gateway."""
    number, unit = re.fullmatch(r"(\d+)(\w+)", text).groups()
    return int(number) * UNITS[unit]


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()
    return int(number) * (60 if unit == "m" else 1)


def documents(folder):
    """The documents below a folder, each with its file."""
    found = []
    for path in sorted(folder.rglob("*.yaml")):
        found += [(path.name, document) for document in yaml.safe_load_all(path.read_text()) if document]
    return found


def rendered(folder, values):
    """The documents that the chart in a folder gives with these values."""
    with helm_python.Chart.load(folder) as chart:
        files = chart.render(values, name="up", namespace="uploads")
    found = []
    for path, text in files.items():
        if path.endswith(".yaml"):
            found += [(path, document) for document in yaml.safe_load_all(text) if document]
    return found


def check_schema(file, document):
    if document["apiVersion"] == OPERATOR:
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as told:
            raise Failure(f"{file}: Kubernetes {version}: {told.message}") from None


class Set:
    """Documents that are applied together."""

    def __init__(self, name, found):
        self.name = name
        for file, document in found:
            check_schema(f"{name}: {file}", document)
        self.all = [document for _, document in found]
        workloads = self.kind("Deployment")
        require(len(workloads) == 1, f"{name}: one Deployment and not {len(workloads)}")
        self.workload = workloads[0]
        self.template = self.workload["spec"]["template"]
        self.pod = self.template["spec"]
        self.containers = self.pod.get("initContainers", []) + self.pod["containers"]
        self.container = next(one for one in self.containers if one["name"] == "tidegate")
        self.config_map = self.by_name("ConfigMap", self.mounted("/etc/tidegate")["configMap"]["name"])
        self.main = yaml.safe_load(self.config_map["data"]["tidegate.yaml"])

    def kind(self, kind):
        return [document for document in self.all if document["kind"] == kind]

    def by_name(self, kind, name):
        return next(document for document in self.kind(kind) if document["metadata"]["name"] == name)

    def mounted(self, path):
        """The volume that is mounted there."""
        mount = next(mount for mount in self.container["volumeMounts"] if mount["mountPath"] == path)
        return next(volume for volume in self.pod["volumes"] if volume["name"] == mount["name"])

    def selects(self, selector):
        """Whether a selector finds the pod."""
        return bool(selector) and selector.items() <= self.template["metadata"]["labels"].items()

    def check(self):
        for check in [self.security, self.times, self.resources, self.probes, self.references, self.operator]:
            try:
                check()
            except Failure as told:
                raise Failure(f"{self.name}: {told}") from None

    def security(self):
        """What the namespace label `restricted` demands, and no way to write or to ask the cluster."""
        context = self.pod["securityContext"]
        require(context["runAsNonRoot"] and context["seccompProfile"]["type"] == "RuntimeDefault", "the pod is not restricted")
        require(self.pod["automountServiceAccountToken"] is False, "the pod has a token of the cluster")
        for container in self.containers:
            context = container["securityContext"]
            closed = [not context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]]
            require(all(closed) and context["capabilities"] == {"drop": ["ALL"]}, f"{container['name']} is not restricted")

    def times(self):
        """A drain ends before the kubelet ends it."""
        pause = self.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        needed = pause + seconds(self.main["timeouts"]["drain"]) + AFTER_DRAIN
        given = self.pod["terminationGracePeriodSeconds"]
        require(given > needed, f"the pod is given {given} s to end and needs more than {needed} s")

    def resources(self):
        limit = size(self.container["resources"]["limits"]["memory"])
        budget = size(self.main["limits"]["memory"])
        require(limit >= budget + BESIDE_BUDGET, "the container's memory leaves no room beside limits.memory")

    def probes(self):
        paths = {"startupProbe": "/readyz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
        for probe, path in paths.items():
            require(self.container[probe]["httpGet"] == {"path": path, "port": "admin"}, f"{probe} asks something else")
        ports = {port["name"]: port["containerPort"] for port in self.container["ports"]}
        for name, address in [("admin", self.main["admin"]["address"]), ("uploads", self.main["listeners"][0]["address"])]:
            port = int(re.search(r":(\d+)\"", address).group(1))
            require(ports.get(name, port) == port, f"port {name} is {ports.get(name)}, and the gateway listens at {port}")

    def references(self):
        """Selectors find the pod, and ports have the names by which they are called."""
        ports = {port["name"] for port in self.container["ports"]}
        require(self.selects(self.workload["spec"]["selector"]["matchLabels"]), "the Deployment does not select its pods")
        for service in self.kind("Service"):
            name = service["metadata"]["name"]
            require(self.selects(service["spec"]["selector"]), f"Service {name} selects nothing")
            require({port["targetPort"] for port in service["spec"]["ports"]} <= ports, f"Service {name} leads nowhere")
        for policy in self.kind("NetworkPolicy"):
            require(self.selects(policy["spec"]["podSelector"]["matchLabels"]), "the NetworkPolicy selects nothing")
            opened = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
            require(opened == ports, f"the NetworkPolicy opens {opened} and not {ports}")
        for budget in self.kind("PodDisruptionBudget"):
            require(self.selects(budget["spec"]["selector"]["matchLabels"]), "the PodDisruptionBudget selects nothing")
        for scaler in self.kind("HorizontalPodAutoscaler"):
            require(scaler["spec"]["scaleTargetRef"]["name"] == self.workload["metadata"]["name"], "nothing is scaled")
            require("replicas" not in self.workload["spec"], "two say how many replicas there are")

    def operator(self):
        """Monitors find what they scrape, and rules and dashboard are those of this repository."""
        for monitor in self.kind("ServiceMonitor"):
            wanted = monitor["spec"]["selector"]["matchLabels"].items()
            found = [one for one in self.kind("Service") if wanted <= one["metadata"]["labels"].items()]
            require(len(found) == 1, f"the ServiceMonitor finds {len(found)} services")
            names = {port["name"] for port in found[0]["spec"]["ports"]}
            require({endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= names, "its port is not there")
            require(found[0]["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "tidegate", "the job has another name")
        for monitor in self.kind("PodMonitor"):
            require(self.selects(monitor["spec"]["selector"]["matchLabels"]), "the PodMonitor selects nothing")
        for rule in self.kind("PrometheusRule"):
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                yaml.safe_dump(rule["spec"], file)
                file.flush()
                subprocess.run(["promtool", "check", "rules", file.name], check=True, stdout=subprocess.DEVNULL)
                groups = [group["name"] for group in rule["spec"]["groups"]]
                require("tidegate.alerts.objective" in groups and "tidegate.failures" in groups, "rules or alerts are missing")

        for config_map in self.kind("ConfigMap"):
            if "grafana_dashboard" in config_map["metadata"]["labels"]:
                text = config_map["data"]["tidegate.json"]
                require(text.strip() == DASHBOARD.read_text().strip(), "the dashboard is another one")

    def serve(self, tidegate):
        """Lays down what the container would see, and serves it."""
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            secrets = folder / "secrets"
            made = make_secrets(tidegate, secrets)
            for mount in self.container["volumeMounts"]:
                path = mount["mountPath"]
                require(path == "/etc/tidegate" or (secrets / pathlib.Path(path).name).is_dir(), f"{path}: no such secret")
            for name, text in self.config_map["data"].items():
                (folder / name).write_text(text.replace("/run/secrets", str(secrets)))
            environment = {entry["name"]: entry["value"] for entry in self.container.get("env", [])}
            main = folder / "tidegate.yaml"
            # With the addresses that are written there, so that a route without `access` is found out.
            checked = subprocess.run([tidegate, "check", "--config", main], env=environment, capture_output=True, text=True)
            require(checked.returncode == 0, f"{self.name}: {checked.stdout}{checked.stderr}")
            environment |= {"TIDEGATE_LISTEN": "127.0.0.1:0", "TIDEGATE_ADMIN": "127.0.0.1:0"}
            with gateway(tidegate, main, environment) as (uploads, admin):
                for path in ["/healthz", "/readyz"]:
                    connection = http.client.HTTPConnection(admin, timeout=10)
                    connection.request("GET", path)
                    require(connection.getresponse().status == 200, f"{self.name}: {path}")
                self.try_access(uploads, secrets, made)

    def try_access(self, address, secrets, key):
        """Where the listener has TLS, a client with the key is let in and one without is not."""
        if "tls" not in self.main["listeners"][0]:
            return
        trusted = ssl.create_default_context(cafile=secrets / "tls/tls.crt")
        answers = []
        for headers in [{}, {"X-Api-Key": key}]:
            connection = http.client.HTTPSConnection(address, context=trusted, timeout=30)
            connection.request("PUT", "/media/a.txt", b"x", headers)
            answers.append(json.loads(connection.getresponse().read())["type"].rsplit(":", 1)[1])
        # The upstreams of the examples do not exist: who gets that far was let in.
        require(answers[0] == "unauthenticated" and answers[1].startswith("upstream-"), f"{self.name}: {answers}")


def make_secrets(tidegate, folder):
    """The files of the secrets that deploy/README.md makes. The key whose entry is among them."""
    for name in ["tls", "access", "upstreams"]:
        (folder / name).mkdir(parents=True)
    flags = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=127.0.0.1"
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "tls/tls.key", "-out", folder / "tls/tls.crt"]
    subprocess.run(["openssl", *flags.split(), *files], check=True, capture_output=True)
    (folder / "tls/ca.crt").write_bytes((folder / "tls/tls.crt").read_bytes())
    made = json.loads(subprocess.check_output([tidegate, "keys", "new", "--id", "team", "--json"], env={}))
    entry = {name: value for name, value in made["entry"].items() if value is not None}
    (folder / "access/keys.yaml").write_text(yaml.safe_dump([entry]))
    (folder / "upstreams/media-token").write_text(base64.b64encode(os.urandom(24)).decode())
    return made["key"]


def check_chart(folder):
    """The chart's own mistakes, and those of whoever writes values."""
    report = helm_python.lint(folder, values("everything"), strict=True)
    told = [message["error"] for message in report["messages"] if message["severity"] > 1]
    require(not told and not report["errors"], f"chart: {told} {report['errors']}")
    with helm_python.Chart.load(folder) as chart:
        declared = yaml.safe_load((CHART / "values.yaml").read_text())
        require(declared.keys() | {"global"} == chart.schema["properties"].keys(), "values and their schema differ")
        mistakes = {
            "a typo": {"replicaCont": 3},
            "what the chart sets itself": {"config": {"limits": {"memory": "1GiB"}}},
            "a drain beside the chart's": {"config": {"timeouts": {"drain": "1s"}}},
            "TLS without a secret": {"tls": {"enabled": True, "secretName": ""}},
            "no route": {"routes": {}},
        }
        for what, change in mistakes.items():
            try:
                chart.render({**values("minimal"), **change}, name="up", namespace="uploads")
            except helm_python.HelmError:
                continue
            raise Failure(f"chart: {what} was not refused")


def values(name):
    return yaml.safe_load((CHART / "ci" / f"{name}-values.yaml").read_text())


def check_reload(folder):
    """A changed configuration changes the ConfigMap, which the gateway notices, and no pod."""
    configs, pods = set(), set()
    for idle in ["20s", "30s"]:
        found = rendered(folder, {**values("minimal"), "config": {"timeouts": {"idle": idle}}})
        of_kind = {document["kind"]: document for _, document in found}
        configs.add(json.dumps(of_kind["ConfigMap"], sort_keys=True))
        pods.add(json.dumps(of_kind["Deployment"], sort_keys=True))
    require(len(configs) == 2, "a changed configuration changes nothing")
    require(len(pods) == 1, "a changed configuration restarts the pods")


def main(tidegate):
    kubernetes = ROOT / "deploy/kubernetes"
    sets = [Set(folder.name, documents(folder)) for folder in sorted(kubernetes.iterdir())]
    with tempfile.TemporaryDirectory() as folder:
        # As in a package: dashboard and rules are files, and no longer links out of the chart.
        chart = shutil.copytree(CHART, pathlib.Path(folder) / "tidegate")
        check_chart(chart)
        check_reload(chart)
        sets += [Set(f"chart, {name} values", rendered(chart, values(name))) for name in ["minimal", "everything"]]
    for one in sets:
        one.check()
        one.serve(tidegate)
    count = sum(len(one.all) for one in sets)
    print(f"deploy: {count} documents in {len(sets)} sets hold for Kubernetes {' and '.join(VERSIONS)}, and their gateways serve")


if __name__ == "__main__":
    try:
        main(os.path.abspath(sys.argv[1]))
    except (Failure, subprocess.CalledProcessError) as told:
        sys.exit(f"deploy: {told}")
