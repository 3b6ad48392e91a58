"""The standard library's logging: records counted by `LogHandler`, requests written by a logger."""

import logging
from typing import Optional

import ringside
from ringside import _listeners
from ringside._console import attribute_words, duration_words, error_words

PERFORMANCE_LOGGER = "ringside.performance"


class LogHandler(logging.Handler):
    """Counts log records: the counter `log.records` with the labels level and logger.

    `logging.getLogger().addHandler(ringside.LogHandler())`. `depth`: of a logger's name only so
    many parts count, for programs that make a logger for each of many things. Writes nothing.
    """

    def __init__(self, level: int = logging.NOTSET, depth: Optional[int] = None):
        super().__init__(level)
        self._depth = depth

    def createLock(self):  # noqa: N802: the name is logging's
        """None is needed: counting does not wait."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Counts `record`."""
        logger = record.name
        if self._depth is not None:
            logger = ".".join(logger.split(".")[:self._depth])
        ringside.count("log.records", labels={"level": record.levelname, "logger": logger})


def start_performance_log() -> None:
    """From now on each finished request is a line of the logger `ringside.performance`.

    Level INFO, or WARNING where it was not ok:
    `transcribe 3f2a91c4 ok: model_loading 310.0 ms, decode 900.2 ms, total 1.250 s  file=a.wav`
    """
    _listeners.add(_write)


def stop_performance_log() -> None:
    """No more lines."""
    _listeners.remove(_write)


def _write(kind, summary):
    if kind != "request":
        return
    logger = logging.getLogger(PERFORMANCE_LOGGER)
    level = logging.INFO if summary["success"] else logging.WARNING
    if logger.isEnabledFor(level):
        logger.log(level, "%s", performance_line(summary))


def performance_line(summary):
    """One line of a request's summary."""
    parts = [f"{step['name']} {duration_words(step['duration_ns'] / 1e9)}"
             for step in summary["steps"]]
    parts.append(f"total {duration_words(summary['duration_ns'] / 1e9)}")
    outcome = summary["outcome"]
    error = error_words(outcome, summary["error"])
    line = (f"{summary['operation']} {str(summary['request_id'])[:8]} {outcome}{error}: "
            f"{', '.join(parts)}  {attribute_words(summary['attributes'])}")
    return line.rstrip()
