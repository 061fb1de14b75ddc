"""Tags as columns: from one row per tag to one ``tag:<key>`` column per key."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from kvs_notebook.dataframes.builders import columns_frame, empty, sort_rows
from kvs_notebook.dataframes.frame_check import check_columns
from kvs_notebook.dataframes.schemas import FAILED, NOT_REQUESTED, TAG_PREFIX, TAGS, TEXT, order_columns
from kvs_notebook.errors import InvalidInput
from kvs_notebook.formatting import format_count, format_value

_TAGS_READ = "tags_read"
"""The attribute (``DataFrame.attrs``) of a wide frame that says which tags were read."""

_SOURCE, _MARK = "tags_source", "each"

CHANNEL_COLUMNS = [column for column in TAGS if column not in {"key", "value"}]
"""The columns of a tags frame that say which channel a tag is on."""

_NEVER_MISSING = [column for column in TAGS if column != "value"]


def pivot_tags(tags: pd.DataFrame) -> pd.DataFrame:
    """Turn a long tags frame into one row per channel, with a column per tag key.

    Parameters
    ----------
    tags
        A long tags frame, as list_tags() returns it.

    Returns
    -------
    pandas.DataFrame
        channel_name, region, account_id, one ``tag:<key>`` column (str) per
        key, sorted, then channel_arn. A tag that a channel does not have is
        missing (NaN), which is not the empty string. Channels without any tag
        are not in ``tags`` and so not in the result;
        ``list_channels(tags=True)`` has them.

    Raises
    ------
    InvalidInput
        If tags is not a long tags frame, a row has no key or channel, or a tag
        of a channel has two values, for instance because the rows are of two
        dates.

    Examples
    --------
    >>> import kvs_notebook as kvs
    >>> sandbox = kvs.use_sandbox(clock="stepped")
    >>> _ = kvs.create_channel("front-door", tags={"Site": "hq"})
    >>> _ = kvs.create_channel("gate", tags={"Site": "annex", "Owner": "ops"})
    >>> kvs.pivot_tags(kvs.list_tags(kvs.list_channels()))[["channel_name", "tag:Owner", "tag:Site"]]
      channel_name tag:Owner tag:Site
    0   front-door       NaN       hq
    1         gate       ops    annex
    """
    check_columns(tags, TAGS, "list_tags()")
    if tags.empty:
        return empty({column: TAGS[column] for column in CHANNEL_COLUMNS})
    incomplete = [column for column in _NEVER_MISSING if tags[column].isna().any()]
    if incomplete:
        raise InvalidInput(
            f"Missing values in {', '.join(incomplete)}. Pass a frame returned by list_tags(), without rows of your own."
        )
    keys = sorted(tags["key"].unique())
    try:
        wide = _pivot(tags)[keys]
    except ValueError:  # a tag has two rows
        wide = _pivot(_without_repetitions(tags))[keys]
    wide.columns = pd.Index([TAG_PREFIX + key for key in keys])  # before reset_index(): a tag's key may be "region"
    wide = wide.reset_index()
    return sort_rows(wide[order_columns(wide.columns)].astype({TAG_PREFIX + key: TEXT for key in keys}))


def _pivot(tags: pd.DataFrame) -> pd.DataFrame:
    return tags.pivot(index=CHANNEL_COLUMNS, columns="key", values="value")


def _without_repetitions(tags: pd.DataFrame) -> pd.DataFrame:
    """Return the tags with one row each; raise InvalidInput if the rows of a tag have different values."""
    identity = [*CHANNEL_COLUMNS, "key"]
    tags = tags.drop_duplicates([*identity, "value"])
    repeated = tags[tags.duplicated(identity, keep=False)]
    if repeated.empty:
        return tags
    first = repeated.iloc[0]
    values = [
        format_value(value) for value in repeated[(repeated[identity] == first[identity]).all(axis="columns")]["value"]
    ]
    raise InvalidInput(
        f"Tag {format_value(first['key'])} of channel {first['channel_name']} has {format_count(len(values), 'value')}: "
        f"{' and '.join(values)}. Keep the rows of one date."
    )


def join_tags(
    channels: pd.DataFrame,
    tags: pd.DataFrame,
    keys: Sequence[str] | None = None,
    *,
    sources: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Join tags to a channels frame as ``tag:<key>`` columns, of ``keys`` in that order, or of all keys, sorted.

    ``sources`` is how the tags of each channel were read. If those of one are ``failed``, it becomes the column ``tags_source``,
    which distinguishes a channel without a tag from one whose tags are unknown.

    The frame notes which keys were read, because a key that no channel has gets no column.
    """
    values = _values_by_key(tags if keys is None else tags[tags["key"].isin(list(keys))])
    arns = channels["channel_arn"].tolist()
    no_values: dict[str, str] = {}
    tag_columns = {
        TAG_PREFIX + key: [*map(values.get(key, no_values).get, arns)]
        for key in (sorted(values) if keys is None else keys)
    }
    wide = columns_frame(tag_columns, dict.fromkeys(tag_columns, TEXT))
    joined = pd.concat([channels.reset_index(drop=True), wide], axis="columns")
    columns = [*channels.columns]
    if sources is not None and FAILED in sources:
        joined["tags_source"] = pd.array(sources, dtype=TEXT)  # type: ignore[call-overload]
        columns.append("tags_source")
    joined = joined[order_columns([*columns, *tag_columns])]
    note_tags_read(joined, all_keys=keys is None and (sources is None or NOT_REQUESTED not in sources))
    return joined


def _values_by_key(tags: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return the value of each tag, by its key and the ARN of its channel; raise InvalidInput as pivot_tags() does.

    pandas takes ten times as long to pivot and merge the tags of a few channels.
    """
    check_columns(tags, TAGS, "list_tags()")
    values: dict[str, dict[str, str]] = {}
    for arn, key, value in zip(*(tags[name].tolist() for name in ("channel_arn", "key", "value")), strict=True):
        values.setdefault(key, {})[arn] = value
    if sum(map(len, values.values())) < len(tags) or tags[_NEVER_MISSING].isna().any(axis=None):
        pivot_tags(tags)  # raises, unless the rows of a tag are equal
    return values


def note_tags_read(wide: pd.DataFrame, *, all_keys: bool) -> None:
    """Note in a wide frame whether all keys were read, or those only that have a column."""
    columns = [column for column in wide.columns if column.startswith(TAG_PREFIX)]
    wide.attrs[_TAGS_READ] = {"all_keys": all_keys, "columns": columns}


def are_all_tags_read(wide: pd.DataFrame) -> bool | None:
    """Return whether a frame has all tags of its channels, so that a key without a column is absent; None if unknown."""
    noted = wide.attrs.get(_TAGS_READ)
    if noted is None:
        return None
    return noted["all_keys"] and set(noted["columns"]) <= set(wide.columns)


def _has_tags(wide: pd.DataFrame) -> bool:
    return any(str(column).startswith(TAG_PREFIX) for column in wide.columns)


def mark_untagged(wide: pd.DataFrame) -> pd.DataFrame:
    """Return a frame as a file has to have it: if all tags were read and no channel has one, its ``tags_source`` says so.

    A file has no attributes: without the column, no tag could be told from tags that were not read.
    """
    if not are_all_tags_read(wide) or wide.empty or "channel_arn" not in wide or _SOURCE in wide or _has_tags(wide):
        return wide
    marked = wide.assign(**{_SOURCE: pd.array([_MARK] * len(wide), dtype=TEXT)})  # type: ignore[call-overload]
    return marked[order_columns(marked.columns)]


def unmark_untagged(read: pd.DataFrame) -> pd.DataFrame:
    """Return the frame that :func:`mark_untagged` was given, and note that all its tags were read."""
    is_marked = _SOURCE in read and "channel_arn" in read and not read.empty and bool((read[_SOURCE] == _MARK).all())
    if not is_marked or _has_tags(read):
        return read
    found = read.drop(columns=_SOURCE)
    note_tags_read(found, all_keys=True)
    return found
