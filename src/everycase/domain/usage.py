"""What embedding providers did in a run, what that cost, and what a run may spend. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True, kw_only=True)
class Usage:
    """What one provider did, and was asked for."""

    texts: int = 0
    """That it was to embed."""
    embedded: int = 0
    reused: int = 0
    """Vectors of its space that were kept, so that it was not asked."""
    calls: int = 0
    tokens: int = 0
    timeouts: int = 0
    """Calls that it did not answer in time."""
    late: int = 0
    """Texts that it did not embed in time, or was not asked for because its breaker had opened on that."""
    seconds: float = 0.0
    """Spent waiting for its answers, of all workers together."""
    most_texts: int = 0
    """The most texts that the provider took in one request; 0 if it never refused a number."""
    most_characters: int = 0
    """The most characters that it took in one request; 0 if it never refused a size."""
    left_out: tuple[str, ...] = ()
    """Request parameters that the provider refused and that were left out."""
    obstacle: str = ""
    """Why the provider is not asked until a person acts: a wrong setting, or no credit left."""

    def add(self, other: Usage) -> None:
        self.texts += other.texts
        self.embedded += other.embedded
        self.reused += other.reused
        self.calls += other.calls
        self.tokens += other.tokens
        self.timeouts += other.timeouts
        self.late += other.late
        self.seconds += other.seconds
        self.most_texts = _least(self.most_texts, other.most_texts)
        self.most_characters = _least(self.most_characters, other.most_characters)
        self.left_out = tuple(sorted({*self.left_out, *other.left_out}))
        self.obstacle = other.obstacle or self.obstacle


def _least(one: int, other: int) -> int:
    """The smaller of two limits. 0 means no limit."""
    return min(one, other) if one and other else one or other


def lessons(provider: str, usage: Usage) -> list[str]:
    """What a run learnt about a provider, one sentence each, with the setting that saves the attempt."""
    setting = f"EVERYCASE_{provider.upper()}"
    found = [usage.obstacle] if usage.obstacle else []
    if n := usage.most_texts:
        found.append(
            f"{provider} takes at most {n:,} texts a request: {setting}__BATCH_SIZE={n} spares the tries"
        )
    if n := usage.most_characters:
        found.append(
            f"{provider} takes about {n:,} characters a request: a smaller {setting}__BATCH_SIZE spares "
            "the tries"
        )
    return found + [_LEFT_OUT[p].format(provider=provider, setting=setting) for p in usage.left_out]


_LEFT_OUT: Mapping[str, str] = {
    "encoding_format": "{provider} does not take `encoding_format`: {setting}__ENCODING=none spares the try",
    "dimensions": "{provider} does not take `dimensions`, so its vectors are shortened here: "
    "{setting}__DIMENSIONS as wide as the model's own spares the try, and is another space",
}


Prices = Mapping[str, float]
"""Money a million tokens, by provider."""


def cost(usage: Mapping[str, Usage], prices: Prices) -> float:
    """What it came to, in the money of the prices."""
    return sum(u.tokens / 1e6 * prices.get(name, 0.0) for name, u in usage.items())


def told(usage: Mapping[str, Usage], prices: Prices) -> dict[str, dict[str, Any]]:
    """For reports: by provider, with what it cost."""
    return {
        name: {
            **asdict(used),
            "seconds": round(used.seconds, 3),
            "cost": round(cost({name: used}, prices), 4),
            "lessons": lessons(name, used),
        }
        for name, used in sorted(usage.items())
    }


def fallback_share(usage: Mapping[str, Usage], preferred: str) -> float:
    """Which share of a run's vectors is not in the preferred space."""
    vectors = {name: u.embedded + u.reused for name, u in usage.items()}
    whole = sum(vectors.values())
    return round(1 - vectors.get(provider_of(preferred), 0) / whole, 6) if whole else 0.0


def add_usage(into: dict[str, Usage], other: Mapping[str, Usage]) -> None:
    for name, usage in other.items():
        into.setdefault(name, Usage()).add(usage)


def provider_of(space: str) -> str:
    """`chathpe` of `chathpe/text-embedding-3-large@3072`."""
    return space.partition("/")[0]


@dataclass(slots=True, kw_only=True)
class Purse:
    """What a run may spend: asked before each batch, and told what each batch has cost.

    `guess`: the price of a batch while none has been paid for. Batches under way are reckoned with at
    the mean price of those that are done, so that the limit is held as far as batches are alike. The
    first batch is given in any case, if anything may be spent at all: else a run might do nothing.
    """

    limit: float | None = None
    guess: float = 0.0
    spent: float = 0.0
    given: int = 0
    done: int = 0

    @property
    def can_afford(self) -> bool:
        """Whether another batch may be given."""
        if self.limit is None or (not self.given and self.limit > 0):
            return True
        price = self.spent / self.done if self.done else self.guess
        return self.spent + (self.given - self.done + 1) * price <= self.limit

    def give(self) -> None:
        self.given += 1

    def pay(self, cost: float) -> None:
        self.spent += cost
        self.done += 1
