"""Fleets, plans and interruptions that the tests of applying share."""

from __future__ import annotations

import kvs_notebook as kvs
from kvs_notebook.plans.journal import Journal
from kvs_notebook.plans.steps import Step

ACCOUNT, OTHER_ACCOUNT, REGION = "111122223333", "444455556666", "us-east-1"
CHANGES = ("CreateSignalingChannel", "UpdateSignalingChannel", "DeleteSignalingChannel", "TagResource", "UntagResource")


def place(channel):
    """Return the first values of a step about a channel, a row."""
    return (channel["account_id"], channel["region"], channel["channel_name"], channel["channel_arn"])


def tag_plan(channels, key="Site", value="annex", before=None):
    """Return a plan that sets one tag of each channel of a frame."""
    return kvs.plans.Plan(tag_steps(channels, key, value, before), source="a test")


def tag_steps(channels, key="Site", value="annex", before=None):
    return [Step(*place(row), "tag", f"tag:{key}", before, value) for row in channels.to_dict("records")]


def delete_plan(channels):
    steps = [Step(*place(row), "delete", version=row["version"]) for row in channels.to_dict("records")]
    return kvs.plans.Plan(steps, source="a test")


def create_plan(names, **columns):
    """Return a plan that creates channels, with ``ttl`` and tags."""
    wanted = {"message_ttl_seconds": columns.pop("ttl", "60")} | {f"tag:{key}": value for key, value in columns.items()}
    steps = [
        Step(ACCOUNT, REGION, name, None, "create", column, None, value)
        for name in names
        for column, value in wanted.items()
    ]
    return kvs.plans.Plan(steps, source="a test")


def apply(plan, folder, **arguments):
    return kvs.apply_plan(
        plan, folder, **{"confirm": plan.confirmation, "max_delete": 1000, "max_share": 1, **arguments}
    )


def outcomes(applied):
    """Return the outcome of each step, in the order of the plan."""
    return applied.result["outcome"].tolist()


def fleet_state(connection=None):
    """Return the message TTL and tags of each channel by name."""
    channels = kvs.list_channels(tags=True, connection=connection)
    rows = channels[channels["channel_status"] != "DELETING"].to_dict("records")
    return {
        row["channel_name"]: (
            row["message_ttl_seconds"],
            {name: value for name, value in row.items() if name.startswith("tag:") and isinstance(value, str)},
        )
        for row in rows
    }


def changes_sent(sandbox, since=0):
    """Return how often each change of a channel took effect, by operation and name."""
    requests = sandbox.requests.iloc[since:]
    sent = requests[requests["operation"].isin(CHANGES) & (requests["status"].isin([0, 200]))]
    return sent.groupby(["operation", "channel_name"]).size().to_dict()


class Killed(BaseException):
    """Ends a run at once, as kill -9 does: no handler catches it."""


class KillSwitch:
    """End runs at a record of their journal: before it is written, after half of it, or after all of it."""

    def __init__(self, monkeypatch):
        self.points = []
        self._append = Journal._append
        self._records = 0
        self._dead = False
        monkeypatch.setattr(Journal, "_append", self._as_method())

    def _as_method(self):
        def append(journal, file, line):
            self._write(journal, file, line)

        return append

    def arm(self, points):
        """Kill the next runs, one at each point: the number of a record and the part of it that is written."""
        self.points = list(points)
        self._revive()

    def _revive(self):
        self._records, self._dead = 0, False

    def _write(self, journal, file, line):
        with_death = not self._dead and bool(self.points) and self._records == self.points[0][0]
        self._records += 1
        if self._dead:
            raise Killed
        if not with_death:
            self._append(journal, file, line)
            return
        self._dead = True
        file.write(line[: round(len(line) * self.points[0][1])])
        raise Killed

    def until_finished(self, begin, resume):
        """Return what a run returns that is not killed: the first one, or one that resumes it."""
        run = begin
        while True:
            try:
                return run()
            except Killed:
                self.points.pop(0)
                self._revive()
                run = resume
