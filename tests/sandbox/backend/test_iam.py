"""ListAccountAliases, by boto3."""

from __future__ import annotations

import pytest
import regex
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from kvs_notebook.aws.botocore_data import load_model
from kvs_notebook.sandbox.backend.iam import ALIAS

OTHER = "444455556666"


def test_alias_is_of_one_account_in_every_region(sandbox):
    sandbox.seed(0, account_alias="acme-prod")
    sandbox.seed(0, account_id=OTHER, region="eu-west-1", account_alias="acme-lab")
    for region in ("us-east-1", "eu-west-1"):
        for account_id, alias in ((sandbox.account_id, "acme-prod"), (OTHER, "acme-lab")):
            iam = sandbox.connection(account_id, region=region).client("iam")
            assert iam.list_account_aliases()["AccountAliases"] == [alias]
    sandbox.reset()
    assert iam.list_account_aliases(MaxItems=1)["AccountAliases"] == []


def test_denial_and_invalid_request_are_errors_of_iam(sandbox, connection):
    iam = connection.client("iam")
    with pytest.raises(ClientError, match="ValidationError"):
        iam.list_account_aliases(Marker="made-up")
    sandbox.deny("iam:List*")
    with pytest.raises(
        ClientError, match="AccessDenied.*is not authorized to perform: iam:ListAccountAliases on resource: \\*"
    ):
        iam.list_account_aliases()


@given(st.text("a1-_A", max_size=5) | st.integers(60, 66).map("a".__mul__))
def test_alias_has_the_form_of_botocores_model(text):
    bounds = load_model("iam").shape_for("accountAliasType").metadata
    allowed = bounds["min"] <= len(text) <= bounds["max"] and regex.fullmatch(bounds["pattern"], text)
    assert bool(ALIAS.fullmatch(text)) is bool(allowed)
