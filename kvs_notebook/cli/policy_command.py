"""``kvs-notebook policy``: print the least IAM policy that the toolkit needs."""

from __future__ import annotations

import click

from kvs_notebook.cli.terminal import print_exactly
from kvs_notebook.errors import InvalidInput


@click.command()
@click.option("--read-only", is_flag=True, help="Only actions that read: no changes of channels or tags, no signaling.")
@click.option("--account", metavar="ID", help="Only channels of this account.")
@click.option(
    "--region", metavar="CODE", help="Only channels in this region; required in China and GovCloud, whose ARNs differ."
)
@click.option("--prefix", metavar="TEXT", help="Only channels whose name starts with TEXT.")
@click.option("--role-arn", "role_arns", metavar="ARN", multiple=True, help="Role that inventory assumes (repeatable).")
def policy(
    *, read_only: bool, account: str | None, region: str | None, prefix: str | None, role_arns: tuple[str, ...]
) -> None:
    """Print the least IAM policy that the toolkit needs, as JSON.

    Attach it to the identity that you connect with. Each role that inventory assumes needs the --read-only policy of its
    own account. No request is sent. IAM has no resource for listing channels, regions and tagged resources: --account,
    --region and --prefix restrict all other actions.
    """
    import json

    from kvs_notebook.aws.iam_policy import iam_policy

    try:
        document = iam_policy(
            read_only=read_only, account_id=account, region=region, prefix=prefix, role_arns=role_arns
        )
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    print_exactly(json.dumps(document, indent=2))
