"""The official Anthropic client, unmodified, with a tenant's key."""

import anthropic
import pytest
from calls import ANTHROPIC_MODEL, INJECTION, answer_of, message, message_tokens, user, words


@pytest.fixture
def client(gate, acme):
    return gate.anthropic(acme.key)


def test_message_is_answered(client):
    answer = message(client)
    assert answer.content[0].text == answer_of("primary")
    assert answer.model == ANTHROPIC_MODEL
    assert answer.stop_reason == "end_turn"


def test_request_id_is_the_gates(client):
    raw = client.messages.with_raw_response.create(model=ANTHROPIC_MODEL, max_tokens=64, messages=user("good day"))
    assert raw.parse()._request_id == raw.headers["request-id"] != ""
    assert raw.headers["x-wardgate-upstream"] == "anthropic-primary"


def test_key_as_bearer_token_is_the_same(gate, acme):
    client = anthropic.Anthropic(api_key=None, auth_token=acme.key, base_url=gate.url, timeout=20)
    assert message(client).content[0].text == answer_of("primary")


def test_message_streams_word_by_word(client):
    with message(client, stream=True) as stream:
        assert list(message_tokens(stream)) == words(answer_of("primary"))


def test_stream_helper_gathers_the_whole_message(client):
    with client.messages.stream(model=ANTHROPIC_MODEL, max_tokens=64, messages=user("good day")) as stream:
        assert list(stream.text_stream) == words(answer_of("primary"))
        assert stream.get_final_message().usage.output_tokens > 0


def test_tokens_are_counted(client):
    counted = client.messages.count_tokens(model=ANTHROPIC_MODEL, messages=user("good day"))
    assert counted.input_tokens > 0


def test_models_are_listed(client):
    models = list(client.models.list())
    assert models
    assert client.models.retrieve(models[0].id).id == models[0].id


@pytest.mark.parametrize("stream", [False, True])
def test_prompt_injection_is_a_bad_request_and_goes_no_further(client, gate, stream):
    with pytest.raises(anthropic.BadRequestError) as refused:
        message(client, INJECTION, stream=stream)
    body = refused.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "invalid_request_error")
    assert body["request_id"] == refused.value.request_id
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert gate.seen() == []


def test_stream_that_the_provider_cuts_is_an_error_after_the_words_so_far(client, gate):
    heard = []
    with gate.primary.failing(cut_after=6), pytest.raises(anthropic.APIError) as broken:
        with message(client, stream=True) as stream:
            heard.extend(message_tokens(stream))
    sent = words(answer_of("primary"))
    assert 0 < len(heard) < len(sent) and heard == sent[: len(heard)]
    assert broken.value.body["error"]["code"] == "upstream_interrupted"
