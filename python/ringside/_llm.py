"""What a language model's answer tells about itself: `ringside.llm(response)`.

Read are answers in the form of Ollama (durations in nanoseconds) and of OpenAI (`usage`), dicts or
objects. Each figure becomes a series with the label model, and an attribute of the request. What is
missing or is no number is skipped.
"""

from typing import Any, Dict, Optional, Union

import ringside
from ringside._fields import field, first, from_nanoseconds, number, rate, text

# A load that took longer brought the model into memory: Ollama reports a few to some tens of
# milliseconds when it was there already.
COLD_LOAD_SECONDS = 0.5


class Answer:
    """What one answer says; None where it says nothing. Durations in seconds."""

    def __init__(self, response, model=None, call_seconds=None):
        self.model = text(model) or text(field(response, "model"))
        self.total = from_nanoseconds(field(response, "total_duration"))
        if self.total is None:
            self.total = number(call_seconds)
        self.load = from_nanoseconds(field(response, "load_duration"))
        self.prompt = from_nanoseconds(field(response, "prompt_eval_duration"))
        self.generation = from_nanoseconds(field(response, "eval_duration"))
        self.input_tokens = number(first(
            response, "prompt_eval_count", "usage.prompt_tokens", "usage.input_tokens"))
        self.output_tokens = number(first(
            response, "eval_count", "usage.completion_tokens", "usage.output_tokens"))
        self.cached_tokens = number(first(
            response, "usage.prompt_tokens_details.cached_tokens",
            "usage.input_tokens_details.cached_tokens", "usage.cache_read_input_tokens"))
        self.finish_reason = text(field(response, "done_reason")) or _finish_reason(response)

    def durations(self):
        """(name, seconds) of each part that is known."""
        parts = (("total", self.total), ("load", self.load), ("prompt", self.prompt),
                 ("generation", self.generation))
        return [part for part in parts if part[1] is not None]

    def values(self):
        """(name, number, unit) of each figure that is known."""
        writing = self.generation if self.generation is not None else self.total
        figures = (
            ("input_tokens", self.input_tokens, "{token}"),
            ("output_tokens", self.output_tokens, "{token}"),
            ("cached_tokens", self.cached_tokens, "{token}"),
            ("tokens_per_second", rate(self.output_tokens, writing), "{token}/s"),
            ("prompt_tokens_per_second", rate(self.input_tokens, self.prompt), "{token}/s"),
        )
        return [figure for figure in figures if figure[1] is not None]

    def start(self, cold_above):
        """`cold`: the model had to be loaded; `warm`: it was in memory; None: not told."""
        if self.load is None:
            return None
        return "cold" if self.load > cold_above else "warm"


def llm(response: Any, request: Union["ringside.Request", "ringside.Stage", None] = None, *,
        model: Optional[str] = None, seconds: Optional[float] = None, name: str = "llm",
        cold_above: float = COLD_LOAD_SECONDS) -> Dict[str, Union[str, int, float]]:
    """Records what `response` tells: durations, tokens, tokens per second, cold or warm.

    `request`: the request or stage whose attributes the figures become; default the current
    request, if there is one. `model`: instead of the one that the response names. `seconds`: how
    long the call took, for answers that do not tell. `name`: what the series' names begin with.
    Returns the figures as a dict, as they became attributes. Never raises. Any thread.
    """
    try:
        return _record(Answer(response, model, seconds), request, name, cold_above)
    except Exception:  # an object that behaves in a way nobody thought of: measured is what was
        return {}


def _record(answer, request, name, cold_above):
    labels = {"model": answer.model} if answer.model else {}
    start = answer.start(cold_above)
    told = {}
    for part, duration in answer.durations():
        extra = {"start": start} if part == "load" else {}
        ringside.record(f"{name}.{part}", seconds=duration, labels={**labels, **extra})
        told[f"{name}.{part}_seconds"] = duration
    for figure, value, unit in answer.values():
        ringside.value(f"{name}.{figure}", value, unit=unit, labels=labels)
        told[f"{name}.{figure}"] = value
    for key, word in (("model", answer.model), ("start", start),
                      ("finish_reason", answer.finish_reason)):
        if word is not None:
            told[f"{name}.{key}"] = word
    request = request if request is not None else ringside.current_request()
    if request is not None and told:
        request.set(**told)
    return told


def _finish_reason(response):
    choices = field(response, "choices")
    try:
        return text(field(choices[0], "finish_reason"))
    except (TypeError, LookupError):
        return None
