"""For the tests of programs that record: what was recorded, without an agent.

    with ringside.testing.capture() as seen:
        transcribe("a.wav")
    assert seen.requests[0]["operation"] == "transcribe"
"""

import threading
from typing import Dict, List, NamedTuple, Optional

from ringside import _listeners

__all__ = ["Capture", "Record", "capture"]


class Record(NamedTuple):
    """What was recorded outside of requests, and the values of requests and stages.

    `kind`: operation, value, gauge, count or event. `value`: seconds of an operation, else the
    number; None of an event. `labels` are those of the series; `error_type` is empty where all was
    well.
    """

    kind: str
    name: str
    value: Optional[float]
    unit: str
    labels: dict
    error_type: str
    attributes: dict


def _record_of(kind, facts):
    is_operation = kind == "operation"
    return Record(kind, facts["name"], facts.get("seconds" if is_operation else "number"),
                  "s" if is_operation else facts.get("unit", ""), facts["labels"],
                  facts.get("error_type", ""), facts.get("attributes", {}))


class Capture:
    """What was recorded by all threads of this process since `capture()`; captures may be nested.

    Any thread may read while others record: the lists are copies.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._requests = []
        self._records = []

    @property
    def requests(self) -> List[dict]:
        """The summaries of all requests that have ended, in this order. Not of those open."""
        with self._lock:
            return list(self._requests)

    @property
    def records(self) -> List[Record]:
        """A Record of everything else but stages: operations, values, gauges, counts, events."""
        with self._lock:
            return list(self._records)

    @property
    def counts(self) -> Dict[str, int]:
        """The total of each counter, over all its labels."""
        totals = {}
        for record in self.records:
            if record.kind == "count":
                totals[record.name] = totals.get(record.name, 0) + record.value
        return totals

    def named(self, name: str) -> List[Record]:
        """The records of this name."""
        return [record for record in self.records if record.name == name]

    def _hear(self, kind, facts):
        if kind == "request":
            with self._lock:
                self._requests.append(facts)
        elif kind not in ("start", "stage"):
            with self._lock:
                self._records.append(_record_of(kind, facts))


class capture:  # noqa: N801: read as a function: `with capture() as seen:`
    """`with capture() as seen:` collects into a Capture what is recorded meanwhile."""

    def __init__(self):
        self._capture = Capture()

    def __enter__(self) -> Capture:
        _listeners.add(self._capture._hear)
        return self._capture

    def __exit__(self, *failure: object) -> None:
        _listeners.remove(self._capture._hear)
