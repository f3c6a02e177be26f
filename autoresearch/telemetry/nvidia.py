"""NVIDIA GPUs, through the driver's management library (NVML)."""

from __future__ import annotations

import os
import sys

from autoresearch.telemetry.files import exists

TYPE_CHECKING = False  # a training process loads this: typing is not worth its time
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Nvml(Protocol):
        """What is used of the module ``pynvml``."""

        NVML_TEMPERATURE_GPU: int
        nvmlMemory_v2: int  # noqa: N815
        NVMLError: type[Exception]

        def nvmlInit(self) -> None: ...  # noqa: N802 (the driver's names)
        def nvmlShutdown(self) -> None: ...  # noqa: N802
        def nvmlDeviceGetCount(self) -> int: ...  # noqa: N802
        def nvmlDeviceGetHandleByIndex(self, index: int) -> Any: ...  # noqa: N802
        def nvmlDeviceGetUtilizationRates(self, handle: Any) -> Any: ...  # noqa: N802
        def nvmlDeviceGetMemoryInfo(self, handle: Any, version: Any = None) -> Any: ...  # noqa: N802
        def nvmlDeviceGetPowerUsage(self, handle: Any) -> int: ...  # noqa: N802
        def nvmlDeviceGetTemperature(self, handle: Any, sensor: int) -> int: ...  # noqa: N802
        def nvmlDeviceGetTemperatureV(self, handle: Any, sensor: int) -> int: ...  # noqa: N802


__all__ = ["Gpus", "driver"]

_DEVICES = ("/dev/nvidiactl", "/proc/driver/nvidia", "/dev/dxg")
_opening_in = 0


def driver() -> Nvml | None:
    """The driver's library, or None on a machine where no driver is.

    Looked for by its device first, because importing the bindings takes longer than everything else that is sampled.
    """
    if sys.platform == "linux" and not any(map(exists, _DEVICES)):
        return None
    try:
        import pynvml
    except ImportError:
        return None
    bindings: Nvml = pynvml
    return bindings


class Gpus:
    """Every GPU that the driver shows, numbered as the driver does, whichever of them the process uses.

    A value that a GPU does not have (a partition has no utilization) is left out, and so is a GPU that fell off the bus.
    """

    def __init__(self, nvml: Nvml) -> None:
        self._nvml = nvml
        self._open = _initialize(nvml)

    def read(self, now: float) -> dict[str, float]:  # noqa: ARG002 (called as the other sources)
        """Utilization, memory, power and temperature of every GPU."""
        if not self._open:
            return {}
        answer: dict[str, float] = {}
        for index in range(self._nvml.nvmlDeviceGetCount()):
            for read in (self._utilization, self._memory, self._power, self._temperature):
                try:
                    handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
                    values = read(handle)
                except (self._nvml.NVMLError, AttributeError):
                    continue
                answer.update({f"system/gpu/{index}/{name}": value for name, value in values.items()})
        return answer

    def close(self) -> None:
        """Give the library back; nothing is read afterwards."""
        if self._open:
            self._open = False
            try:
                self._nvml.nvmlShutdown()
            except self._nvml.NVMLError:
                return

    def _utilization(self, handle: Any) -> dict[str, float]:
        return {"utilization_percent": float(self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu)}

    def _memory(self, handle: Any) -> dict[str, float]:
        try:
            # The first form of this call counts what the driver keeps for itself as used, 0.7 GB on a card of today.
            state = self._nvml.nvmlDeviceGetMemoryInfo(handle, self._nvml.nvmlMemory_v2)
        except self._nvml.NVMLError:
            state = self._nvml.nvmlDeviceGetMemoryInfo(handle)
        answer = {"memory_used_gb": state.used / 1e9}
        if state.total:
            answer["memory_percent"] = 100.0 * state.used / state.total
        return answer

    def _power(self, handle: Any) -> dict[str, float]:
        return {"power_w": self._nvml.nvmlDeviceGetPowerUsage(handle) / 1000.0}

    def _temperature(self, handle: Any) -> dict[str, float]:
        sensor = self._nvml.NVML_TEMPERATURE_GPU
        try:
            degrees = self._nvml.nvmlDeviceGetTemperature(handle, sensor)
        except (
            self._nvml.NVMLError,
            AttributeError,
        ):  # announced to go; its successor is not in older drivers
            degrees = self._nvml.nvmlDeviceGetTemperatureV(handle, sensor)
        return {"temperature_c": float(degrees)}


def _initialize(nvml: Nvml) -> bool:
    """Start the library; not in a process forked while another thread was in here, which left a lock held for ever."""
    global _opening_in  # noqa: PLW0603 (one library, one lock for each process)
    if _opening_in not in {0, os.getpid()}:
        return False
    _opening_in = os.getpid()
    try:
        nvml.nvmlInit()
    except (nvml.NVMLError, OSError):
        return False
    finally:
        _opening_in = 0
    return True
