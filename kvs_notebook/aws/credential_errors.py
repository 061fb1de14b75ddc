"""Errors of credential providers as errors of this package, with the command or line that corrects each."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any

from kvs_notebook.aws.configuration import (
    INSTANCE_VARIABLE,
    TOKEN_VARIABLE,
    CredentialSource,
    container_variable,
    find_credential_source,
)
from kvs_notebook.aws.connection_config import ConnectionConfig
from kvs_notebook.aws.error_translation import (
    BY_CODE,
    INSTALL_CRT,
    NEXT_STEP,
    from_botocore_error,
    from_client_error,
    sign_in_errors,
)
from kvs_notebook.aws.reply_limits import ReplyOverLimit
from kvs_notebook.errors import (
    AccessDenied,
    ExpiredCredentials,
    KVSError,
    MissingExtra,
    NoCredentials,
    NoRegion,
    ServiceFault,
    Throttled,
)

CODES = {
    code: kind
    for code, kind in BY_CODE.items()
    if issubclass(kind, (AccessDenied, ExpiredCredentials, NoCredentials, Throttled))
} | {"ForbiddenException": AccessDenied, "TooManyRequestsException": Throttled}
"""Error codes of STS and IAM Identity Center, and the class of each; any other refusal is ExpiredCredentials."""

UNSENDABLE = (ValueError, UnicodeEncodeError)
"""What Python's HTTP client raises for a token or a key that cannot be sent in a header; it shows the value."""

CACHED_PARAMETER = "parameter accessToken"
STS_PARAMETER = re.compile(r"parameter [A-Z]")
"""In botocore's text about a parameter: the one that a sign-in renews, and those of STS, which are settings of a role."""

ENDPOINTS = {"container": "container's endpoint", "": "instance metadata service"}

SERVER_ERROR = 500
LONGEST_REASON = 300


def credential_error(error: Exception, *, operation: str, config: ConnectionConfig) -> KVSError:
    """Return the error of this package for one that a credential provider raised, to be raised ``from`` it.

    A provider may raise anything: it reads files, runs programs, parses what they print, asks for codes and sends requests.
    """
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004 - botocore's

    if isinstance(error, KVSError):
        return error
    reason = error.kwargs.get("error") if isinstance(error, HTTPClientError) else None
    if type(reason) in UNSENDABLE:
        _hide_value(error)
    elif isinstance(reason, ReplyOverLimit):
        error = reason  # of an endpoint that only credentials are requested from
    elif isinstance(error, (ConnectionError, HTTPClientError)):
        return from_botocore_error(error, operation=operation, config=config)
    if isinstance(error, ClientError):
        return _refusal(error, operation, config)
    source = _source_of(config)
    kind = _kind_of(error)
    return kind(f"{operation} failed: {_reason(error, source)}. {_advice(kind, error, source)}", operation=operation)


def _hide_value(error: Any) -> None:
    """Remove from an error, which becomes the cause of ours, the token that could not be sent."""
    error.args = ("A token or a key cannot be sent in a header.",)
    error.kwargs = {}
    error.__context__ = error.__cause__ = None


def _source_of(config: ConnectionConfig) -> CredentialSource | None:
    """Return where the credentials come from, None if it is not the configuration: a given session, or a role."""
    return find_credential_source(config.profile) if config.portable else None


def _kind_of(error: Exception) -> type[KVSError]:
    """Return ExpiredCredentials if the user has to sign in again, NoCredentials if the provider cannot be used."""
    from botocore import exceptions as botocore

    if isinstance(error, botocore.MissingDependencyException):
        return MissingExtra
    if isinstance(error, botocore.NoRegionError):
        return NoRegion
    # A bare RuntimeError is botocore's, of credentials that were refreshed and are still expired.
    is_expired = isinstance(error, sign_in_errors()) or type(error) is RuntimeError
    return ExpiredCredentials if is_expired else NoCredentials


def _reason(error: Exception, source: CredentialSource | None) -> str:
    """Return what went wrong, in one line that names the provider."""
    from botocore.exceptions import BotoCoreError

    text = "".join(letter if letter.isprintable() else " " for letter in str(error))
    text = " ".join(text.split())[:LONGEST_REASON].rstrip(".:")
    if source is None or isinstance(error, OSError):
        return text or type(error).__name__
    if isinstance(error, ReplyOverLimit):
        where = ENDPOINTS.get(source.kind, "endpoint")
        return f"the reply of the {where} that gives credentials {text}"
    if source.kind == "mfa":
        return f"profile {source.profile!r} requires an MFA code ({text or type(error).__name__})"
    if isinstance(error, BotoCoreError) and text:
        return text
    said = text if type(error) is RuntimeError else f"{type(error).__name__}: {text}".removesuffix(": ")
    if source.kind == "process":
        said = _words_of_output(error) or said
    elif source.kind == "login" and type(error) is not RuntimeError:
        folder = os.environ.get("AWS_LOGIN_CACHE_DIRECTORY") or "~/.aws/login/cache"
        said = f"a file in {folder} is damaged or cannot be read"
    names = {
        "process": f"credential_process of profile {source.profile!r} returned no usable credentials",
        "environment": "the credentials of the environment cannot be used",
        "container": "the credentials of the container cannot be used",
    }
    return f"{names.get(source.kind, f'the credentials of profile {source.profile!r} cannot be used')} ({said})"


def _words_of_output(error: Exception) -> str:
    """Return what is wrong with the output of a credential_process, which botocore reads unchecked; "" if it is something else.

    The output itself may be a secret.
    """
    if isinstance(error, json.JSONDecodeError):
        return "what the program printed is not JSON"
    if isinstance(error, UnicodeDecodeError):
        return "what the program printed is not UTF-8 text"
    if isinstance(error, (AttributeError, TypeError)):
        return "what the program printed is not a JSON object with AccessKeyId and SecretAccessKey"
    return ""


def _advice(kind: type[KVSError], error: Exception, source: CredentialSource | None) -> str:
    """Return what to do: the command or the line that corrects it."""
    from botocore.exceptions import (
        InvalidConfigError,
        InvalidRegionError,
        NoCredentialsError,
        ParamValidationError,
        UnknownCredentialError,
    )

    if kind is MissingExtra:
        return INSTALL_CRT
    if source is not None and _is_of_instance(error, source):
        return _advice_of_instance()
    if kind is NoRegion or source is None or isinstance(error, NoCredentialsError):
        return NEXT_STEP[kind]
    of_setting = (OSError, InvalidConfigError, InvalidRegionError, UnknownCredentialError)
    if source.kind != "container" and isinstance(error, of_setting):
        return _correct_profile(source, source.profile)
    if isinstance(error, ParamValidationError) and CACHED_PARAMETER not in str(error):
        is_of_role = STS_PARAMETER.search(str(error)) is not None
        return _correct_profile(source, source.used_profile if is_of_role else source.profile)
    return _advice_of_source(source)


def _advice_of_source(source: CredentialSource) -> str:
    """Return how to get valid credentials from a source."""
    where = f"profile {source.profile!r} in {source.config_file}"
    export = f'eval "$(aws configure export-credentials{source.option_of_caller} --format env)"'
    advice = {
        "sso": f"Run: aws sso login{source.option}, then call again.",
        "login": f"Run: aws login{source.option}, then call again.",
        "process": f"Sign in with the program that it runs, or correct credential_process of {where}, then call again.",
        "mfa": f"To enter the code, call {source.connect_line} in a cell or at a terminal; for a program that runs unattended, "
        f"run {export} before it (AWS CLI 2) and connect without a profile.",
        "web identity": f"Renew the token, or correct web_identity_token_file of {where}, then call again.",
        "environment": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and for temporary keys AWS_SESSION_TOKEN and "
        f"AWS_CREDENTIAL_EXPIRATION, or remove all of them to use a profile, then call {source.connect_line} again.",
        "container": f"Check the endpoint that {container_variable()} names and its token, or remove the variable to use a "
        "profile, then call again.",
        "keys": f"Run: aws configure{source.option}, then call {source.connect_line} again.",
        "token of environment": f"Renew the token in the file that {TOKEN_VARIABLE} names, or remove the variable to use a "
        "profile, then call again.",
    }
    return advice.get(source.kind, _correct_profile(source, source.profile))


def _is_of_instance(error: Exception, source: CredentialSource) -> bool:
    """Return whether the instance metadata service gave no credentials: it is asked if nothing else is configured."""
    from botocore.exceptions import CredentialRetrievalError, MetadataRetrievalError, NoCredentialsError

    kinds = (ReplyOverLimit, CredentialRetrievalError, MetadataRetrievalError)
    is_named = bool(os.environ.get(INSTANCE_VARIABLE))
    return source.kind == "" and (isinstance(error, kinds) or (is_named and isinstance(error, NoCredentialsError)))


def _advice_of_instance() -> str:
    named = f", which {INSTANCE_VARIABLE} names" if os.environ.get(INSTANCE_VARIABLE) else ""
    return (
        f"Check the endpoint of the instance metadata service{named}, or configure a profile (aws configure sso), then call "
        "again."
    )


def _correct_profile(source: CredentialSource, profile: str) -> str:
    return f"Correct profile {profile!r} in {source.config_file} and call again."


def next_steps_of(config: ConnectionConfig, error: Any) -> Mapping[type[KVSError], str]:
    """Return what to do after a ClientError in place of the usual advice: of a local service, or how credentials are renewed."""
    if config.local_service is not None:
        return config.local_service.next_steps
    is_expired = BY_CODE.get(error.response.get("Error", {}).get("Code")) is ExpiredCredentials
    source = _source_of(config) if is_expired else None
    return {} if source is None else {ExpiredCredentials: _renewal(source)}


def _renewal(source: CredentialSource) -> str:
    """Return how to renew credentials that the service does not accept, or no longer accepts."""
    how = {
        "sso": f"aws sso login{source.option}",
        "login": f"aws login{source.option}",
        "process": f"sign in with the program that credential_process of profile {source.profile!r} runs",
        "mfa": "with another MFA code",
        "environment": "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for temporary keys, AWS_SESSION_TOKEN",
        "container": f"at the endpoint that {container_variable()} names",
        "keys": f"aws configure{source.option}",
    }.get(source.kind, "for SSO: aws sso login")
    return f"Renew the credentials ({how}), check this machine's clock, and call {source.connect_line} again."


def _refusal(error: Any, operation: str, config: ConnectionConfig) -> KVSError:
    """Return the error for credentials that STS or IAM Identity Center refused to issue."""
    details = error.response.get("Error", {})
    code, message = str(details.get("Code", "")), str(details.get("Message") or "no message").rstrip(".")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    kind = CODES.get(code, ServiceFault if status >= SERVER_ERROR else ExpiredCredentials)
    source = _source_of(config)
    if source is not None and source.kind == "mfa" and "MultiFactorAuthentication" in message:
        kind = NoCredentials
    if kind is BY_CODE.get(code, ServiceFault) and (source is None or kind is not ExpiredCredentials):
        return from_client_error(error, operation=operation)
    advice = _advice_of_source(source) if source is not None and kind in _OF_SOURCE else NEXT_STEP[kind]
    return kind(f"{operation} failed: {code}: {message}. {advice}", code=code or None, operation=operation)


_OF_SOURCE = (ExpiredCredentials, NoCredentials)
