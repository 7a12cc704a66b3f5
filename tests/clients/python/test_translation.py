"""The official clients at a provider that does not speak their dialect.

Every test runs twice: `native`, with the client right at a provider of its own dialect, and `translated`, through a gate
whose only upstream speaks the other one. Nothing that a client can see differs, so both meet the same expectations.
"""

import json

import anthropic
import openai
import pydantic
import pytest
from calls import ANTHROPIC_MODEL, OPENAI_MODEL, answer_of, chat, chat_tokens, message, message_tokens, user, words
from gate import CALL_SECONDS, Gate

ORDER = 'say One moment. use get_weather {"city":"Paris"} and get_time'
TWO_CALLS = [("get_weather", {"city": "Paris"}), ("get_time", {})]

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PICTURE = "https://pictures.example/cat.png"
SHOWN = f"{answer_of('primary', 'what?')} I see 2 images: url {PICTURE}, base64 image/png 70 bytes."

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
CHAT_TOOLS = [
    {"type": "function", "function": {"name": name, "description": name, "parameters": PARAMETERS}}
    for name in ("get_weather", "get_time")
]
RESPONSE_TOOLS = [
    {"type": "function", "name": name, "description": name, "parameters": PARAMETERS, "strict": False}
    for name in ("get_weather", "get_time")
]
MESSAGE_TOOLS = [
    {"name": name, "description": name, "input_schema": PARAMETERS} for name in ("get_weather", "get_time")
]


class Place(pydantic.BaseModel):
    city: str
    inhabitants: int


class At:
    """A client, and the provider at which its calls arrive."""

    def __init__(self, client, provider, path):
        self.client, self.provider, self.path = client, provider, path


@pytest.fixture(scope="module")
def before_anthropic(tmp_path_factory):
    """A gate whose only upstream speaks Anthropic's dialect."""
    with Gate(tmp_path_factory.mktemp("anthropic"), [("primary", "anthropic")]) as gate:
        yield gate


@pytest.fixture(scope="module")
def before_openai(tmp_path_factory):
    """A gate whose only upstream speaks OpenAI's dialect."""
    with Gate(tmp_path_factory.mktemp("openai"), [("primary", "openai")]) as gate:
        yield gate


@pytest.fixture(scope="module")
def keys(before_anthropic, before_openai):
    return {gate: gate.tenant("acme").key for gate in (before_anthropic, before_openai)}


@pytest.fixture(params=["native", "translated"])
def of_openai(request, before_anthropic, keys):
    """OpenAI's client; translated, its calls arrive as messages."""
    before_anthropic.primary.forget()
    options = {"max_retries": 0}
    if request.param == "translated":
        client = before_anthropic.openai(keys[before_anthropic], **options)
        return At(client, before_anthropic.primary, "/v1/messages")
    provider = before_anthropic.primary
    client = openai.OpenAI(api_key=provider.key, base_url=f"{provider.url}/v1", timeout=CALL_SECONDS, **options)
    return At(client, provider, "/v1/chat/completions")


@pytest.fixture(params=["native", "translated"])
def of_anthropic(request, before_openai, keys):
    """Anthropic's client; translated, its calls arrive as chat completions."""
    before_openai.primary.forget()
    options = {"max_retries": 0}
    if request.param == "translated":
        client = before_openai.anthropic(keys[before_openai], **options)
        return At(client, before_openai.primary, "/v1/chat/completions")
    provider = before_openai.primary
    client = anthropic.Anthropic(api_key=provider.key, base_url=provider.url, timeout=CALL_SECONDS, **options)
    return At(client, provider, "/v1/messages")


# --- OpenAI's client: chat completions ---


def test_chat_is_answered_and_counted(of_openai):
    answer = chat(of_openai.client)
    assert answer.choices[0].message.content == answer_of("primary")
    assert (answer.model, answer.choices[0].finish_reason) == (OPENAI_MODEL, "stop")
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (2, 7, 9)
    assert [each.path for each in of_openai.provider.requests()] == [of_openai.path]


def test_chat_counts_cached_tokens(of_openai):
    with of_openai.provider.failing(cached_tokens=100):
        usage = chat(of_openai.client).usage
    assert (usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens) == (102, 100)


def test_chat_streams_word_by_word_and_counts_at_the_end(of_openai):
    with chat(of_openai.client, stream=True, stream_options={"include_usage": True}) as stream:
        chunks = list(stream)
    assert list(chat_tokens(chunks)) == words(answer_of("primary"))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"
    assert (chunks[-1].choices, chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == ([], 2, 7)


def test_chat_carries_the_system_prompt_and_the_turns(of_openai):
    turns = [
        {"role": "system", "content": "one two"},
        {"role": "user", "content": "three"},
        {"role": "assistant", "content": "four five"},
        {"role": "user", "content": "six"},
    ]
    answer = of_openai.client.chat.completions.create(model=OPENAI_MODEL, messages=turns, max_tokens=64)
    assert answer.choices[0].message.content == answer_of("primary", "six")
    assert answer.usage.prompt_tokens == 6


def test_chat_calls_two_tools_and_hears_their_results(of_openai):
    completions = of_openai.client.chat.completions
    first = completions.create(model=OPENAI_MODEL, messages=user(ORDER), tools=CHAT_TOOLS).choices[0]
    assert first.finish_reason == "tool_calls"
    assert first.message.content == "One moment."
    assert chat_calls(first.message) == TWO_CALLS
    turns = [*user(ORDER), first.message.model_dump(exclude_none=True), *chat_results(first.message)]
    second = completions.create(model=OPENAI_MODEL, messages=turns, tools=CHAT_TOOLS).choices[0]
    assert second.message.content == "Hello from primary. The tools said: rain; noon."
    assert (second.finish_reason, second.message.tool_calls) == ("stop", None)


def test_chat_stream_calls_two_tools(of_openai):
    ask = {"model": OPENAI_MODEL, "messages": user(ORDER), "tools": CHAT_TOOLS}
    with of_openai.client.chat.completions.stream(**ask) as stream:
        events = list(stream)
        final = stream.get_final_completion().choices[0]
    assert final.finish_reason == "tool_calls"
    assert (final.message.content, chat_calls(final.message)) == ("One moment.", TWO_CALLS)
    done = [event for event in events if event.type == "tool_calls.function.arguments.done"]
    assert [event.name for event in done] == ["get_weather", "get_time"]


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("none", []),
        ("required", ["get_weather"]),
        ({"type": "function", "function": {"name": "get_time"}}, ["get_time"]),
    ],
    ids=["none", "required", "named"],
)
def test_chat_tool_choice_is_obeyed(of_openai, choice, called):
    message = chat(of_openai.client, tools=CHAT_TOOLS, tool_choice=choice).choices[0].message
    assert [name for name, _ in chat_calls(message)] == called


def test_chat_one_call_where_parallel_ones_are_forbidden(of_openai):
    message = chat(of_openai.client, ORDER, tools=CHAT_TOOLS, parallel_tool_calls=False).choices[0].message
    assert chat_calls(message) == TWO_CALLS[:1]


def test_chat_shows_images_by_url_and_in_base64(of_openai):
    image = lambda url: {"type": "image_url", "image_url": {"url": url}}
    parts = [{"type": "text", "text": "what?"}, image(PICTURE), image(f"data:image/png;base64,{PIXEL}")]
    assert chat(of_openai.client, parts).choices[0].message.content == SHOWN


def test_chat_answers_in_a_schema(of_openai):
    ask = {"model": OPENAI_MODEL, "messages": user("Paris"), "response_format": Place}
    answer = of_openai.client.chat.completions.parse(**ask)
    assert answer.choices[0].message.parsed == Place(city="Paris", inhabitants=1)


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_chat_ends_at_its_limit(of_openai, limit):
    choice = chat(of_openai.client, **{limit: 2}).choices[0]
    assert (choice.finish_reason, choice.message.content) == ("length", "Hello from ")
    with chat(of_openai.client, stream=True, **{limit: 2}) as stream:
        chunks = list(stream)
    assert list(chat_tokens(chunks)) == ["Hello ", "from "]
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "length"


def test_chat_ends_at_a_stop_sequence(of_openai):
    choice = chat(of_openai.client, stop=["absent", " You"]).choices[0]
    assert (choice.finish_reason, choice.message.content) == ("stop", "Hello from primary.")


@pytest.mark.parametrize(
    ("status", "error"), [(400, openai.BadRequestError), (404, openai.NotFoundError), (413, openai.APIStatusError)]
)
@pytest.mark.parametrize("stream", [False, True])
def test_chat_errors_are_the_clients_own(of_openai, status, error, stream):
    with of_openai.provider.failing(status=status), pytest.raises(error) as raised:
        chat(of_openai.client, stream=stream)
    assert raised.value.status_code == status
    assert raised.value.type == "invalid_request_error"
    assert raised.value.body["message"] == "primary was told to fail"


def test_chat_prompt_that_is_too_long_is_named_so(of_openai):
    with of_openai.provider.failing(context_window=True), pytest.raises(openai.BadRequestError) as raised:
        chat(of_openai.client)
    assert raised.value.code == "context_length_exceeded"


@pytest.mark.parametrize("fault", ["error_after", "cut_after", "truncate_after"])
def test_chat_stream_that_breaks_is_no_stream_that_ended(of_openai, fault):
    heard, ends = [], []
    with of_openai.provider.failing(**{fault: 6}):
        # A provider that truncates its own stream deceives its own client, and only a gate tells it.
        if fault == "truncate_after" and of_openai.path == "/v1/chat/completions":
            pytest.skip("the client takes a truncated stream for a whole one")
        with pytest.raises((openai.APIError, openai.APIConnectionError)):
            with chat(of_openai.client, stream=True) as stream:
                for chunk in stream:
                    heard.extend(chat_tokens([chunk]))
                    ends.extend(choice.finish_reason for choice in chunk.choices if choice.finish_reason)
    sent = words(answer_of("primary"))
    assert 0 < len(heard) < len(sent) and heard == sent[: len(heard)]
    assert ends == []


# --- OpenAI's client: responses ---


def test_response_is_answered_and_counted(of_openai):
    answer = of_openai.client.responses.create(model=OPENAI_MODEL, instructions="one two", input="good day")
    assert (answer.output_text, answer.status, answer.model) == (answer_of("primary"), "completed", OPENAI_MODEL)
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (4, 7, 11)


def test_response_streams_word_by_word(of_openai):
    with of_openai.client.responses.stream(model=OPENAI_MODEL, input="good day") as stream:
        events = list(stream)
        final = stream.get_final_response()
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == words(answer_of("primary"))
    assert (final.output_text, final.usage.output_tokens) == (answer_of("primary"), 7)
    assert [event.sequence_number for event in events] == sorted(event.sequence_number for event in events)


def test_response_calls_two_tools_and_hears_their_results(of_openai):
    responses = of_openai.client.responses
    first = responses.create(model=OPENAI_MODEL, input=ORDER, tools=RESPONSE_TOOLS)
    assert (first.output_text, response_calls(first)) == ("One moment.", TWO_CALLS)
    outputs = [
        {"type": "function_call_output", "call_id": item.call_id, "output": RESULTS[item.name]}
        for item in first.output
        if item.type == "function_call"
    ]
    turns = [*user(ORDER), *(item.model_dump(exclude_none=True) for item in first.output), *outputs]
    second = responses.create(model=OPENAI_MODEL, input=turns, tools=RESPONSE_TOOLS)
    assert second.output_text == "Hello from primary. The tools said: rain; noon."


def test_response_stream_calls_two_tools(of_openai):
    with of_openai.client.responses.stream(model=OPENAI_MODEL, input=ORDER, tools=RESPONSE_TOOLS) as stream:
        done = [event for event in stream if event.type == "response.function_call_arguments.done"]
        final = stream.get_final_response()
    assert response_calls(final) == TWO_CALLS
    assert [json.loads(event.arguments) for event in done] == [arguments for _, arguments in TWO_CALLS]


def test_response_answers_in_a_schema(of_openai):
    answer = of_openai.client.responses.parse(model=OPENAI_MODEL, input="Paris", text_format=Place)
    assert answer.output_parsed == Place(city="Paris", inhabitants=1)


def test_response_ends_at_its_limit(of_openai):
    answer = of_openai.client.responses.create(model=OPENAI_MODEL, input="good day", max_output_tokens=2)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert answer.output_text == "Hello from "


def test_response_stream_that_breaks_says_so(of_openai):
    with of_openai.provider.failing(error_after=6):
        ask = {"model": OPENAI_MODEL, "input": "good day", "stream": True}
        kinds = []
        try:
            kinds.extend(event.type for event in of_openai.client.responses.create(**ask))
        except openai.APIError:
            # As OpenAI describes its error the client hands it on; what is translated has a form that it raises too.
            kinds.append("error")
    assert kinds[-1] in ("error", "response.failed")
    assert "response.completed" not in kinds


# --- Anthropic's client: messages ---


def test_message_is_answered_and_counted(of_anthropic):
    answer = message(of_anthropic.client)
    assert [block.text for block in answer.content] == [answer_of("primary")]
    assert (answer.model, answer.stop_reason, answer.role) == (ANTHROPIC_MODEL, "end_turn", "assistant")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (2, 7)
    assert [each.path for each in of_anthropic.provider.requests()] == [of_anthropic.path]


def test_message_counts_cached_tokens(of_anthropic):
    with of_anthropic.provider.failing(cached_tokens=100):
        usage = message(of_anthropic.client).usage
    assert (usage.input_tokens, usage.cache_read_input_tokens) == (2, 100)


def test_message_streams_word_by_word_and_counts_at_the_end(of_anthropic):
    with message(of_anthropic.client, stream=True) as stream:
        events = list(stream)
    assert list(message_tokens(events)) == words(answer_of("primary"))
    assert (events[0].type, events[-1].type) == ("message_start", "message_stop")
    assert (events[-2].delta.stop_reason, events[-2].usage.output_tokens) == ("end_turn", 7)


def test_message_carries_the_system_prompt_and_the_turns(of_anthropic):
    turns = [*user("three"), {"role": "assistant", "content": "four five"}, *user("six")]
    ask = {"model": ANTHROPIC_MODEL, "max_tokens": 64, "system": "one two", "messages": turns}
    answer = of_anthropic.client.messages.create(**ask)
    assert answer.content[0].text == answer_of("primary", "six")
    assert answer.usage.input_tokens == 6


def test_message_calls_two_tools_and_hears_their_results(of_anthropic):
    first = message(of_anthropic.client, ORDER, tools=MESSAGE_TOOLS)
    assert first.stop_reason == "tool_use"
    assert (first.content[0].text, message_calls(first)) == ("One moment.", TWO_CALLS)
    turns = [*user(ORDER), {"role": "assistant", "content": first.content}, *user(message_results(first))]
    ask = {"model": ANTHROPIC_MODEL, "max_tokens": 64, "messages": turns, "tools": MESSAGE_TOOLS}
    second = of_anthropic.client.messages.create(**ask)
    assert second.content[0].text == "Hello from primary. The tools said: rain; noon."
    assert second.stop_reason == "end_turn"


def test_message_stream_calls_two_tools(of_anthropic):
    ask = {"model": ANTHROPIC_MODEL, "max_tokens": 64, "messages": user(ORDER), "tools": MESSAGE_TOOLS}
    with of_anthropic.client.messages.stream(**ask) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json"]
        final = stream.get_final_message()
    assert final.stop_reason == "tool_use"
    assert (final.content[0].text, message_calls(final)) == ("One moment.", TWO_CALLS)
    assert len([piece for piece in pieces if piece]) > 2


@pytest.mark.parametrize(
    ("choice", "called"),
    [({"type": "none"}, []), ({"type": "any"}, ["get_weather"]), ({"type": "tool", "name": "get_time"}, ["get_time"])],
    ids=["none", "any", "named"],
)
def test_message_tool_choice_is_obeyed(of_anthropic, choice, called):
    answer = message(of_anthropic.client, tools=MESSAGE_TOOLS, tool_choice=choice)
    assert [name for name, _ in message_calls(answer)] == called


def test_message_one_call_where_parallel_ones_are_forbidden(of_anthropic):
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert message_calls(message(of_anthropic.client, ORDER, tools=MESSAGE_TOOLS, tool_choice=choice)) == TWO_CALLS[:1]


def test_message_shows_images_by_url_and_in_base64(of_anthropic):
    image = lambda source: {"type": "image", "source": source}
    packed = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    parts = [{"type": "text", "text": "what?"}, image({"type": "url", "url": PICTURE}), image(packed)]
    assert message(of_anthropic.client, parts).content[0].text == SHOWN


def test_message_answers_in_a_schema(of_anthropic):
    ask = {"model": ANTHROPIC_MODEL, "max_tokens": 64, "messages": user("Paris"), "output_format": Place}
    assert of_anthropic.client.messages.parse(**ask).parsed_output == Place(city="Paris", inhabitants=1)


def test_message_ends_at_its_limit(of_anthropic):
    ask = {"model": ANTHROPIC_MODEL, "max_tokens": 2, "messages": user("good day")}
    answer = of_anthropic.client.messages.create(**ask)
    assert (answer.stop_reason, answer.content[0].text) == ("max_tokens", "Hello from ")
    with of_anthropic.client.messages.stream(**ask) as stream:
        assert stream.get_final_message().stop_reason == "max_tokens"


def test_message_ends_at_a_stop_sequence(of_anthropic):
    answer = message(of_anthropic.client, stop_sequences=["absent", " You"])
    assert answer.content[0].text == "Hello from primary."
    # OpenAI's dialect does not say at which one, or whether at any.
    assert answer.stop_reason in ("stop_sequence", "end_turn")


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (413, anthropic.APIStatusError, "request_too_large"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_message_errors_are_the_clients_own(of_anthropic, status, error, kind, stream):
    with of_anthropic.provider.failing(status=status), pytest.raises(error) as raised:
        message(of_anthropic.client, stream=stream)
    assert raised.value.status_code == status
    assert raised.value.body["error"] == {"type": kind, "message": "primary was told to fail"}


@pytest.mark.parametrize("fault", ["error_after", "cut_after", "truncate_after"])
def test_message_stream_that_breaks_is_no_stream_that_ended(of_anthropic, fault):
    heard, kinds = [], []
    with of_anthropic.provider.failing(**{fault: 6}):
        # A provider that truncates or cuts its own stream is believed by its own client, or fails below it.
        if fault != "error_after" and of_anthropic.path == "/v1/messages":
            pytest.skip("the client raises nothing of its own for it")
        with pytest.raises(anthropic.APIError):
            with message(of_anthropic.client, stream=True) as stream:
                for event in stream:
                    kinds.append(event.type)
                    heard.extend(message_tokens([event]))
    sent = words(answer_of("primary"))
    assert 0 < len(heard) < len(sent) and heard == sent[: len(heard)]
    assert "message_stop" not in kinds


# --- From one dialect to the other while the first is down ---


MIXED = [("primary", "anthropic"), ("secondary", "openai")]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A gate whose primary speaks Anthropic's dialect and whose secondary speaks OpenAI's."""
    with Gate(tmp_path_factory.mktemp("mixed"), MIXED, in_order=True) as gate:
        yield gate


@pytest.fixture(scope="module")
def mixed_key(mixed):
    return mixed.tenant("acme").key


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_failover_to_the_other_dialect_is_seen_by_no_client(mixed, mixed_key, kind, stream):
    call, tokens = {"openai": (chat, chat_tokens), "anthropic": (message, message_tokens)}[kind]
    client = getattr(mixed, kind)(mixed_key, max_retries=0)
    for faults, name in [({}, "primary"), ({"status": 529}, "secondary"), ({"first_event_error": True}, "secondary")]:
        if "first_event_error" in faults and not stream:
            continue
        mixed.primary.forget()
        mixed.secondary.forget()
        with mixed.primary.failing(**faults):
            answer = call(client, stream=stream)
            heard = list(tokens(answer)) if stream else [text_of(answer)]
        assert "".join(heard) == answer_of(name)
        assert [each.path for each in mixed.primary.requests()] == ["/v1/messages"]
        asked = ["/v1/chat/completions"] if name == "secondary" else []
        assert [each.path for each in mixed.secondary.requests()] == asked


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_failover_in_the_midst_of_a_tools_round_trip(mixed, mixed_key, kind):
    """The calls come from one provider, and their results go to the other."""
    client = getattr(mixed, kind)(mixed_key, max_retries=0)
    if kind == "openai":
        first = chat(client, ORDER, tools=CHAT_TOOLS).choices[0].message
        turns = [*user(ORDER), first.model_dump(exclude_none=True), *chat_results(first)]
        ask = {"model": OPENAI_MODEL, "messages": turns, "tools": CHAT_TOOLS}
        again = client.chat.completions.create
    else:
        first = message(client, ORDER, tools=MESSAGE_TOOLS)
        turns = [*user(ORDER), {"role": "assistant", "content": first.content}, *user(message_results(first))]
        ask = {"model": ANTHROPIC_MODEL, "max_tokens": 64, "messages": turns, "tools": MESSAGE_TOOLS}
        again = client.messages.create
    with mixed.primary.failing(status=529):
        assert text_of(again(**ask)) == "Hello from secondary. The tools said: rain; noon."


# --- What the formats call the same things ---

RESULTS = {"get_weather": "rain", "get_time": "noon"}


def text_of(answer):
    return answer.choices[0].message.content if hasattr(answer, "choices") else answer.content[0].text


def chat_calls(message):
    calls = [call.function for call in message.tool_calls or []]
    return [(call.name, json.loads(call.arguments)) for call in calls]


def chat_results(message):
    return [
        {"role": "tool", "tool_call_id": call.id, "content": RESULTS[call.function.name]}
        for call in message.tool_calls
    ]


def response_calls(response):
    calls = [item for item in response.output if item.type == "function_call"]
    return [(call.name, json.loads(call.arguments)) for call in calls]


def message_calls(message):
    return [(block.name, block.input) for block in message.content if block.type == "tool_use"]


def message_results(message):
    return [
        {"type": "tool_result", "tool_use_id": block.id, "content": RESULTS[block.name]}
        for block in message.content
        if block.type == "tool_use"
    ]
