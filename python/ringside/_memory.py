"""Memory of this process, and of a GPU: for `ringside.model_load`. None where it is not known."""

import ctypes
import os
import re

_NVML = "libnvidia-ml.so.1"
_CUDA_DEVICE = re.compile(r"(?:cuda|gpu)(?::(\d+))?", re.IGNORECASE)


def process_memory():
    """(resident bytes now, the most there ever were), of /proc/self/status."""
    found = {}
    try:
        with open("/proc/self/status", "rb") as status:
            for line in status:
                if line.startswith((b"VmRSS:", b"VmHWM:")):
                    found[line[:5]] = int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return found.get(b"VmRSS"), found.get(b"VmHWM")


class GpuMemory:
    """Bytes in use on one GPU, by all processes, as NVML tells. Without one: None, at no cost."""

    def __init__(self, device):
        self._handle = None
        self._is_begun = False
        index = gpu_index(device)
        if index is not None:
            try:
                self._open(index)
            except (OSError, AttributeError):  # no library, or a function is not in it
                self.close()

    def used(self):
        """Bytes in use now, or None."""
        if self._handle is None:
            return None
        memory = (ctypes.c_ulonglong * 3)()  # total, free, used
        if self._library.nvmlDeviceGetMemoryInfo(self._handle, memory) != 0:
            return None
        return memory[2]

    def close(self):
        """Leaves nothing of NVML behind that a forked child would inherit."""
        self._handle = None
        if self._is_begun:
            self._is_begun = False
            self._library.nvmlShutdown()

    def _open(self, index):
        self._library = ctypes.CDLL(_NVML)
        if self._library.nvmlInit_v2() != 0:
            return
        self._is_begun = True
        handle = ctypes.c_void_p()
        if isinstance(index, str):
            result = self._library.nvmlDeviceGetHandleByUUID(index.encode(), ctypes.byref(handle))
        else:
            result = self._library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle))
        if result == 0:
            self._handle = handle


def gpu_index(device):
    """Which GPU a framework's device name means: NVML's number or UUID; None for none of them.

    `cuda:1` is the second one that CUDA_VISIBLE_DEVICES names.
    """
    match = _CUDA_DEVICE.fullmatch(device) if isinstance(device, str) else None
    if match is None:
        return None
    index = int(match.group(1) or 0)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return index
    names = [name.strip() for name in visible.split(",") if name.strip()]
    if index >= len(names):
        return None
    return int(names[index]) if names[index].isdigit() else names[index]
