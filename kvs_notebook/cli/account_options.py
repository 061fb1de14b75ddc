"""Options that name accounts and regions, for the commands that read or change many of them."""

from __future__ import annotations

import click

PROFILE = click.option("--profile", metavar="NAME", help="AWS profile.  [default: boto3's credential chain]")

REGIONS = click.option("--region", "regions", metavar="CODE", multiple=True, help="AWS region (repeatable).")

ALL_REGIONS = click.option("--all-regions", is_flag=True, help="All regions that are enabled in the account.")

ROLE_ARNS = click.option("--role-arn", "role_arns", metavar="ARN", multiple=True, help="Role to assume (repeatable).")

EXTERNAL_ID = click.option("--external-id", metavar="TEXT", help="External ID that those roles require.")

ACCOUNTS = click.option(
    "--accounts",
    metavar="FILE",
    help="CSV file or workbook with the columns account_id, role_arn or profile, account_name, external_id, regions.",
)

ROLE_NAME = click.option(
    "--role-name", metavar="NAME", help="Role to assume in each account of --accounts that names no other."
)
