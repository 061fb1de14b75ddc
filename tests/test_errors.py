"""The error tree: every error code has a class, every class is in the docstring's tree and names a next step."""

from __future__ import annotations

import pickle
import re
import traceback

import pytest
from botocore import exceptions as botocore
from botocore.exceptions import ClientError

from kvs_notebook import errors
from kvs_notebook.aws import error_translation
from kvs_notebook.aws.quotas import QUOTAS
from kvs_notebook.aws.service_model import service_model, signaling_model

CLASSES = {
    name: thing
    for name, thing in vars(errors).items()
    if isinstance(thing, type) and issubclass(thing, (errors.KVSError, Warning)) and thing.__module__ == errors.__name__
}


def client_error(code: str, message: str = "Not now.", operation: str = "DescribeSignalingChannel") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def test_docstring_shows_every_class_and_its_base():
    drawn = dict(re.findall(r"^[ │├└─]*(\w+)(?: \((\w+)\))?", errors.__doc__, re.MULTILINE))
    drawn = {name: base for name, base in drawn.items() if name in CLASSES}
    assert drawn.keys() == CLASSES.keys()
    for name, base in drawn.items():
        standard = [parent.__name__ for parent in CLASSES[name].__bases__ if parent.__module__ == "builtins"]
        inherited = {parent.__name__ for parent in CLASSES[name].__mro__}
        assert not base or base in inherited, name
        assert set(standard) <= {base, "Exception"}, name


def test_every_error_of_the_nine_operations_has_a_class():
    codes = {shape.name for name in QUOTAS for shape in service_model().operation_model(name).error_shapes}
    assert codes <= error_translation.BY_CODE.keys()
    assert {error_translation.BY_CODE[code] for code in codes} >= {
        errors.Throttled,
        errors.VersionMismatch,
        errors.AccessDenied,
    }


def test_every_error_of_get_ice_server_config_has_a_class():
    codes = {shape.name for shape in signaling_model().operation_model("GetIceServerConfig").error_shapes}
    assert codes <= error_translation.BY_CODE.keys()
    kinds = {code: error_translation.BY_CODE[code] for code in codes}
    assert kinds["SessionExpiredException"] is errors.ExpiredCredentials
    assert kinds["NotAuthorizedException"] is errors.AccessDenied
    assert kinds["InvalidClientException"] is errors.InvalidInput


def test_caller_may_override_the_next_step():
    steps = {errors.Throttled: "Wait for a place."}
    full = error_translation.from_code(
        "ClientLimitExceededException", "Full.", operation="ConnectAsViewer", next_steps=steps
    )
    assert str(full) == "ConnectAsViewer failed: ClientLimitExceededException: Full. Wait for a place."
    denied = error_translation.from_code(
        "AccessDeniedException", "", operation="ConnectAsViewer", subject="a", next_steps=steps
    )
    assert str(denied).startswith("ConnectAsViewer failed for a: AccessDeniedException: no message. ")
    assert error_translation.NEXT_STEP[errors.AccessDenied] in str(denied)


@pytest.mark.parametrize("code", error_translation.BY_CODE)
def test_client_error_names_operation_reason_and_next_step(code):
    error = error_translation.from_client_error(
        client_error(code), operation="DescribeSignalingChannel", subject="front-door"
    )
    kind = error_translation.BY_CODE[code]
    assert type(error) is kind
    assert (
        str(error)
        == f"DescribeSignalingChannel failed for front-door: {code}: Not now. {error_translation.NEXT_STEP[kind]}"
    )
    assert (error.code, error.operation) == (code, "DescribeSignalingChannel")


def test_resource_in_use_is_exists_or_busy_by_operation():
    create = error_translation.from_client_error(
        client_error("ResourceInUseException"), operation="CreateSignalingChannel"
    )
    update = error_translation.from_client_error(
        client_error("ResourceInUseException"), operation="UpdateSignalingChannel"
    )
    assert (type(create), type(update)) == (errors.ChannelExists, errors.ChannelBusy)


@pytest.mark.parametrize("code", ["InternalFailure", "503", "SomethingNewException", ""])
def test_unknown_code_is_a_service_fault(code):
    error = error_translation.from_client_error(client_error(code), operation="ListSignalingChannels")
    assert type(error) is errors.ServiceFault
    assert error.code == (code or None)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (botocore.NoCredentialsError(), errors.NoCredentials),
        (botocore.PartialCredentialsError(provider="env", cred_var="X"), errors.NoCredentials),
        (botocore.TokenRetrievalError(provider="sso", error_msg="expired"), errors.ExpiredCredentials),
        (botocore.UnauthorizedSSOTokenError(), errors.ExpiredCredentials),
        (botocore.ParamValidationError(report="x"), errors.InvalidInput),
        (botocore.InvalidRegionError(region_name="x y"), errors.InvalidInput),
        (ValueError("Invalid endpoint: x"), errors.InvalidInput),
        (botocore.EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), errors.EndpointUnreachable),
        (botocore.ConnectTimeoutError(endpoint_url="x"), errors.EndpointUnreachable),
        (botocore.ReadTimeoutError(endpoint_url="x"), errors.EndpointUnreachable),
        (botocore.ConnectionClosedError(endpoint_url="x"), errors.EndpointUnreachable),
        (botocore.SSLError(endpoint_url="x", error="y"), errors.EndpointUnreachable),
        (botocore.ProxyConnectionError(proxy_url="x"), errors.EndpointUnreachable),
        (botocore.DataNotFoundError(data_path="x"), errors.ServiceFault),
    ],
)  # fmt: skip
def test_botocore_error_has_a_class(raised, kind):
    error = error_translation.from_botocore_error(raised, operation="ListSignalingChannels")
    assert type(error) is kind
    assert str(error).startswith("ListSignalingChannels failed: ")


OF_CONFIGURATION = re.compile(
    "Credential|Login|SSO|Token|Profile|Config|MFA|NoRegion|IMDS|Metadata|Dependency|DefaultsMode"
)
OF_OTHER_SERVICES = re.compile("S3|Discovery|Waiter|Retr(y|ies)Capacity")


def test_no_error_of_configuration_is_a_service_fault():
    kinds = [
        kind for kind in vars(botocore).values() if isinstance(kind, type) and issubclass(kind, botocore.BotoCoreError)
    ]
    asked = [
        kind for kind in kinds if OF_CONFIGURATION.search(kind.__name__) and not OF_OTHER_SERVICES.search(kind.__name__)
    ]
    assert len(asked) > 20
    for kind in asked:
        error = kind.__new__(kind)
        Exception.__init__(error, "why")
        translated = error_translation.from_botocore_error(error, operation="ListSignalingChannels")
        assert type(translated) in {
            errors.ExpiredCredentials,
            errors.MissingExtra,
            errors.NoCredentials,
            errors.NoRegion,
        }, kind


@pytest.mark.parametrize("name", CLASSES)
def test_error_survives_pickling(name):
    error = CLASSES[name]("Why.")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(again), str(again)) == (type(error), "Why.")


def test_lookup_error_shows_its_message_without_quotes():
    assert str(errors.ChannelNotFound("No such channel.")) == "No such channel."


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_no_error_shows_control_characters_of_the_service(name):
    """An error's text reaches terminals, logs and notebooks by many ways; what the service said is in its ``__cause__``."""
    if not issubclass(CLASSES[name], errors.KVSError):
        return
    error = CLASSES[name]("Failed: \x1b]0;pwned\x07\x1b[2J\x9b\u202e\r.\n\tGo on.", code="\x1b[2JGone\n")
    shown = "Failed: \ufffd]0;pwned\ufffd\ufffd[2J\ufffd\ufffd\ufffd.\n\tGo on."
    assert (str(error), error.code) == (shown, "\ufffd[2JGone\ufffd")
    assert traceback.format_exception_only(error)[0].endswith(f"{shown}\n")
