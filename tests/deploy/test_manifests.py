"""The Kubernetes manifests, judged offline: by their schema, by kustomize, and by what the gate itself says of its config."""

import importlib.util
import pathlib
import secrets
import shutil
import subprocess
import sys

import pytest
import yaml
from calls import answer_of
from gate import Gate
from processes import BINARY, REPOSITORY

KUBERNETES = REPOSITORY / "deploy" / "kubernetes"
KUSTOMIZATION = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
CONFIG = yaml.safe_load((KUBERNETES / "wardgate.yaml").read_text())
SECRETS = "/run/secrets/wardgate"


def manifest(name):
    return yaml.safe_load((KUBERNETES / name).read_text())


POD = manifest("deployment.yaml")["spec"]["template"]["spec"]
[GATE], [APP] = POD["initContainers"], POD["containers"]
VOLUMES = {volume["name"]: volume for volume in POD["volumes"]}


def variables(container):
    return {each["name"]: each["value"] for each in container["env"]}


def mounts(container):
    return {mount["mountPath"]: VOLUMES[mount["name"]] for mount in container["volumeMounts"]}


def port(address):
    return int(address.rsplit(":", 1)[1])


def assert_valid(*files):
    validator = pathlib.Path(sys.executable).parent / "kubernetes-validate"
    judged = subprocess.run([validator, "--strict", *files], capture_output=True, text=True)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_every_file_is_listed_and_every_listed_file_exists():
    generated = [file for each in KUSTOMIZATION["configMapGenerator"] for file in each["files"]]
    listed = {"kustomization.yaml", *KUSTOMIZATION["resources"], *generated}
    assert listed == {path.name for path in KUBERNETES.iterdir() if path.is_file()}


@pytest.mark.parametrize("name", KUSTOMIZATION["resources"])
def test_manifest_is_valid_for_kubernetes_in_every_field(name):
    assert_valid(KUBERNETES / name)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not here")
def test_kustomize_builds_valid_manifests_that_refer_to_each_other(tmp_path):
    built = subprocess.run(["kubectl", "kustomize", KUBERNETES], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    objects = {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(built.stdout)}
    assert len(objects) == len(KUSTOMIZATION["resources"]) + len(KUSTOMIZATION["configMapGenerator"])
    files = [tmp_path / f"{number}.yaml" for number in range(len(objects))]
    for file, each in zip(files, objects.values()):
        file.write_text(yaml.safe_dump(each))
    assert_valid(*files)
    pod = objects["Deployment", "app"]["spec"]["template"]["spec"]
    assert pod["initContainers"][0]["image"] == "wardgate:0.1.0"
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    config_map = volumes["config"]["projected"]["sources"][0]["configMap"]["name"]
    assert yaml.safe_load(objects["ConfigMap", config_map]["data"]["wardgate.yaml"]) == CONFIG
    assert "app.py" in objects["ConfigMap", volumes["script"]["configMap"]["name"]]["data"]
    assert ("PersistentVolumeClaim", volumes["store"]["persistentVolumeClaim"]["claimName"]) in objects
    assert ("ServiceAccount", pod["serviceAccountName"]) in objects


def test_gate_is_a_native_sidecar_with_probes_on_its_admin_port():
    assert GATE["restartPolicy"] == "Always"
    assert GATE["ports"] == [{"name": "admin", "containerPort": port(CONFIG["admin"]["listen"])}]
    probes = {name: GATE[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert {probe["port"] for probe in probes.values()} == {"admin"}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startupProbe": "/readyz",
        "readinessProbe": "/readyz",
        "livenessProbe": "/livez",
    }


@pytest.mark.parametrize("container", [GATE, APP], ids=lambda container: container["name"])
def test_container_may_do_nothing_that_it_need_not(container):
    security = container["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"].keys() == {"requests", "limits"}
    assert "memory" in container["resources"]["limits"]


def test_pod_is_nobodys_root_and_has_no_token_of_the_cluster():
    security = POD["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] == security["runAsGroup"] == security["fsGroup"] == 65532
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False
    assert manifest("serviceaccount.yaml")["automountServiceAccountToken"] is False


def test_traffic_is_for_the_pod_alone_and_the_app_speaks_to_it():
    listen = CONFIG["server"]["listen"]
    assert listen.startswith("127.0.0.1:")
    assert variables(APP)["OPENAI_BASE_URL"] == f"http://localhost:{port(listen)}/v1"


def test_config_and_secrets_are_projected_where_the_gate_looks():
    mounted = mounts(GATE)
    config = pathlib.PurePosixPath(variables(GATE)["WARDGATE_CONFIG"])
    assert config.name in KUSTOMIZATION["configMapGenerator"][0]["files"]
    assert mounted[str(config.parent)]["projected"]["sources"] == [{"configMap": {"name": "wardgate"}}]
    [source] = mounted[SECRETS]["projected"]["sources"]
    projected = {f"{SECRETS}/{item['path']}" for item in source["secret"]["items"]}
    named = [secret["file"] for secret in CONFIG["auth"]["jwt"]["secrets"]]
    named += [upstream["api_key"]["file"] for upstream in CONFIG["upstreams"]]
    assert sorted(named) == sorted(projected)
    store = pathlib.PurePosixPath(CONFIG["store"]["url"].removeprefix("sqlite:"))
    assert "persistentVolumeClaim" in mounted[str(store.parent)]


def test_app_finds_its_key_where_it_is_mounted():
    key = pathlib.PurePosixPath(variables(APP)["OPENAI_API_KEY_FILE"])
    assert "secret" in mounts(APP)[str(key.parent)]


def test_no_manifest_holds_a_secret():
    for path in KUBERNETES.iterdir():
        assert "kind: Secret" not in path.read_text(), path.name


def check_config(directory):
    """What `wardgate check` says of the ConfigMap's file, with the Secret's files and the store in `directory` instead."""
    text = (KUBERNETES / "wardgate.yaml").read_text()
    text = text.replace(SECRETS, str(directory)).replace("/var/lib/wardgate", str(directory))
    (directory / "wardgate.yaml").write_text(text)
    line = [BINARY, "check", "--config", directory / "wardgate.yaml"]
    return subprocess.run(line, capture_output=True, text=True, timeout=30)


def test_gate_accepts_its_config_once_the_secrets_are_there(tmp_path):
    without = check_config(tmp_path)
    assert without.returncode == 1
    files = ("jwt-secret", "openai-api-key", "anthropic-api-key")
    assert all(name in without.stderr for name in files)
    for name in files:
        (tmp_path / name).write_text(secrets.token_hex(32) + "\n")
    accepted = check_config(tmp_path)
    assert accepted.returncode == 0, accepted.stderr
    assert "warning" not in accepted.stderr


def test_app_is_answered_through_a_gate(tmp_path, monkeypatch):
    with Gate(tmp_path) as gate:
        (tmp_path / "api-key").write_text(gate.tenant("acme").key + "\n")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{gate.url}/v1")
        monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "api-key"))
        spec = importlib.util.spec_from_file_location("app", KUBERNETES / "app.py")
        app = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(app)
        assert app.ask("Say hello.") == answer_of("primary", "Say hello.")
