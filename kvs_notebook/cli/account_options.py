"""Options that name accounts and regions, for the commands that read or change many of them."""

from __future__ import annotations

import click


def _only_profile(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> str | None:
    """Return the profile, None without one; raise click.UsageError if there are several, of which click would take the last."""
    if len(given) > 1:
        raise click.UsageError(f"--profile was given {len(given)} times: {', '.join(given)}. Pass one profile.")
    return given[0] if given else None


PROFILE = click.option(
    "--profile",
    metavar="NAME",
    multiple=True,
    callback=_only_profile,
    help="AWS profile.  [default: boto3's credential chain]",
)

PROFILES = click.option(
    "--profile",
    "profiles",
    metavar="NAME",
    multiple=True,
    help="AWS profile (repeatable: each is read).  [default: boto3's credential chain]",
)

REGIONS = click.option(
    "--region",
    "regions",
    metavar="CODE",
    multiple=True,
    help="AWS region (repeatable).  [default: that of the environment or the profile]",
)

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
