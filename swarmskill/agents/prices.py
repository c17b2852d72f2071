"""What tokens cost where the agent does not say: an estimate, from `prices.toml` or the user's own table."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from swarmskill.config import Price
from swarmskill.model import Usage

_MILLION = 1_000_000


def cost_of(usage: Usage, model: str, own: Mapping[str, Price]) -> float | None:
    """US dollars for the tokens; None if nobody knows the model's price. `own` goes before our table."""
    price = find_price(model, own) or find_price(model, known_prices())
    if price is None:
        return None
    tokens = usage.input_tokens * price.input + usage.cached_tokens * price.cached + usage.output_tokens * price.output
    return tokens / _MILLION


def find_price(model: str, prices: Mapping[str, Price]) -> Price | None:
    """The price of the model: by its name, else by the longest entry `prefix*` that fits."""
    name = model.rpartition("/")[2].lower()
    if not name:
        return None
    fitting = [
        key for key in prices if key.lower() == name or (key.endswith("*") and name.startswith(key[:-1].lower()))
    ]
    return prices[max(fitting, key=lambda key: (not key.endswith("*"), len(key)))] if fitting else None


@cache
def known_prices() -> dict[str, Price]:
    """The table that is shipped."""
    document = tomllib.loads(files("swarmskill.agents").joinpath("prices.toml").read_text(encoding="utf-8"))
    return {model: Price(**row) for model, row in document["prices"].items()}
