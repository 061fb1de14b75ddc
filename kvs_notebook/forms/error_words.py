"""Error messages in the words of a form: they name buttons and fields where the message of a Python call names functions.

The message for Python stays available: a form shows it folded, beside the line that does the same.
"""

from __future__ import annotations

import re

_CALL_AGAIN = "press the button again"

_REPLACEMENTS: tuple[tuple[str, str], ...] = (
    # Fields
    (r"message_ttl_seconds (?=\S+ is )", "Message TTL "),
    (r"max_delete=(\S+) is not valid", r"\1 is not a number of channels"),
    (r"max_share=(\S+) is not valid", r"\1 is not a share"),
    (
        r"over max_(?:delete|share)=(\S+), so nothing was sent\. To delete them, pass max_(?:delete|share)=",
        r"over the limit of \1, so nothing was sent. To delete them, enter ",
    ),
    (
        r"confirm=(.*) does not match this plan, so nothing was sent\. To apply this plan, pass confirm=",
        r"\1 does not match this plan, so nothing was sent. To apply this plan, type ",
    ),
    # Connections
    (r"To allow changes: kvs\..*\)", "To allow changes, connect again with Allow changes ticked."),
    (r"Pass connection= for that account and region;", "Connect to that account and region first;"),
    (r"(,| and|, and) call kvs\.connect\([^()]*\)(?: again)?(?=[ .,])", r"\1 connect again"),
    (r"then call kvs\.connect\([^()]*\) again", "then connect again"),
    (r"To enter the code, call kvs\.connect\([^()]*\) in a cell or at a terminal;", "Enter the code at a terminal;"),
    (
        r"Configure a profile \(aws configure sso\).*? or try kvs\.use_sandbox\(\)\.",
        "Configure a profile (in a terminal: aws configure sso) and connect with it; the sandbox needs none.",
    ),
    (
        r"(?<=\. )Create it with aws configure sso; kvs\.use_sandbox\(\) needs no profile\.",
        "Create it in a terminal with aws configure sso; the sandbox needs no profile.",
    ),
    (
        r"Pass one of them, or create it with aws configure sso; kvs\.use_sandbox\(\) needs no profile\.",
        "Choose one of them, or create it in a terminal with aws configure sso; the sandbox needs no profile.",
    ),
    (r"Pass one, as in kvs\.connect\(region=\"[a-z0-9-]+\"\), or set AWS_REGION\.", "Choose a region, and connect."),
    (
        r"call again; without a network, kvs\.use_sandbox\(\) starts a local sandbox\.",
        f"{_CALL_AGAIN}; without a network, connect to the sandbox.",
    ),
    (r"call again, after sandbox\.faults\.clear\(\) if a fault cut the connection", _CALL_AGAIN),
    (
        r"call kvs\.use_sandbox\(\) again \(.*?then repeat the call\.",
        "run the cell that started it again, and this cell.",
    ),
    (
        r"Call kvs\.use_sandbox\(\) again \(.*?then repeat the call\.",
        "Run the cell that started it again, and this cell.",
    ),
    # What to do next
    (r"Call again later, or lower the connection's share=;", f"{_CALL_AGAIN.capitalize()} later;"),
    (r"Check the name and the region with list_channels\(\);", "Check the name and the region;"),
    (r"call wait_for_channel\(name, \"DELETED\"\) first\.", "wait until it is gone."),
    (
        r"Wait with wait_for_channel\(\) until it is ACTIVE, then call again\.",
        f"Wait until it is ACTIVE, then {_CALL_AGAIN}.",
    ),
    (r"call describe_channel\(\) again, and check what changed\.", "press Load, and check what changed."),
    (r"Remove tags with untag_channel\(\), then call again;", f"Remove some of its tags, then {_CALL_AGAIN};"),
    (r"or check the existing channel with describe_channel\(\)\.", "or look at the existing channel."),
    (
        r"Check with kvs\.describe_channel\('[^']*'\) whether it took effect\.",
        "Load the channel to see whether it took effect.",
    ),
    (r" Increase timeout=\.", ""),
    (r"To continue it: kvs\.resume_plan\('[^']*'\);", "To continue it, press Resume;"),
    (r"Apply it with kvs\.apply_plan\(.*\)\.", "Press Apply plan to apply it."),
    (r"call kvs\.resume_plan\('[^']*'\)", "press Resume"),
    (r"kvs\.resume_plan\(\)", "Resume"),
    (r"Pass another folder;", "Enter another folder;"),
    (r"(?<=[Tt]hen )call again|(?<=and )call again(?=[.;])", _CALL_AGAIN),
    (r"\bCall again\b", _CALL_AGAIN.capitalize()),
)
"""What is written in place of what; a pattern is a phrase of ours, so that it does not match what a user has entered."""

_COMPILED = tuple((re.compile(pattern), words) for pattern, words in _REPLACEMENTS)


def in_words(message: str) -> str:
    """Return an error message with buttons and fields in place of Python."""
    for pattern, words in _COMPILED:
        message = pattern.sub(words, message)
    return message
