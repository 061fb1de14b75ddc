"""Error messages in the words of the command: they name options where the message of a Python call names functions."""

from __future__ import annotations

import re
from collections.abc import Callable

_AGAIN = "run the command again"
_SANDBOX = "kvs-notebook inventory --sandbox"

_REPLACEMENTS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    # Connections
    (r'Pass one, as in kvs\.connect\(region="us-east-1"\), or set AWS_REGION\.', "Pass --region, or set AWS_REGION."),
    (
        r"(?:call )?kvs\.connect\(profile=\.\.\.\), or try kvs\.use_sandbox\(\)\.",
        f"pass it as --profile, or try {_SANDBOX}.",
    ),
    (r"kvs\.use_sandbox\(\) needs no profile\.", f"{_SANDBOX} needs none."),
    (
        r"call again; without a network, kvs\.use_sandbox\(\) starts a local sandbox\.",
        f"{_AGAIN}; without a network, {_SANDBOX} shows a local sandbox.",
    ),
    (
        r"Call kvs\.use_sandbox\(\) again .*?, then repeat the call\.",
        f"Start kvs-notebook sandbox again, and {_AGAIN}.",
    ),
    (r"Enter the code by kvs\.connect\([^()]*\) in a cell or at a terminal;", f"{_AGAIN.capitalize()} at a terminal;"),
    (r"(?:call )?kvs\.connect\([^()]*\)(?: again)?(?=[ .,])", _AGAIN),
    (r"Pass connection= for that account and region;", "Pass --profile and --region of that account and region;"),
    (
        r"Pass profiles=, role_arns= or accounts= that name it\.",
        "Add --profile, --role-arn or --accounts with which it can be reached.",
    ),
    (r"call again, after sandbox\.faults\.clear\(\) if a fault cut the connection", _AGAIN),
    (r"role_name= needs accounts=: a file or a frame of", "--role-name needs --accounts, a file of"),
    (r"role_(?:session_)?name=(?=\S+ is not valid)", "The role's name "),
    (r"\bpass role_name=", "add --role-name"),
    # The sandbox
    (r"\bomit port=", "omit --port"),
    (r"\bas state=, or None to keep", "as --state, or omit it to keep"),
    (r"\b(?:as|pass another) state=", lambda found: found[0].replace("state=", "--state")),
    # Channels
    (r"with list_channels\(\)(?=;)", "with kvs-notebook inventory"),
    (r'call wait_for_channel\(name, "DELETED"\) first', "wait until it is gone"),
    (r"Wait with wait_for_channel\(\) until", "Wait until"),
    (r"call describe_channel\(\) again,", "export the channels again,"),
    (r"Pass the version that describe_channel\(\) returns\.", "Export the channels again."),
    (r"with untag_channel\(\),", "with kvs-notebook plan tags --remove KEY,"),
    (r", or lower the connection's share=;", ";"),
    (r"with (?:kvs\.)?describe_channel\((?:'[^']*')?\)", "with kvs-notebook inventory"),
    (r" Increase timeout=\.", ""),
    (r'as in client_id="lobby-tablet"', "as in --client-id lobby-tablet"),
    (r"Omit client_id=", "Omit --client-id"),
    # Files
    (r"(?<=header that )(?:to_csv|to_excel)\(\)|(?<=value that )(?:to_csv|to_excel)\(\)", "kvs-notebook inventory"),
    (r"Export the frame again with to_(?:csv|excel)\(\)", "Export the channels again with kvs-notebook inventory"),
    (r"Read another program's file with pandas\.read_\w+\(path, dtype='str'\)\.", "Pass a file that it wrote."),
    (r"Read it with kvs\.read_excel\(\), or ", "Rename it so that it ends with .xlsx, or "),
    (r"Read a CSV file with kvs\.read_csv\(\), or save it", "Rename a CSV file so that it ends with .csv, or save it"),
    (r"Write it again with to_parquet\(\)", "Write it again with kvs-notebook inventory --parquet"),
    (r"Write it with to_parquet\(\) or to_json\(\)", "Write it with --parquet or --json"),
    (
        r"Write a \.xlsx file with to_excel\(\), or a \.csv file with to_csv\(\);",
        "Write a .xlsx file with --excel, or a .csv file with --csv;",
    ),
    (r"write another file with to_csv\(\)", "write another file with --csv"),
    (
        r"Pass a frame returned by list_channels\((?:tags=True)?\) or inventory\(\)(?:, or read its file with .*_excel\(\))?",
        "Pass a file that kvs-notebook inventory has written",
    ),
    (r"Read the file with kvs\.read_csv\(\), which keeps zeros and dates as they are", "Export the channels again"),
    (r'Pass the rows of one day, such as frame\[frame\["date"\] == "[\d-]+"\]', "Keep the rows of one day"),
    (r", or write parts of the frame\.", "."),
    # Inventories
    (r"Read this account and region again, or increase unit_timeout=", _AGAIN.capitalize()),
    (r"with save_snapshot\(\)", "with --snapshot"),
    (r"Read one without prefix=", "Read one without --prefix"),
    # Pictures
    (r"\b(timeout|concurrency)=(?=\S+ is not valid)", r"--\1 "),
    (r"Save one with plan\.save\(('[^']*')\)\.", r"Save one with kvs-notebook plan and -o \1."),
    # Refused rows of a plan
    (
        r"Pass a frame of list_channels\(tags=True\), or an inventory with tags",
        "Export the channels again without --no-tags",
    ),
    (r"Pass a frame of list_channels\(tags=True\)", "Export the channels again with kvs-notebook inventory"),
    (r"\bpass allow_managed=True", "add --allow-managed"),
    (r"\bor allow_managed=True", "or add --allow-managed"),
    (r"\bas original=\.", "as --original."),
    (r"plan it with plans\.ensure\(\)", "plan it with kvs-notebook plan ensure"),
    (r"see \.refused, or plan\.csv", "see plan.csv, which -o DIR saves"),
    # Runs of a plan
    (r"Apply it with kvs\.apply_plan\([^()]*\)", "Apply it without --resume"),
    (
        r"\b(?:max_delete|max_share|canary|stop_after)=",
        lambda found: f"--{found[0].removesuffix('=').replace('_', '-')} ",
    ),
    (r"pass confirm=", "pass --confirm "),
    (r"\bconfirm=(?=.* does not match this plan)", "--confirm "),
    (r"Call kvs\.resume_plan\(\) first", "Run kvs-notebook apply with --resume first"),
    (r"kvs\.resume_plan\(\) reads", "kvs-notebook apply with --resume reads"),
    (r"(?:call )?kvs\.resume_plan\(('[^']*')[^()]*\)", r"run kvs-notebook apply \1 --resume"),
    # Everything
    (r"(?<=[Tt]hen )call again|(?<=and )call again(?=[.;])", _AGAIN),
    (r"\bCall again(?= later|;| in a moment|\.)", _AGAIN.capitalize()),
)
"""What is written in place of what; a pattern is a phrase of ours, so that it does not match what a user has entered."""

_COMPILED = tuple((re.compile(pattern), words) for pattern, words in _REPLACEMENTS)


def in_options(message: str) -> str:
    """Return an error message with the options of the command in place of Python's functions."""
    for pattern, words in _COMPILED:
        message = pattern.sub(words, message)
    return message
