"""What tokens cost: the user's prices before ours, the narrowest name before wider ones, nothing where nobody knows."""

from __future__ import annotations

import pytest

from swarmskill.agents.prices import cost_of, find_price, known_prices
from swarmskill.config import Price
from swarmskill.model import Usage

TABLE = {
    "big": Price(input=10, cached=1, output=100),
    "big-*": Price(input=2, cached=0.2, output=20),
    "big-mini*": Price(input=1, cached=0.1, output=10),
}
MILLION = 1_000_000


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("big", "big"),
        ("BIG", "big"),
        ("openai/big", "big"),
        ("big-2026-01-01", "big-*"),
        ("big-mini", "big-mini*"),
        ("big-mini-2026", "big-mini*"),
        ("bigger", None),
        ("", None),
    ],
)
def test_price_by_the_narrowest_name(model: str, found: str | None) -> None:
    assert find_price(model, TABLE) == (TABLE[found] if found else None)


def test_each_kind_of_token_has_its_price() -> None:
    assert cost_of(Usage(MILLION, 2 * MILLION, 3 * MILLION), "big", TABLE) == pytest.approx(10 + 2 + 300)


def test_users_price_goes_before_ours() -> None:
    usage = Usage(input_tokens=MILLION)
    ours = cost_of(usage, "gpt-5.5", {})
    theirs = cost_of(usage, "gpt-5.5", {"gpt-5*": Price(input=0.5, cached=0, output=0)})
    assert ours is not None and ours != theirs
    assert theirs == pytest.approx(0.5)


def test_unknown_model_has_no_cost() -> None:
    assert cost_of(Usage(MILLION), "no-such-model", {}) is None


def test_variant_with_a_price_of_its_own_is_not_taken_for_another() -> None:
    for model in ("gpt-5.5-pro", "gpt-5-pro", "gpt-6-astra", "gemini-2.5-flash-lite"):
        assert find_price(model, known_prices()) is None, f"{model} costs something else"


@pytest.mark.parametrize("model", sorted(known_prices()))
def test_our_table_is_sensible(model: str) -> None:
    price = known_prices()[model]
    assert 0 < price.cached < price.input < price.output < 200
    assert model == model.lower()
