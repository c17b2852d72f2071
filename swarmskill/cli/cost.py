"""`swarm cost`: what a run has used."""

from __future__ import annotations

from typing import Annotated

import typer

from swarmskill.cli.options import JsonOption, RunArgument, look_here, print_json, print_text, recall
from swarmskill.views.cost import By, cost_document, cost_table


def cost(
    run: RunArgument = "",
    by: Annotated[By, typer.Option(help="What the rows are.")] = By.TASK,
    json: JsonOption = False,
) -> int:
    """Show the tokens and the cost of a run; `~` marks what is estimated from a price table.

    Example: swarm cost --by model
    """
    recalled = recall(run)
    if json:
        print_json(cost_document(recalled.state, recalled.events, by))
    else:
        print_text(cost_table(recalled.state, recalled.events, by, look=look_here()))
    return 0
