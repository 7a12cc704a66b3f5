"""The official OpenAI client, unmodified, with a tenant's key."""

import asyncio

import openai
import pytest
from calls import INJECTION, OPENAI_MODEL, answer_of, chat, chat_tokens, user, words


@pytest.fixture
def client(gate, acme):
    return gate.openai(acme.key)


def test_chat_completion_is_answered(client):
    completion = chat(client)
    assert completion.choices[0].message.content == answer_of("primary")
    assert completion.model == OPENAI_MODEL
    assert completion.usage.total_tokens > 0


def test_request_id_is_the_gates(client):
    raw = client.chat.completions.with_raw_response.create(model=OPENAI_MODEL, messages=user("good day"))
    assert raw.parse()._request_id == raw.headers["x-request-id"] != ""
    assert raw.headers["x-wardgate-upstream"] == "openai-primary"
    assert raw.headers["x-wardgate-attempts"] == "1"


def test_chat_completion_streams_word_by_word(client):
    with chat(client, stream=True) as stream:
        assert list(chat_tokens(stream)) == words(answer_of("primary"))


def test_stream_ends_with_its_usage_when_that_is_asked_for(client):
    with chat(client, stream=True, stream_options={"include_usage": True}) as stream:
        last = list(stream)[-1]
    assert last.usage.completion_tokens == len(words(answer_of("primary")))


def test_many_streams_at_a_time_do_not_mix(gate, acme):
    async def one(client, number):
        text = f"number {number}"
        stream = await client.chat.completions.create(model=OPENAI_MODEL, messages=user(text), stream=True)
        parts = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        return "".join(parts) == answer_of("primary", text)

    async def all_together():
        async with openai.AsyncOpenAI(api_key=acme.key, base_url=f"{gate.url}/v1", timeout=20) as client:
            return await asyncio.gather(*(one(client, number) for number in range(16)))

    assert all(asyncio.run(all_together()))


def test_response_is_answered(client):
    response = client.responses.create(model=OPENAI_MODEL, input="good day")
    assert response.output_text == answer_of("primary")


def test_response_streams_word_by_word(client):
    with client.responses.create(model=OPENAI_MODEL, input="good day", stream=True) as stream:
        events = list(stream)
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == words(answer_of("primary"))
    assert events[-1].type == "response.completed"


def test_embeddings_are_numbers_for_each_text(client):
    embeddings = client.embeddings.create(model="text-embedding-3-small", input=["good", "day"])
    assert [each.index for each in embeddings.data] == [0, 1]
    assert all(isinstance(number, float) for each in embeddings.data for number in each.embedding)


def test_models_are_listed(client):
    models = list(client.models.list())
    assert models
    assert client.models.retrieve(models[0].id).id == models[0].id


@pytest.mark.parametrize(
    "call",
    [
        lambda client: chat(client, INJECTION),
        lambda client: chat(client, INJECTION, stream=True),
        lambda client: client.responses.create(model=OPENAI_MODEL, input=INJECTION),
    ],
    ids=["chat", "stream", "responses"],
)
def test_prompt_injection_is_a_bad_request_and_goes_no_further(client, gate, call):
    with pytest.raises(openai.BadRequestError) as refused:
        call(client)
    assert refused.value.code == "prompt_injection_detected"
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert gate.seen() == []


def test_stream_that_the_provider_cuts_is_an_error_after_the_words_so_far(client, gate):
    heard = []
    with gate.primary.failing(cut_after=4), pytest.raises(openai.APIError) as broken:
        with chat(client, stream=True) as stream:
            heard.extend(chat_tokens(stream))
    assert heard == words(answer_of("primary"))[:3]
    assert broken.value.code == "upstream_interrupted"


def test_responses_stream_that_the_provider_cuts_is_an_error_after_the_words_so_far(client, gate):
    heard = []
    with gate.primary.failing(cut_after=6), pytest.raises(openai.APIError) as broken:
        with client.responses.create(model=OPENAI_MODEL, input="good day", stream=True) as stream:
            heard.extend(event.delta for event in stream if event.type == "response.output_text.delta")
    assert heard == words(answer_of("primary"))[:2]
    assert broken.value.code == "upstream_interrupted"


def test_stream_that_the_provider_ends_too_early_is_an_error_although_the_body_is_whole(client, gate):
    with gate.primary.failing(truncate_after=4), pytest.raises(openai.APIError) as broken:
        with chat(client, stream=True) as stream:
            list(chat_tokens(stream))
    assert broken.value.code == "upstream_truncated"
    with gate.primary.failing(truncate_after=6), pytest.raises(openai.APIError) as broken:
        with client.responses.create(model=OPENAI_MODEL, input="good day", stream=True) as stream:
            list(stream)
    assert broken.value.code == "upstream_truncated"
