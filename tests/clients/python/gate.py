"""A gate before two mock providers, with tenants and keys made by the commands that operators use."""

import dataclasses
import json
import os
import secrets
import subprocess

import anthropic
import openai
from processes import BINARY, Mock, Process, ask

CALL_SECONDS = 20
"""Clients give up after this, so that a defect fails a test and does not hang it."""


@dataclasses.dataclass
class Tenant:
    id: str
    slug: str
    key: str


BOTH_SPEAK_BOTH = [(name, dialect) for name in ("primary", "secondary") for dialect in ("openai", "anthropic")]


NEVER_LEFT_ALONE = {"breaker": {"failures": 100_000, "failure_ratio": 1, "requests_min": 100_000}}
"""One test's faults must not be the next one's."""


class Gate:
    """`with Gate(directory) as gate` runs everything; the providers are `gate.primary` and `gate.secondary`.

    `upstreams` says in order which of them is configured, and with which dialect; with `in_order` every model has them for
    its targets in that order, whatever they speak.
    """

    def __init__(self, directory, upstreams=BOTH_SPEAK_BOTH, in_order=False):
        self.directory = directory
        self.upstreams = upstreams
        self.in_order = in_order
        self.provider_key = f"provider-{secrets.token_hex(16)}"
        self.signing_secret = secrets.token_hex(32)
        self.env = self._environment()
        self.primary = Mock(directory, "primary", self.provider_key)
        self.secondary = Mock(directory, "secondary", self.provider_key)
        (directory / "signing-secret").write_text(self.signing_secret)
        (directory / "wardgate.yaml").write_text(self._config())
        self.serving = Process(directory, "gate", "serve", "--config", "wardgate.yaml", env=self.env)
        self.url = f"http://{self._address()}"
        ready = lambda: (ask(f"{self.url}/health/ready") or [0])[0] == 200
        self.serving.wait_for(ready, "the gate is ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (self.serving, self.primary, self.secondary):
            process.stop()

    def wardgate(self, *arguments, stdin=""):
        """Runs one command beside the gate and returns what it printed."""
        line = [BINARY, *arguments, "--config", "wardgate.yaml"]
        surroundings = {"cwd": self.directory, "env": self.env, "timeout": 60}
        done = subprocess.run(line, input=stdin, capture_output=True, text=True, **surroundings)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout.strip()

    def tenant(self, slug):
        """A new tenant with a key."""
        made = json.loads(self.wardgate("tenant", "create", "--name", slug.title(), "--slug", slug, "--json"))
        return Tenant(made["id"], made["slug"], self.wardgate("key", "create", "--tenant", slug))

    def openai(self, key, **options):
        """An unmodified OpenAI client: nothing but its address is changed."""
        return openai.OpenAI(api_key=key, base_url=f"{self.url}/v1", **{"timeout": CALL_SECONDS, **options})

    def anthropic(self, key, **options):
        """An unmodified Anthropic client: nothing but its address is changed."""
        return anthropic.Anthropic(api_key=key, base_url=self.url, **{"timeout": CALL_SECONDS, **options})

    def seen(self):
        """Every request that a provider received since the test began."""
        return self.primary.requests() + self.secondary.requests()

    def _address(self):
        """The port is the system's choice; the gate tells it in its first log line."""

        def told():
            for line in self.serving.log.read_text().splitlines():
                entry = json.loads(line) if line.startswith("{") else {}
                if "wardgate listens" in entry.get("message", ""):
                    return entry["address"]
            return None

        return self.serving.wait_for(told, "the gate's address")

    def _environment(self):
        ours = {name: value for name, value in os.environ.items() if not name.startswith("WARDGATE")}
        return {**ours, "PROVIDER_KEY": self.provider_key}

    def _config(self):
        url = {"primary": self.primary.url, "secondary": self.secondary.url}
        upstreams = [
            {"name": f"{dialect}-{name}", "dialect": dialect, "url": url[name], "api_key": {"env": "PROVIDER_KEY"}}
            for name, dialect in self.upstreams
        ]
        config = {
            "server": {"listen": "127.0.0.1:0", "workers": 1, "drain_delay": "0s", "drain_timeout": "1s"},
            "admin": {"listen": "127.0.0.1:0"},
            "store": {"url": "sqlite:gate.db"},
            "auth": {"jwt": {"secrets": [{"file": "signing-secret"}]}, "session": {"enabled": True}},
            "upstreams": upstreams,
            "failover": NEVER_LEFT_ALONE,
            "telemetry": {"format": "json", "level": "info"},
        }
        if self.in_order:
            config["models"] = [{"name": "*", "targets": [{"upstream": each["name"]} for each in upstreams]}]
        # JSON is YAML.
        return json.dumps(config, indent=2)
