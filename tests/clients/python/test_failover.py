"""The primary fails, and no client sees it. Retries of the clients are off, so that none of them hides it."""

import pytest
from calls import answer_of, chat, chat_tokens, message, message_tokens, words


def assert_answered_by(name, openai_client, anthropic_client):
    assert chat(openai_client).choices[0].message.content == answer_of(name)
    assert message(anthropic_client).content[0].text == answer_of(name)
    with chat(openai_client, stream=True) as stream:
        assert list(chat_tokens(stream)) == words(answer_of(name))
    with message(anthropic_client, stream=True) as stream:
        assert list(message_tokens(stream)) == words(answer_of(name))


def test_killed_primary_is_not_seen_by_any_client(own_gate):
    key = own_gate.tenant("acme").key
    clients = own_gate.openai(key, max_retries=0), own_gate.anthropic(key, max_retries=0)
    assert_answered_by("primary", *clients)
    own_gate.primary.kill()
    assert_answered_by("secondary", *clients)


def test_answer_tells_who_gave_it_and_at_which_attempt(own_gate):
    client = own_gate.openai(own_gate.tenant("acme").key, max_retries=0)
    own_gate.primary.kill()
    headers = client.models.with_raw_response.list().headers
    assert (headers["x-wardgate-upstream"], headers["x-wardgate-attempts"]) == ("openai-secondary", "2")


@pytest.mark.parametrize("fault", [{"status": 429}, {"status": 503}, {"status": 529}, {"reset": True}, {"cut_after": 0}])
def test_primary_that_fails_before_its_first_byte_is_not_seen(gate, acme, fault):
    clients = gate.openai(acme.key, max_retries=0), gate.anthropic(acme.key, max_retries=0)
    with gate.primary.failing(**fault):
        assert_answered_by("secondary", *clients)


def test_refusal_by_the_primary_is_the_answer(gate, acme):
    """What the caller did wrong is wrong at the secondary too."""
    client = gate.openai(acme.key, max_retries=0)
    with gate.primary.failing(status=422), pytest.raises(Exception, match="primary was told to fail"):
        chat(client)
    assert gate.secondary.requests() == []
