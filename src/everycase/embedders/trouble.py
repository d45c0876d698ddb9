"""The errors of a request that brought no vectors, and their messages.

No sentence holds a text, a key or what a server said in words: providers are named, and hosts, statuses
and kinds of answers given.
"""

from __future__ import annotations

from dataclasses import dataclass

from everycase.domain.failures import EmbeddingFailure, ErrorType
from everycase.domain.providers import Trouble
from everycase.embedders.answers import AnswerVerdict, Meaning


class Passing(EmbeddingFailure):
    """The provider did not answer, or not with what can be used: another try may help."""

    @property
    def is_late(self) -> bool:
        return self.error_type is ErrorType.EMBEDDING_API_TIMEOUT


class Shut(EmbeddingFailure):
    """The provider is not to be asked now: its breaker is open, or it wants more patience than we have."""

    def __init__(self, error_type: ErrorType, message: str, *, trouble: Trouble | None = None) -> None:
        super().__init__(error_type, message)
        self.is_late = trouble is Trouble.TIMEOUTS


class PersonNeeded(EmbeddingFailure):
    """The provider is not to be asked until a person has acted: `is_setting`, or nothing left to pay with."""

    def __init__(self, message: str, *, is_setting: bool) -> None:
        super().__init__(ErrorType.EMBEDDING_UNAVAILABLE, message)
        self.is_setting = is_setting


class Refused(EmbeddingFailure):
    """The provider is well and does not take this request."""

    def __init__(self, error_type: ErrorType, message: str, verdict: AnswerVerdict) -> None:
        super().__init__(error_type, message)
        self.verdict = verdict

    @property
    def is_of_size(self) -> bool:
        """True if a smaller request may succeed."""
        return self.verdict.meaning in (Meaning.TOO_LONG, Meaning.TOO_MUCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A provider as sentences name it. `setting`: how its settings begin, such as `EVERYCASE_CHATHPE`."""

    provider: str
    host: str
    setting: str

    def __str__(self) -> str:
        return f"{self.provider} at {self.host}"


def late(name: Name) -> Passing:
    return Passing(ErrorType.EMBEDDING_API_TIMEOUT, f"{name} gave no answer in time")


def broken(name: Name, found: str) -> Passing:
    return Passing(ErrorType.EMBEDDING_UNAVAILABLE, f"{name} cannot be used ({found})")


def unusable(name: Name, found: str) -> Passing:
    """For an answer that is well-formed and holds no vectors that can be used."""
    return Passing(ErrorType.INVALID_EMBEDDING, f"{name} answered {found}")


def limited(name: Name) -> Shut:
    return Shut(
        ErrorType.EMBEDDING_RATE_LIMITED,
        f"{name} asks for more patience than a run has: lower "
        f"{name.setting}__REQUESTS_PER_MINUTE or {name.setting}__TOKENS_PER_MINUTE",
    )


def breaker_open(name: Name, trouble: Trouble | None) -> Shut:
    return Shut(
        ErrorType.EMBEDDING_UNAVAILABLE,
        f"{name} is not asked for a while, after too many {trouble or 'failures'}",
        trouble=trouble,
    )


def refused(name: Name, verdict: AnswerVerdict) -> Refused:
    if verdict.meaning is Meaning.TOO_LONG:
        said = f"{name.provider} says that the text is too long (answered {verdict.found})"
        return Refused(ErrorType.EMBEDDING_TOO_LONG, said, verdict)
    said = f"{name.provider} refuses the text (answered {verdict.found})"
    return Refused(ErrorType.EMBEDDING_REJECTED, said, verdict)


def too_long(provider: str) -> EmbeddingFailure:
    return EmbeddingFailure(
        ErrorType.EMBEDDING_TOO_LONG,
        f"{provider} takes no part of the text that is long enough to mean something",
    )


def person_needed(name: Name, verdict: AnswerVerdict) -> PersonNeeded:
    """What stands in the way, what to do about it, and that nothing is lost."""
    sentence = _SENTENCES[verdict.meaning].format(
        name=name, provider=name.provider, setting=name.setting, host=name.host
    )
    return PersonNeeded(
        f"{sentence} (answered {verdict.found}; nothing is lost, the next run goes on)",
        is_setting=verdict.meaning is not Meaning.NO_CREDIT,
    )


_SENTENCES = {
    Meaning.WRONG_KEY: "{name} refuses the key: check {setting}__API_KEY, and whether a proxy may reach it",
    Meaning.UNPAID: "{name} wants to be paid first: check the account that {setting}__API_KEY belongs to",
    Meaning.NO_CREDIT: "no credit left at {host}: {provider} refuses every text until the account of "
    "{setting}__API_KEY has credit again, or a higher limit",
    Meaning.PROXY: "a proxy on the way to {name} lets nothing through without a sign-in: check HTTPS_PROXY "
    "and NO_PROXY",
    Meaning.WRONG_ADDRESS: "{name} does not know the address or the model: check {setting}__URL and "
    "{setting}__MODEL",
}
NEEDS_PERSON = frozenset(_SENTENCES)
"""Meanings for which waiting does not help."""
