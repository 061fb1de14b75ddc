"""A command that shows an example in its help and in the errors about its arguments, and a group that knows other names."""

from __future__ import annotations

from collections.abc import Mapping
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


class CommandGroup(click.Group):
    """A group that names the right command for a word of the field that is not one of its commands.

    Parameters
    ----------
    meant
        What to run for such a word, without the name of the program.
    **kwargs
        As for click.Group.
    """

    def __init__(self, *, meant: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.meant = meant

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the first argument; if there is no such one, raise click.UsageError that names what to run."""
        word = args[0].lower()
        if word in self.meant and self.get_command(ctx, args[0]) is None:
            raise click.UsageError(f"No such command {args[0]!r}. Use kvs-notebook {self.meant[word]}.", ctx=ctx)
        return super().resolve_command(ctx, args)
