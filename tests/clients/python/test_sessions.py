"""Users log in, and what a login gives is a key of the official clients for as long as it should be."""

import dataclasses
import json
import secrets

import anthropic
import openai
import pytest
from calls import answer_of, chat, chat_tokens, message, message_tokens, refused_for, words
from processes import PROMPTLY_SECONDS, ask, until


@dataclasses.dataclass
class User:
    """A person with a password, and the tokens of their last login."""

    gate: object
    tenant: object
    email: str
    password: str
    access: str = ""
    refresh_token: str = ""

    def login(self):
        who = {"tenant": self.tenant.slug, "email": self.email, "password": self.password}
        return self._keep(self.post("/auth/login", who))

    def refresh(self):
        return self._keep(self.post("/auth/refresh", {"refresh_token": self.refresh_token}))

    def post(self, path, body=None, status=200):
        """What the gate answers to the user's own request."""
        headers = {"content-type": "application/json"}
        if self.access and path != "/auth/refresh":
            headers["authorization"] = f"Bearer {self.access}"
        sent = b"" if body is None else json.dumps(body).encode()
        answered, text = ask(f"{self.gate.url}{path}", "POST", sent, headers)
        assert answered == status, text
        return json.loads(text) if text else None

    def _keep(self, tokens):
        self.access, self.refresh_token = tokens["access_token"], tokens["refresh_token"]
        return self


@pytest.fixture
def ann(gate, acme):
    """A user who may call, logged in."""
    return new_user(gate, acme, "llm:invoke").login()


@pytest.fixture
def administrator(gate, acme):
    return new_user(gate, acme, "tenant:admin").login()


def new_user(gate, tenant, scope):
    user = User(gate, tenant, f"{secrets.token_hex(4)}@{tenant.slug}.example", secrets.token_urlsafe(16))
    who = ["--tenant", tenant.slug, "--email", user.email, "--scope", scope]
    gate.wardgate("user", "create", *who, "--password-stdin", stdin=user.password)
    return user


def test_access_token_works_as_api_key_of_both_clients(gate, acme, ann):
    assert chat(gate.openai(ann.access)).choices[0].message.content == answer_of("primary")
    assert message(gate.anthropic(ann.access)).content[0].text == answer_of("primary")
    told = [(each.header("x-tenant-slug"), each.header("x-auth-method")) for each in gate.seen()]
    assert told == [(acme.slug, "jwt")] * 2
    assert not any(each.holds(ann.access) for each in gate.seen())


def test_access_token_streams(gate, ann):
    with chat(gate.openai(ann.access), stream=True) as stream:
        assert list(chat_tokens(stream)) == words(answer_of("primary"))


def test_wrong_password_gives_nothing(gate, acme):
    user = new_user(gate, acme, "llm:invoke")
    user.password += "?"
    refused = user.post("/auth/login", {"tenant": acme.slug, "email": user.email, "password": user.password}, 401)
    assert refused["error"]["code"] == "invalid_login"


def test_client_that_refreshes_its_key_before_each_call_goes_on(gate, ann):
    """The client asks a function for its key, as its documentation shows for keys that end."""
    client = gate.openai(lambda: ann.refresh().access)
    before = ann.access
    for _ in range(3):
        assert chat(client).choices[0].message.content == answer_of("primary")
    assert ann.access != before


def test_refresh_token_is_no_key(gate, ann):
    with pytest.raises(openai.AuthenticationError):
        chat(gate.openai(ann.refresh_token))
    assert gate.seen() == []


def test_logout_ends_the_whole_session_at_once(gate, ann):
    first = ann.access
    clients = [gate.openai(first), gate.openai(ann.refresh().access)]
    for client in clients:
        chat(client)
    gate.primary.forget()
    ann.post("/auth/logout", status=204)
    # Asked once and not again: no cache needs time to hear of it.
    for client in clients:
        with pytest.raises(openai.AuthenticationError) as refused:
            chat(client)
        assert refused.value.response.headers["x-should-retry"] == "false"
    assert gate.seen() == []
    ann.post("/auth/refresh", {"refresh_token": ann.refresh_token}, 401)


def test_key_that_an_administrator_makes_works_in_both_clients(gate, acme, administrator):
    made = administrator.post("/auth/keys", {"name": "ci", "scopes": ["llm:invoke"], "expires_in": "1h"}, 201)
    assert message(gate.anthropic(made["key"])).content[0].text == answer_of("primary")
    assert chat(gate.openai(made["key"])).choices[0].message.content == answer_of("primary")
    assert [each.header("x-tenant-id") for each in gate.seen()] == [acme.id] * 2


def test_user_who_may_only_call_makes_no_key(ann):
    refused = ann.post("/auth/keys", {"name": "mine", "scopes": ["llm:invoke"]}, 403)
    assert refused["error"]["code"] == "scope_missing"


@pytest.mark.parametrize(
    ("kind", "call", "tokens", "error"),
    [("openai", chat, chat_tokens, openai.APIError), ("anthropic", message, message_tokens, anthropic.APIError)],
    ids=["openai", "anthropic"],
)
def test_stream_under_way_ends_with_an_error_when_its_key_is_revoked(gate, acme, kind, call, tokens, error):
    key = gate.wardgate("key", "create", "--tenant", acme.slug)
    heard = []
    # The provider falls silent after some words, and the stream stays open.
    with gate.primary.failing(stall_after=6), pytest.raises(error) as ended:
        with call(getattr(gate, kind)(key), stream=True) as stream:
            for token in tokens(stream):
                heard.append(token)
                if len(heard) == 1:
                    gate.wardgate("key", "revoke", key.rsplit("_", 1)[0])
    assert heard and heard == words(answer_of("primary"))[: len(heard)]
    assert "revoked" in str(ended.value)
    assert gate.secondary.requests() == []


def test_stream_under_way_ends_with_an_error_when_its_user_logs_out(gate, ann):
    with gate.primary.failing(stall_after=4), pytest.raises(openai.APIError) as ended:
        with chat(gate.openai(ann.access), stream=True) as stream:
            next(chat_tokens(stream))
            ann.post("/auth/logout", status=204)
            list(stream)
    assert ended.value.code == "credential_revoked"


def test_disabled_user_is_out_with_the_tokens_that_are_left(gate, ann):
    client = gate.openai(ann.access)
    chat(client)
    [user] = [each for each in json.loads(gate.wardgate("user", "list", "--json")) if each["email"] == ann.email]
    gate.wardgate("user", "disable", user["id"])
    refused = lambda: refused_for(lambda: chat(client), openai.AuthenticationError)
    until(refused, "the user is refused", PROMPTLY_SECONDS)
    ann.post("/auth/refresh", {"refresh_token": ann.refresh_token}, 401)
