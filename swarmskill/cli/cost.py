"""`swarm cost`: what a run has used."""

from __future__ import annotations

from typing import Annotated

import typer

from swarmskill.cli.options import JsonOption, RunArgument, look_here, print_json, print_text, recall, recall_family
from swarmskill.views.cost import By, cost_document, cost_table


def cost(
    run: RunArgument = "",
    by: Annotated[By, typer.Option(help="What the rows are.")] = By.TASK,
    json: JsonOption = False,
) -> int:
    """Show the tokens and the cost of a run and all runs below it; `~` marks what is estimated from a price table.

    Example: swarm cost --by model
    """
    family = recall_family(recall(run))
    if json:
        print_json(cost_document(family, by))
    else:
        print_text(cost_table(family, by, look=look_here()))
    return 0
