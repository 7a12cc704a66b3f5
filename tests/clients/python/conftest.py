"""What the tests share: one gate for most, and a gate of one's own for those that break something."""

import os

import pytest
from gate import Gate


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_this_machine():
    """A key or an address in the environment would change what the clients send."""
    for name in [name for name in os.environ if name.startswith(("OPENAI_", "ANTHROPIC_"))]:
        del os.environ[name]


@pytest.fixture(scope="session")
def shared_gate(tmp_path_factory):
    with Gate(tmp_path_factory.mktemp("gate")) as gate:
        yield gate


@pytest.fixture
def gate(shared_gate):
    """The shared gate, its providers with nothing received yet."""
    shared_gate.primary.forget()
    shared_gate.secondary.forget()
    return shared_gate


@pytest.fixture
def own_gate(tmp_path):
    with Gate(tmp_path) as gate:
        yield gate


@pytest.fixture(scope="session")
def acme(shared_gate):
    """A tenant in good standing."""
    return shared_gate.tenant("acme")
