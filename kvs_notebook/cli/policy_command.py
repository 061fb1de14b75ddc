"""The ``kvs-notebook policy`` command: the least IAM policy as JSON."""

from __future__ import annotations

import click

from kvs_notebook.errors import InvalidInput


@click.command()
@click.option("--read-only", is_flag=True, help="Only what reads: no change of a channel or a tag, and no signaling.")
@click.option("--account", metavar="ID", help="Only the channels of this account.")
@click.option(
    "--region", metavar="CODE", help="Only those in this region; needed in China and GovCloud, whose ARNs differ."
)
@click.option("--prefix", metavar="TEXT", help="Only those whose name begins with this.")
@click.option(
    "--role-arn",
    "role_arns",
    metavar="ARN",
    multiple=True,
    help="A role that inventory assumes; may be given several times.",
)
def policy(
    *, read_only: bool, account: str | None, region: str | None, prefix: str | None, role_arns: tuple[str, ...]
) -> None:
    """Print the least IAM policy that the toolkit needs, as JSON.

    It is for the identity that you connect with; a role that inventory assumes needs the --read-only one of its own account.
    Nothing is sent. Listing channels, regions and tagged resources takes no resource in IAM: --account, --region and --prefix
    narrow all the rest.
    """
    import json

    from kvs_notebook.aws.iam_policy import least_policy

    try:
        document = least_policy(
            read_only=read_only, account_id=account, region=region, prefix=prefix, role_arns=role_arns
        )
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    click.echo(json.dumps(document, indent=2))
