"""What the extension tells of a record, as a dict for sinks (see `_core.set_sink`)."""

from . import _summary


def facts_of(kind, raw):
    """`raw` is the tuple that the extension passes for this kind."""
    return _KINDS[kind](*raw)


def _start(detail):
    request_id, operation, labels, attributes = detail[:4]
    return {"request_id": request_id, "operation": operation,
            "labels": _summary.labels_of(labels),
            "attributes": _summary.attributes_of(attributes),
            "timestamp": _summary.timestamp(detail[-1])}


def _stage(detail, request_id, operation):
    return {**_summary.step_of(detail), "request_id": request_id, "operation": operation}


def _event(detail, request_id=None, operation=None):
    if operation is None:  # an archived line of its own
        summary = _summary.summary_of(detail)
        name, labels, attributes = (summary["operation"], summary["labels"], summary["attributes"])
    else:
        step = _summary.step_of(detail)
        name, labels, attributes = step["name"], step["labels"], step["attributes"]
    return {"name": name, "labels": labels, "attributes": attributes, "request_id": request_id,
            "operation": operation}


def _operation(name, labels, ns, error_type):
    return {"name": name, "labels": labels or {}, "seconds": ns / 1e9,
            "outcome": "ok" if error_type is None else "error", "error_type": error_type or ""}


def _number(name, labels, number, unit):
    return {"name": name, "labels": labels or {}, "number": number, "unit": unit or ""}


_KINDS = {"start": _start, "stage": _stage, "request": _summary.summary_of, "event": _event,
          "operation": _operation, "value": _number, "gauge": _number, "count": _number}
