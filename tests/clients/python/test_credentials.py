"""Who is let in, and how quickly nobody is any more."""

import hashlib
import secrets
import time

import anthropic
import bcrypt
import jwt
import openai
import pytest
from calls import answer_of, chat, message, refused_for
from processes import PROMPTLY_SECONDS, until


class Counted:
    """An event hook for the clients' own transport: how many requests really went out."""

    def __init__(self):
        self.count = 0

    def hooks(self):
        return {"event_hooks": {"request": [self._note]}}

    def _note(self, _request):
        self.count += 1


def wrong(key):
    """The same key with another secret, and so with a checksum that does not hold."""
    return key[:-8] + ("A" * 8 if key[-8:] != "A" * 8 else "B" * 8)


@pytest.mark.parametrize("make", [wrong, lambda _: "sk-nobody", lambda _: f"llmk_nobody_{secrets.token_hex(16)}"])
def test_openai_client_with_a_wrong_key_asks_once_and_raises(gate, acme, make):
    counted = Counted()
    client = gate.openai(make(acme.key), http_client=openai.DefaultHttpxClient(**counted.hooks()))
    with pytest.raises(openai.AuthenticationError) as refused:
        chat(client)
    assert counted.count == 1
    assert refused.value.code == "invalid_api_key"
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert gate.seen() == []


@pytest.mark.parametrize("make", [wrong, lambda _: "sk-nobody", lambda _: f"llmk_nobody_{secrets.token_hex(16)}"])
def test_anthropic_client_with_a_wrong_key_asks_once_and_raises(gate, acme, make):
    counted = Counted()
    client = gate.anthropic(make(acme.key), http_client=anthropic.DefaultHttpxClient(**counted.hooks()))
    with pytest.raises(anthropic.AuthenticationError) as refused:
        message(client)
    assert counted.count == 1
    assert refused.value.body["error"]["type"] == "authentication_error"
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert gate.seen() == []


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_suspended_tenant_is_forbidden_at_once_and_let_in_again_when_active(gate, kind):
    tenant = gate.tenant(f"suspended-{kind}")
    client = getattr(gate, kind)(tenant.key)
    call, refusal = {
        "openai": (lambda: chat(client), openai.PermissionDeniedError),
        "anthropic": (lambda: message(client), anthropic.PermissionDeniedError),
    }[kind]
    call()
    gate.wardgate("tenant", "suspend", tenant.slug)
    refused = until(lambda: refused_for(call, refusal), "the tenant is refused", PROMPTLY_SECONDS)
    assert refused.response.headers["x-should-retry"] == "false"
    gate.primary.forget()
    assert refused_for(call, refusal) and gate.seen() == []
    gate.wardgate("tenant", "activate", tenant.slug)
    until(lambda: refused_for(call, refusal) is None, "the tenant is let in again", PROMPTLY_SECONDS)


def test_revoked_key_is_refused_at_once(gate):
    tenant = gate.tenant("revoked")
    client = gate.openai(tenant.key)
    chat(client)
    public_id = "_".join(tenant.key.split("_")[:2])
    gate.wardgate("key", "revoke", public_id)
    revoked = lambda: refused_for(lambda: chat(client), openai.AuthenticationError)
    until(revoked, "the key is refused", PROMPTLY_SECONDS)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_minted_token_works_as_api_key_of_both_clients(gate, acme, algorithm):
    grant = ["--subject", "alice", "--tenant", acme.slug, "--expires-in", "1h", "--algorithm", algorithm]
    token = gate.wardgate("token", "mint", *grant)
    assert chat(gate.openai(token)).choices[0].message.content == answer_of("primary")
    assert message(gate.anthropic(token)).content[0].text == answer_of("primary")
    told = [(each.header("x-principal-id"), each.header("x-tenant-slug")) for each in gate.seen()]
    assert told == [("alice", acme.slug)] * 2


# The seeds of earlier systems. Secrets are made anew for each run, so that none stands here.


def only(header, key):
    """Headers by which an OpenAI client shows its key there, and not where it usually does."""
    return {header: key, "Authorization": openai.Omit()}


@pytest.mark.parametrize("brand_is_stored", [True, False])
def test_bcrypt_key_of_an_earlier_system_works_in_its_own_header(gate, acme, brand_is_stored):
    prefix = secrets.token_hex(4)
    key = f"llmk_{prefix}_{secrets.token_urlsafe(32)}"
    hashed = bcrypt.hashpw(key.encode(), bcrypt.gensalt(rounds=10)).decode()
    stored = f"llmk_{prefix}" if brand_is_stored else prefix
    gate.wardgate("key", "import", "--tenant", acme.slug, "--hash", hashed, "--prefix", stored)
    assert chat(gate.openai("unused"), extra_headers=only("X-LLMCore-API-Key", key)).choices[0].message.content == answer_of("primary")
    [seen] = gate.seen()
    assert not seen.holds(key) and seen.header("x-tenant-id") == acme.id


def test_sha256_key_of_an_earlier_system_works_as_x_api_key(gate, acme):
    key = f"ck_{secrets.token_urlsafe(32)}"
    hashed = f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
    gate.wardgate("key", "import", "--tenant", acme.slug, "--hash", hashed)
    assert message(gate.anthropic(key)).content[0].text == answer_of("primary")
    assert chat(gate.openai("unused"), extra_headers=only("X-API-Key", key)).choices[0].message.content == answer_of("primary")
    assert not any(seen.holds(key) for seen in gate.seen())


def token_of_an_earlier_system(secret, **claims):
    now = int(time.time())
    return jwt.encode({"sub": "bob", "iat": now, "exp": now + 600, **claims}, secret, algorithm="HS512")


@pytest.mark.parametrize("claim", ["tenant_id", "tenant_slug"])
def test_hs512_token_of_an_earlier_system_works(gate, acme, claim):
    tenant = {"tenant_id": acme.id, "tenant_slug": acme.slug}[claim]
    token = token_of_an_earlier_system(gate.signing_secret, **{claim: tenant})
    assert chat(gate.openai(token)).choices[0].message.content == answer_of("primary")
    [seen] = gate.seen()
    assert (seen.header("x-tenant-id"), seen.header("x-principal-id")) == (acme.id, "bob")


def test_hs512_token_with_another_secret_is_refused(gate, acme):
    token = token_of_an_earlier_system(secrets.token_hex(32), tenant_id=acme.id)
    with pytest.raises(openai.AuthenticationError):
        chat(gate.openai(token))
    assert gate.seen() == []
