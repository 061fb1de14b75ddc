"""``kvs-notebook policy``: print the least IAM policy that the toolkit needs, or the trust policy of a role."""

from __future__ import annotations

from typing import Any

import click

from kvs_notebook.cli.account_options import ROLE_NAME
from kvs_notebook.cli.example_command import ExampleCommand
from kvs_notebook.cli.terminal import print_exactly
from kvs_notebook.errors import InvalidInput


@click.command(cls=ExampleCommand, example="kvs-notebook policy --read-only --account 111122223333 --region us-east-1")
@click.option("--read-only", is_flag=True, help="Only actions that read: no changes of channels or tags, no signaling.")
@click.option("--auditor", is_flag=True, help="As --read-only, and without the passwords of TURN servers.")
@click.option("--account", "account_id", metavar="ID", help="Only channels of this account.")
@click.option(
    "--region", metavar="CODE", help="Only channels in this region; required in China and GovCloud, whose ARNs differ."
)
@click.option("--prefix", metavar="TEXT", help="Only channels whose name starts with TEXT.")
@click.option("--role-arn", "role_arns", metavar="ARN", multiple=True, help="Role that inventory assumes (repeatable).")
@click.option("--accounts", metavar="FILE", help="Accounts file of inventory: each role that it names may be assumed.")
@ROLE_NAME
@click.option(
    "--trust",
    "trusted",
    metavar="ID|ARN",
    help="Print the trust policy of a role that this account or role may assume.",
)
@click.option("--external-id", metavar="TEXT", help="External ID that --trust requires.")
def policy(*, trusted: str | None, external_id: str | None, **options: Any) -> None:
    """Print the least IAM policy that the toolkit needs, as JSON.

    Attach it to the identity that you connect with. Each role that inventory assumes needs the --read-only or --auditor policy
    of its own account, and a trust policy, which --trust prints. No request is sent. IAM has no resource for listing channels,
    regions and tagged resources: --account, --region and --prefix restrict all other actions.
    """
    import json

    from kvs_notebook.fleet.iam_policy import iam_policy, trust_policy

    given = [name for name, value in options.items() if value and name != "region"]
    if trusted is not None and given:
        raise click.UsageError("--trust can be combined with --external-id and --region only.")
    if external_id is not None and trusted is None:
        raise click.UsageError("--external-id needs --trust: it is a condition of the trust policy.")
    try:
        document = (
            iam_policy(**options)
            if trusted is None
            else trust_policy(trusted, external_id=external_id, region=options["region"])
        )
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    print_exactly(json.dumps(document, indent=2))
