"""How long a model takes to load, and what memory it needs: `with ringside.model_load("t5"):`."""

from typing import Any, Optional

import ringside
from ringside._fields import number
from ringside._memory import GpuMemory, process_memory


class model_load:  # noqa: N801: read as a function: `with ringside.model_load("t5-small"):`
    """Measures a block, sync or async, that loads a model: a stage `model_load` of the current
    request or, where there is none, a request of that name.

    Labels: model, and model_version and device where given. Values, in bytes: rss_before,
    rss_after, rss_peak (the process's highest so far), for a device like `cuda:1` gpu_memory_before
    and gpu_memory_after (of all processes on it; NVML), and model_bytes where `bytes` is given.
    What cannot be read is left out. One thread at a time.
    """

    def __init__(self, name: str, version: Optional[str] = None, device: Optional[str] = None,
                 bytes: Optional[int] = None):  # noqa: A002: the word for it
        self._labels = {"model": str(name)}
        if version is not None:
            self._labels["model_version"] = str(version)
        if device is not None:
            self._labels["device"] = str(device)
        self._gpu = GpuMemory(self._labels.get("device"))
        self._bytes = bytes
        self._before = {}
        self._span = None

    def __enter__(self) -> "model_load":
        self._before = {"rss_before": process_memory()[0], "gpu_memory_before": self._gpu.used()}
        request = ringside.current_request()
        if request is not None:
            self._span = request.stage("model_load", labels=self._labels)
        else:
            self._span = ringside.request("model_load", labels=self._labels)
        self._span.__enter__()
        return self

    def __exit__(self, *failure):
        rss, peak = process_memory()
        figures = {**self._before, "rss_after": rss, "rss_peak": peak,
                   "gpu_memory_after": self._gpu.used(), "model_bytes": number(self._bytes)}
        self._gpu.close()
        for name, value in figures.items():
            if value is not None:
                self._span.value(name, value, unit="By")
        return self._span.__exit__(*failure)

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, *failure):
        return self.__exit__(*failure)

    def set(self, **attributes: Any) -> None:
        """Attributes that are known during the load."""
        self._span.set(**attributes)

    def fail(self, error_type: str, message: str = "") -> None:
        """The load did not work, though nothing was raised."""
        self._span.fail(error_type, message)
