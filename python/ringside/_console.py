"""What is going on, for work at a desk: `ringside.configure(console=True)` or RINGSIDE_CONSOLE=1.

Prints to stderr the start of each request, each stage as it ends, and the request's summary.
"""

import os
import sys

from ringside import _listeners

_BAR = 20
_NAME_WIDTH = 24
_COLOURS = {"dim": "2", "bold": "1", "ok": "32", "error": "31", "aborted": "33"}
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Console:
    """Writes to `stream`, one write for each line or summary. A stream that refuses is left alone.

    Colours only on a terminal, and not where NO_COLOR is set; whatever a colour says a word says
    too.
    """

    def __init__(self, stream=None):
        self._stream = stream if stream is not None else sys.stderr
        self._has_colours = _may_colour(self._stream)

    def __call__(self, kind, facts):
        if kind == "start":
            self._write(self._started(facts))
        elif kind == "stage":
            self._write(self._stage(facts))
        elif kind == "request":
            self._write(self._summary(facts))

    def _started(self, request):
        words = attribute_words(request["attributes"])
        return f"{self._head(request)}  {self._paint('dim', 'started')}  {words}".rstrip() + "\n"

    def _stage(self, step):
        error = error_words(step["outcome"], step["error"])
        return (f"{self._head(step)}    {step['name']:<{_NAME_WIDTH}} "
                f"{duration_words(step['duration_ns'] / 1e9):>10}  "
                f"{self._paint(step['outcome'], step['outcome'])}{error}\n")

    def _summary(self, summary):
        outcome = summary["outcome"]
        total = duration_words(summary["duration_ns"] / 1e9)
        lines = [f"{self._head(summary)}  "
                 f"{self._paint(outcome, outcome)}{error_words(outcome, summary['error'])}  "
                 f"total {self._paint('bold', total)}  {attribute_words(summary['attributes'])}"]
        times = stage_times(summary)
        shares = {name: f"{share:.1f}" for name, share in summary["breakdown_percent"].items()}
        # A stage that was measured elsewhere may be far longer than its request.
        width = max(map(len, shares.values()))
        for name, share in summary["breakdown_percent"].items():
            bar = "#" * round(min(share, 100) * _BAR / 100)
            lines.append(f"    {name:<{_NAME_WIDTH}} {duration_words(times[name]):>10} "
                         f"{shares[name]:>{width}} %  {self._paint('dim', bar)}")
        return "".join(line.rstrip() + "\n" for line in lines)

    def _head(self, facts):
        request = self._paint("dim", facts["request_id"][:8])
        return f"{self._paint('bold', facts['operation'])} {request}"

    def _paint(self, colour, words):
        if not self._has_colours or not words:
            return words
        return f"\033[{_COLOURS[colour]}m{words}\033[0m"

    def _write(self, words):
        try:
            self._stream.write(words)
            self._stream.flush()
        except (OSError, ValueError):  # closed, or a pipe that nobody reads
            pass


def start(stream=None):
    """Prints from now on; the Console, for `stop`."""
    console = Console(stream)
    _listeners.add(console)
    return console


def stop(console):
    """Prints no more."""
    _listeners.remove(console)


def stage_times(summary):
    """Seconds of each name in the breakdown: a stage's over all its steps, the rest's own share."""
    times = {}
    for step in summary["steps"]:
        times[step["name"]] = times.get(step["name"], 0) + step["duration_ns"] / 1e9
    for name, percent in summary["breakdown_percent"].items():
        times.setdefault(name, summary["duration_ns"] / 1e9 * percent / 100)
    return times


def duration_words(seconds):
    """`1.250 s`, `310.0 ms`, `12.3 us`: three or four digits that say something."""
    if seconds >= 1:
        return f"{seconds:.3f} s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds * 1e6:.1f} us"


def size_words(size):
    """`100.0 KiB` of 102400."""
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            return f"{size} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return ""


def attribute_words(attributes):
    """`file=a.wav  size=100.0 KiB`: what ends in _bytes is a size."""
    words = []
    for key, value in (attributes or {}).items():
        if key.endswith("_bytes") and isinstance(value, (int, float)):
            words.append(f"{key[:-len('_bytes')]}={size_words(value)}")
        else:
            words.append(f"{key}={value}")
    return "  ".join(words)


def error_words(outcome, error):
    """` timeout: no answer` of what failed, else nothing."""
    if outcome != "error" or not error:
        return ""
    words = ": ".join(word for word in (error["type"], error["message"]) if word)
    return f" {words}" if words else ""


def _may_colour(stream):
    try:
        is_terminal = stream.isatty()
    except (AttributeError, ValueError):
        return False
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
