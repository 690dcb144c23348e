"""Checks docker/compose.yaml, docker/systemd and docker/kubernetes; run by docker/check-deployment."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import compose_spec
import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
EXPOSURE_MAX = 1.5  # systemd-analyze's scale: 0 is locked up, 10 is open.
failed = 0
passed = 0


def report(good, what, seen):
    global failed, passed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{'PASS' if good else 'FAIL'}  {what}: {seen}")


def faults(what, found, fine):
    report(not found, what, "; ".join(found) if found else fine)


def check_compose():
    path = DOCKER / "compose.yaml"
    document = yaml.safe_load(path.read_text())  # Resolves anchors and merges.
    plain = {key: value for key, value in document.items() if not key.startswith("x-")}
    try:
        parsed = compose_spec.PyCompose.from_json(json.dumps(plain))
        names = sorted(parsed.services)
        report(True, "compose.yaml is what the Compose specification allows", ", ".join(names))
    except Exception as error:
        report(False, "compose.yaml is what the Compose specification allows", error)
        return
    services = document["services"]
    check_confinement(services)
    check_files(document, services)
    check_dependencies(services)
    check_networks(document, services)
    check_prometheus(services)
    check_grafana(services)
    published = [str(port) for service in services.values() for port in service.get("ports", [])]
    faults(
        "what is published is published on loopback alone",
        [port for port in published if not port.startswith("127.0.0.1:")], f"{len(published)} ports")
    images = {name: service["image"] for name, service in services.items()}
    faults(
        "images of others have a version",
        [f"{name}: {image}" for name, image in images.items()
         if "build" not in services[name] and (":" not in image or image.endswith(":latest"))],
        ", ".join(sorted(set(images.values()))))


def check_confinement(services):
    found = []
    for name, service in services.items():
        if service.get("read_only") is not True:
            found.append(f"{name} may write to its root")
        if service.get("cap_drop") != ["ALL"]:
            found.append(f"{name} keeps capabilities")
        if "no-new-privileges:true" not in service.get("security_opt", []):
            found.append(f"{name} may gain privileges")
        if service.get("cap_add") or service.get("privileged"):
            found.append(f"{name} is given privileges")
        user = str(service.get("user", "")).split(":")[0]
        if "build" not in service and (not user.isdigit() or user == "0"):
            found.append(f"{name} runs as its image's user")
        for key, value in (service.get("environment") or {}).items():
            # A URL without a user is an address.
            if re.search(r"(PASSWORD|KEY|URL)$", key) and not re.fullmatch(r"https?://[^@]*", str(value)):
                found.append(f"{name} has a secret in {key}")
    faults("every service is confined, and takes its secrets from files", found, f"{len(services)} services")


def check_files(document, services):
    with tempfile.TemporaryDirectory() as folder:
        first = run([DOCKER / "make-secrets", folder])
        before = {file.name: file.read_bytes() for file in pathlib.Path(folder).iterdir()}
        run([DOCKER / "make-secrets", folder])
        after = {file.name: file.read_bytes() for file in pathlib.Path(folder).iterdir()}
        report(first.returncode == 0 and before == after, "make-secrets makes nothing over", f"{len(before)} files")
        secrets = document.get("secrets", {})
        missing = [name for name, secret in secrets.items() if pathlib.Path(secret["file"]).name not in before]
        missing += [f"{name} of {service}" for service, body in services.items() for name in body.get("secrets", [])
                    if name not in secrets]
        faults("make-secrets makes every secret that is mounted", missing, f"{len(secrets)} secrets")
    found, mounted = [], 0
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source = str(volume).split(":")[0] if isinstance(volume, str) else volume.get("source", "")
            if source.startswith("."):
                mounted += 1
                if not (DOCKER / source).exists():
                    found.append(f"{name} mounts {source}")
            elif source not in document.get("volumes", {}):
                found.append(f"{name} mounts the unknown volume {source}")
        build = service.get("build")
        if build and not (DOCKER / build["context"] / build["dockerfile"]).is_file():
            found.append(f"{name} is built from a Dockerfile that is not there")
    faults("every file that is mounted is there", found, f"{mounted} files and folders")


def check_dependencies(services):
    found, gates = [], 0
    for name, service in services.items():
        for other, gate in service.get("depends_on", {}).items():
            gates += 1
            body = services.get(other)
            condition = gate.get("condition")
            if body is None:
                found.append(f"{name} waits for {other}, which is not there")
            elif condition == "service_healthy":
                check = body.get("healthcheck") or {}
                if check.get("disable") or (not check and "build" not in body):
                    found.append(f"{name} waits for the health of {other}, which has no check")
            elif condition != "service_completed_successfully":
                found.append(f"{name} waits for {other} only to be started")
    faults("services wait for the health of what they need", found, f"{gates} gates")


def networks(service):
    return set(service.get("networks", ["default"]))


def check_networks(document, services):
    """Who talks to whom: the worker's endpoint is not encrypted, and bots have no business with it."""
    known = set(document.get("networks", {}))
    found = [f"{name} is in the unknown network {other}"
             for name, service in services.items() for other in networks(service) - known]
    found += [f"{name} waits for {other}, which it can't reach"
              for name, service in services.items() for other, gate in service.get("depends_on", {}).items()
              if gate["condition"] == "service_healthy" and other != "worker"
              and not networks(service) & networks(services[other])]
    found += [f"{name} shares a network with the worker" for name, service in services.items()
              if name in ("bot", "grafana") and networks(service) & networks(services["worker"]) - {"monitoring"}]
    if networks(services["bot"]) & networks(services["worker"]):
        found.append("the bot reaches the worker's endpoint")
    for name, service in services.items():
        inside = all((document["networks"].get(other) or {}).get("internal") for other in networks(service) & known)
        if service.get("ports") and inside:
            found.append(f"{name} is published, but only in internal networks")
    faults("services share networks only with what they talk to", found, f"{len(known)} networks")


def mounts(service):
    """What is mounted from this folder: the place in the container, and the file."""
    pairs = (volume.split(":")[:2] for volume in service.get("volumes", []) if volume.startswith("."))
    return {target: DOCKER / source for source, target in pairs}


def check_prometheus(services):
    service, worker = services["prometheus"], services["worker"]
    found = []
    named = next(word.split("=", 1)[1] for word in service["command"] if word.startswith("--config.file="))
    configuration = mounts(service).get(named)
    if configuration is None:
        report(False, "Prometheus reads a configuration that is mounted", f"{named} is not")
        return
    for path in (configuration, DOCKER / "prometheus/prometheus.yml"):
        checked = run([os.environ["PROMTOOL"], "check", "config", path])
        if checked.returncode:
            found.append(f"{path.name}: {(checked.stdout + checked.stderr).strip().splitlines()[-1]}")
        for rules in yaml.safe_load(path.read_text())["rule_files"]:
            if path == configuration and str(pathlib.Path(named).parent / rules) not in mounts(service):
                found.append(f"{rules} is not mounted beside {named}")
    faults("promtool takes the configurations, and their rules are mounted", found, "prometheus.yml, compose.yml")

    source = (ROOT / "Sources/Operations/EndpointConfiguration.swift").read_text()
    port = int(re.search(r"portDefault = (\d+)", source)[1])
    host = re.search(r'var host = "([^"]+)"', source)[1]
    environment = worker["environment"]
    listens = int(environment.get("AFTERTHOUGHT_HTTP_PORT", port))
    found = []
    job = next(job for job in yaml.safe_load(configuration.read_text())["scrape_configs"]
               if job["job_name"] == "afterthought")
    for target in job["dns_sd_configs"]:
        if target["names"] != ["worker"] or target["port"] != listens:
            found.append(f"it scrapes {target['names']}:{target['port']}, the worker listens on {listens}")
    if environment.get("AFTERTHOUGHT_HTTP_HOST", host).startswith("127."):
        found.append("the worker listens on its own loopback address alone")
    if not networks(service) & networks(worker):
        found.append("Prometheus and the worker share no network")
    if any(str(listens) in str(published) for published in worker.get("ports", [])):
        found.append("the worker's endpoint is published")
    if environment.get("AFTERTHOUGHT_ADMIN_KEY_FILE"):
        found.append("the administrator's key would go over a network without encryption")
    plain = yaml.safe_load((DOCKER / "prometheus/prometheus.yml").read_text())
    targets = plain["scrape_configs"][0]["static_configs"][0]["targets"]
    if targets != [f"{host}:{port}"]:
        found.append(f"prometheus.yml scrapes {targets}, a worker listens on {host}:{port}")
    faults("Prometheus scrapes what the workers listen on", found, f"worker:{listens}, {targets[0]}")


def check_grafana(services):
    service, found = services["grafana"], []
    environment, mounted = service["environment"], mounts(service)
    used = set()
    for target, folder in mounted.items():
        for path in sorted(folder.rglob("*.yml")):
            text = path.read_text()
            used |= set(re.findall(r"\$\{([A-Z_]+)\}", text))
            secrets = re.findall(r"\$__file\{/run/secrets/(\w+)\}", text)
            found += [f"{path.name} reads {name}, which is not mounted" for name in secrets
                      if name not in service["secrets"]]
            for provider in (yaml.safe_load(text) or {}).get("providers", []):
                if provider["options"]["path"] not in mounted:
                    found.append(f"{path.name} looks into {provider['options']['path']}, where nothing is mounted")
    found += [f"{name} is used and not set" for name in used if name not in environment]
    found += [f"{name} is set and not used" for name in environment
              if name.startswith("AFTERTHOUGHT_") and name not in used]
    user = (DOCKER / "postgres/10-users.sh").read_text()
    if f"create role {environment['AFTERTHOUGHT_MONITOR_USER']} login" not in user:
        found.append("10-users.sh makes no such user")
    for name, key in (("prometheus", "AFTERTHOUGHT_PROMETHEUS_URL"), ("postgres", "AFTERTHOUGHT_MONITOR_HOST")):
        if f"{name}:" not in environment[key] or not networks(service) & networks(services[name]):
            found.append(f"{key} does not lead to {name}")
    if not any(path.glob("*.json") for path in mounted.values()):
        found.append("no dashboard is mounted")
    faults("Grafana's sources have their variables, secrets and files", found, ", ".join(sorted(used)))


def check_systemd():
    units = sorted((DOCKER / "systemd").glob("*.service"))
    with tempfile.TemporaryDirectory() as folder:
        # The program may not be installed here; the units themselves are what is looked at.
        program = shutil.copy("/bin/true", pathlib.Path(folder) / "afterthought")
        for unit in units:
            text = unit.read_text().replace("/usr/local/bin/afterthought", str(program))
            (pathlib.Path(folder) / unit.name).write_text(text)
        for unit in units:
            copy = pathlib.Path(folder) / unit.name
            verified = run(["systemd-analyze", "verify", "--man=no", copy])
            said = (verified.stdout + verified.stderr).strip()
            ours = [line for line in said.splitlines() if unit.name in line]
            report(verified.returncode == 0 and not ours, f"systemd reads {unit.name}", ours or "no complaint")
            judged = run(["systemd-analyze", "security", "--offline=yes", copy])
            match = re.search(r"exposure level for \S+: ([0-9.]+)", judged.stdout)
            level = float(match[1]) if match else 10
            report(
                level <= EXPOSURE_MAX, f"{unit.name} is exposed by at most {EXPOSURE_MAX} of 10", f"{level}")


def check_kubernetes():
    for path in sorted((DOCKER / "kubernetes").glob("*.yaml")):
        documents = [document for document in yaml.safe_load_all(path.read_text()) if document]
        for version in ("1.29.0", "1.37.0"):
            found = []
            for document in documents:
                try:
                    kubernetes_validate.validate(document, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    found.append(f"{'/'.join(map(str, error.path))}: {error.message}")
                except Exception as error:
                    found.append(f"{type(error).__name__}: {error}")
            faults(f"{path.name} is what Kubernetes {version} takes", found, f"{len(documents)} documents")
        for document in documents:
            check_pod(path, document["spec"]["template"]["spec"])


def check_pod(path, pod):
    found = []
    if pod["securityContext"].get("runAsNonRoot") is not True:
        found.append("the pod may run as root")
    volumes = {volume["name"] for volume in pod["volumes"]}
    containers = pod.get("initContainers", []) + pod["containers"]
    for container in containers:
        context = container["securityContext"]
        if not context.get("readOnlyRootFilesystem") or context.get("allowPrivilegeEscalation") is not False:
            found.append(f"{container['name']} is not confined")
        if context.get("capabilities", {}).get("drop") != ["ALL"]:
            found.append(f"{container['name']} keeps capabilities")
        if not container.get("resources", {}).get("limits", {}).get("memory"):
            found.append(f"{container['name']} has no memory limit")
        found += [f"{container['name']} mounts the unknown volume {mount['name']}"
                  for mount in container.get("volumeMounts", []) if mount["name"] not in volumes]
    worker = next(container for container in containers if container["name"] == "worker")
    for probe in ("startupProbe", "livenessProbe"):
        command = worker.get(probe, {}).get("exec", {}).get("command", [""])
        if command[0] != "/usr/local/bin/afterthought":
            found.append(f"{probe} does not ask the program")
    faults(f"{path.name} confines and probes its containers", found, f"{len(containers)} containers")


def check_names():
    """Every setting that these files name is one that the program knows."""
    sources = "\n".join(path.read_text() for path in (ROOT / "Sources").rglob("*.swift"))
    known = set(re.findall(r'"(AFTERTHOUGHT_[A-Z0-9_]+)"', sources))
    # Of Grafana's own files; check_grafana compares those.
    provisioned = "\n".join(path.read_text() for path in (DOCKER / "grafana/provisioning").rglob("*.yml"))
    known |= set(re.findall(r"\$\{(AFTERTHOUGHT_[A-Z0-9_]+)\}", provisioned))
    used = {}
    files = [DOCKER / "Dockerfile", DOCKER / "compose.yaml", *DOCKER.glob("systemd/*"), *DOCKER.glob("kubernetes/*")]
    for path in files:
        for name in re.findall(r"AFTERTHOUGHT_[A-Z0-9_]+", path.read_text()):
            used.setdefault(name, path.name)
    faults(
        "every setting is one that the program knows",
        [f"{name} in {file}" for name, file in used.items() if name not in known], ", ".join(sorted(used)))


def run(words):
    environment = dict(os.environ, SYSTEMD_LOG_LEVEL="warning", SYSTEMD_COLORS="0")
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, env=environment)


check_compose()
check_systemd()
check_kubernetes()
check_names()
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
