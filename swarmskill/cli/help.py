"""How the help of a verb looks: its options under headings, in the order in which they are declared."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class Verb(TyperCommand):
    """A command whose options with a `rich_help_panel` stand under that as a heading, the others at the end."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, each group of options, and the other options."""
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        others: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            panel = getattr(parameter, "rich_help_panel", None)
            if parameter.param_type_name == "argument":
                groups["Arguments"].append(record)
            elif panel:
                groups.setdefault(panel, []).append(record)
            else:
                others.append(record)
        for heading, records in [*groups.items(), ("Options", others)]:
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)
