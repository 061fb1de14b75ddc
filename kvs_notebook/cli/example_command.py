"""A command that shows an example in its help and in the errors about its arguments."""

from __future__ import annotations

from typing import Any

import click


class ExampleCommand(click.Command):
    """A command with an example, which is also shown if its arguments cannot be parsed.

    Parameters
    ----------
    example
        A line that works, as a user types it.
    **kwargs
        As for click.Command.
    """

    def __init__(self, *, example: str, **kwargs: Any) -> None:
        # \b keeps click from breaking the line, which users copy.
        super().__init__(epilog=f"\b\nExample:\n  {example}", **kwargs)
        self.example = example

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; an error about them ends with the example."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(
                f"{error.format_message()}\nExample: {self.example}", ctx=error.ctx or ctx
            ) from error
