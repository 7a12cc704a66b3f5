"""What reaches a provider: its own credential and who the tenant is, and nothing of ours."""

import pytest
from calls import chat, message

SPOOFED = {"X-Tenant-ID": "t-other", "X-Tenant-Slug": "other", "X-Principal-ID": "root", "X-Auth-Method": "mtls"}


@pytest.fixture
def sees(gate, acme):
    """Makes one call of each client, with headers that claim to be another, and returns what the provider received."""
    chat(gate.openai(acme.key, default_headers=SPOOFED))
    message(gate.anthropic(acme.key, default_headers=SPOOFED))
    openai_request, anthropic_request = gate.primary.requests()
    return {"openai": openai_request, "anthropic": anthropic_request}


def test_provider_gets_its_own_key_and_not_the_tenants(gate, acme, sees):
    assert sees["openai"].header("authorization") == f"Bearer {gate.provider_key}"
    assert sees["openai"].header("x-api-key") is None
    assert sees["anthropic"].header("x-api-key") == gate.provider_key
    assert sees["anthropic"].header("authorization") is None
    assert not any(request.holds(acme.key) for request in sees.values())


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_provider_is_told_the_tenant_that_the_key_proves(acme, sees, kind):
    request = sees[kind]
    assert request.header("x-tenant-id") == acme.id
    assert request.header("x-tenant-slug") == acme.slug
    assert request.header("x-auth-method") == "api_key"
    assert request.header("x-principal-id") not in (None, "root")
    assert request.header("x-request-id") and request.header("traceparent")


def test_body_says_who_in_the_providers_own_field_and_by_a_digest(acme, sees):
    digests = sees["openai"].json()["safety_identifier"], sees["anthropic"].json()["metadata"]["user_id"]
    assert all(digests)
    assert not any(acme.slug in digest or acme.id in digest for digest in digests)


def test_clients_own_headers_pass_unchanged(gate, sees):
    for kind in ("openai", "anthropic"):
        client = getattr(gate, kind)("unused")
        own = ("user-agent", "x-stainless-lang", "x-stainless-package-version")
        assert {name: sees[kind].header(name) for name in own} == {name: default(client, name) for name in own}
    assert sees["anthropic"].header("anthropic-version") == default(gate.anthropic("unused"), "anthropic-version")


def default(client, header):
    """What the client sends in that header with every request."""
    names = {name.lower(): value for name, value in client.default_headers.items()}
    return names[header]
