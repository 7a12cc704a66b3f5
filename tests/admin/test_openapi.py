"""schemathesis over the whole document of the admin API: no 5xx, and nothing that the document does not say."""

import json
import os
import pathlib
import secrets
import subprocess
import sys
import urllib.request

import pytest
from gate import Gate

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLES = 40
"""Of each operation and phase: some 3,000 requests in half a minute."""
BY_DESIGN = "use_after_free"
"""DELETE ends a tenant, a key or a user, whose records stay: who had access is still told."""


class AdminGate(Gate):
    """A gate whose admin API is open to a token."""

    def __init__(self, directory):
        self.token = secrets.token_hex(32)
        (directory / "admin-token").write_text(self.token)
        (directory / "sealing-key").write_text(secrets.token_hex(32))
        super().__init__(directory)
        self.tenant("acme")

    def _config(self):
        config = json.loads(super()._config())
        config["admin"]["token"] = {"file": "admin-token"}
        config["sealing"] = {"keys": [{"id": "s1", "file": "sealing-key"}]}
        # Hundreds of passwords are hashed.
        config["auth"]["api_key"] = {"bcrypt_cost": 4}
        return json.dumps(config)

    def admin_url(self):
        lines = [json.loads(line) for line in self.serving.log.read_text().splitlines() if line.startswith("{")]
        return next(f"http://{line['admin']}" for line in lines if "wardgate listens" in line.get("message", ""))


@pytest.fixture
def admin_gate(tmp_path):
    with AdminGate(tmp_path) as gate:
        yield gate


def test_every_operation_keeps_what_the_document_says(admin_gate, tmp_path):
    url = f"{admin_gate.admin_url()}/admin/v1/openapi.json"
    tool = str(pathlib.Path(sys.executable).with_name("schemathesis"))
    flags = ["--checks", "all", "--exclude-checks", BY_DESIGN, "--max-examples", str(EXAMPLES), "--no-color"]
    # The same requests in every run: what is found once is found again.
    flags += ["--generation-deterministic"]
    command = [tool, "--config-file", str(HERE / "schemathesis.toml"), "run", url, *flags]
    command += ["-H", f"Authorization: Bearer {admin_gate.token}"]
    env = {**os.environ, "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py")}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
    document = json.load(urllib.request.urlopen(request(admin_gate, "/admin/v1/openapi.json"), timeout=5))
    # The tool passes over the document's own path.
    operations = sum(len(item) for path, item in document["paths"].items() if not path.endswith("/openapi.json"))
    assert f"Tested: {operations}" in done.stdout, done.stdout[-2_000:]
    assert document["openapi"].startswith("3.1")


def test_secrets_that_the_api_made_are_not_in_the_log(admin_gate):
    body = json.dumps({"tenant": "acme"}).encode()
    made = urllib.request.urlopen(request(admin_gate, "/admin/v1/keys", body), timeout=5)
    key = json.load(made)["key"]
    log = admin_gate.serving.log.read_text()
    assert key.split("_")[2] not in log and admin_gate.token not in log
    assert "key created" in log


def test_provider_key_that_a_tenant_was_given_is_not_in_the_log(admin_gate):
    key = f"sk-{secrets.token_hex(16)}"
    path = "/admin/v1/tenants/acme/provider-keys/openai-primary"
    put = request(admin_gate, path, json.dumps({"key": key}).encode())
    put.method = "PUT"
    answer = urllib.request.urlopen(put, timeout=5).read().decode()
    log = admin_gate.serving.log.read_text()
    assert "openai-primary" in answer and key not in answer
    assert "provider key set" in log and key not in log


def request(gate, path, body=None):
    headers = {"Authorization": f"Bearer {gate.token}", "Content-Type": "application/json"}
    return urllib.request.Request(gate.admin_url() + path, data=body, headers=headers)
