"""What a provider's answer means, and what is taken from it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from everycase.embedders.answers import Answer, Meaning, judge, retry_after
from everycase.embedders.bisection import cut

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def answer(status: int, body: str = "{}", **headers: str) -> Answer:
    return Answer(
        status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}, body=body.encode()
    )


@pytest.mark.parametrize(
    ("given", "meaning"),
    [
        (answer(200, '{"data": []}'), Meaning.ANSWERED),
        (answer(200, "<html>gateway</html>"), Meaning.BROKEN),
        (answer(200, '{"data": [{"embed'), Meaning.BROKEN),
        (answer(200, "[]"), Meaning.BROKEN),
        (answer(400, '{"error": "invalid input"}'), Meaning.REFUSED),
        (answer(422, '{"detail": "a text is empty"}'), Meaning.REFUSED),
        (answer(413), Meaning.TOO_MUCH),
        (answer(400, "Requested 309209 tokens, max 300000 tokens per request"), Meaning.TOO_MUCH),
        (answer(400, "batch size 64 > maximum allowed batch size 32"), Meaning.TOO_MUCH),
        (answer(400, "This model's maximum context length is 8192 tokens, however you"), Meaning.TOO_LONG),
        (answer(400, "input is too long for the model"), Meaning.TOO_LONG),
        (answer(429), Meaning.LIMITED),
        (answer(503, retry_after="3"), Meaning.LIMITED),
        (answer(503), Meaning.BROKEN),
        (answer(500), Meaning.BROKEN),
        (
            answer(500, '{"error": {"message": "input (900 tokens) is too large to process"}}'),
            Meaning.TOO_LONG,
        ),
        (answer(500, "<html>the request body is too large</html>"), Meaning.BROKEN),
        (answer(500, '{"error": "encoding_format is not supported"}'), Meaning.REFUSED),
        (answer(413, '{"error": "`inputs` must have less than 512 tokens. Given: 900"}'), Meaning.TOO_LONG),
        (answer(400, '{"type": "exceed_context_size_error", "n_ctx": 512}'), Meaning.TOO_LONG),
        (answer(400, '{"message": "Too many tokens in batch"}'), Meaning.TOO_MUCH),
        (answer(400, '{"error": "no", "input": "the text is too long"}'), Meaning.REFUSED),
        (answer(429, '{"error": {"code": "insufficient_quota"}}'), Meaning.NO_CREDIT),
        (answer(429, '{"error": {"message": "You exceeded your current quota"}}'), Meaning.LIMITED),
        (answer(402), Meaning.UNPAID),
        (answer(407), Meaning.PROXY),
        (answer(200, '{"error": {"message": "no"}}'), Meaning.BROKEN),
        (answer(200, '{"error": {"code": 429, "message": "no"}}'), Meaning.LIMITED),
        (answer(200, '{"error": null, "data": []}'), Meaning.ANSWERED),
        (answer(504), Meaning.TIMED_OUT),
        (answer(401), Meaning.WRONG_KEY),
        (answer(403), Meaning.WRONG_KEY),
        (answer(404), Meaning.WRONG_ADDRESS),
        (answer(302), Meaning.WRONG_ADDRESS),
    ],
)
def test_every_answer_has_one_meaning(given: Answer, meaning: Meaning) -> None:
    """By its status and, where a refusal may be about the size, by what it says."""
    assert judge(given, now=NOW, parameters=("encoding_format",)).meaning is meaning


@pytest.mark.parametrize(
    ("said", "keep"),
    [
        ("This model's maximum context length is 8192 tokens, however you requested 10240 tokens", 0.8),
        ("maximum context length is 512 tokens. However, you requested 1024 tokens in the input", 0.5),
        ("the text is too long", None),
        ("input (1024 tokens) is too large to process (current batch size: 512)", 0.5),
        ("`inputs` must have less than 512 tokens. Given: 1024", 0.5),
        ('{"type": "exceed_context_size_error", "n_prompt_tokens": 1024, "n_ctx": 512}', 0.5),
        ("request (1024 tokens) exceeds the available context size (512 tokens), try increasing it", 0.5),
    ],
)
def test_a_provider_may_say_how_much_it_takes(said: str, keep: float | None) -> None:
    """Then that much is kept of the text."""
    assert judge(answer(400, said), now=NOW).keep == keep


@pytest.mark.parametrize(
    ("said", "most"),
    [
        ("batch size 64 > maximum allowed batch size 32", 32),
        ("batch size is invalid, it should not be larger than 10.: input.contents", 10),
        ("Too many inputs. The max number of inputs is 16. We hope to increase it.", 16),
        ("at most 100 requests can be in one batch", 100),
        ("array too long. Expected an array with maximum length 2048", 2048),
        ("too many inputs", None),
    ],
)
def test_a_provider_may_say_how_many_texts_it_takes(said: str, most: int | None) -> None:
    """Then requests have so many."""
    verdict = judge(answer(400, said), now=NOW)
    assert (verdict.meaning, verdict.most_texts) == (Meaning.TOO_MUCH, most)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (answer(407, "<html>zz</html>"), "407 with a web page"),
        (answer(502, ""), "502 without a body"),
        (answer(200, '{"error": "zz"}'), "200 with an error in JSON"),
        (answer(500, "zz"), "500 with text that is no JSON"),
        (answer(200, "[]"), "200 with JSON that is no object"),
    ],
)
def test_an_answer_is_described_by_status_and_kind(given: Answer, found: str) -> None:
    """Never by its words."""
    assert judge(given, now=NOW).found == found


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Fri, 02 Jan 2026 03:04:35 GMT"}, 30.0),
        ({"retry-after": "Fri, 02 Jan 2026 03:00:00 GMT"}, 0.0),
        ({"retry-after": "999999"}, 3600.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    """Never negative, never for ever."""
    assert retry_after(headers, now=NOW) == seconds


def test_a_text_is_cut_on_a_word() -> None:
    """As much as the provider takes, if it says so; three quarters if not; nothing of what is short."""
    text = "word " * 200
    half = cut(text, 0.5)
    assert half is not None
    assert 460 <= len(half) <= 475
    assert half.endswith("word")
    assert len(cut(text, None) or "") in range(740, 751)
    assert cut("short", 0.5) is None
    assert len(cut("x" * 1000, 0.5) or "") == 475
