"""The driver is played by a stand-in made of the structures and errors of the real bindings, which load without a driver."""

# ruff: noqa: N802 (the names are those of the driver)

from __future__ import annotations

import itertools
import os
from typing import Any

import pynvml
import pytest

from autoresearch.telemetry import nvidia
from autoresearch.telemetry.nvidia import Gpus
from autoresearch.telemetry.sampler import Sampler


class Driver:
    """Two GPUs: a whole one, and a partition that knows neither utilization nor power."""

    NVML_TEMPERATURE_GPU = pynvml.NVML_TEMPERATURE_GPU
    nvmlMemory_v2 = pynvml.nvmlMemory_v2  # noqa: N815
    NVMLError: type[Exception] = pynvml.NVMLError

    def __init__(self) -> None:
        self.old = False
        self.starts = self.stops = 0
        self.lost: set[int] = set()
        self.missing = False

    def nvmlInit(self) -> None:
        if self.missing:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
        self.starts += 1

    def nvmlShutdown(self) -> None:
        if self.missing:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)
        self.stops += 1

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index in self.lost:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return index

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        if handle == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return pynvml.c_nvmlUtilization_t(gpu=97, memory=41)

    def nvmlDeviceGetMemoryInfo(self, handle: int, version: Any = None) -> Any:
        if version is None:
            return pynvml.c_nvmlMemory_t(total=80_000_000_000, free=59_000_000_000, used=21_000_000_000)
        if self.old:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
        assert version == self.nvmlMemory_v2
        sizes = {
            "total": 80_000_000_000,
            "reserved": 1_000_000_000,
            "free": 59_000_000_000,
            "used": 20_000_000_000,
        }
        return pynvml.c_nvmlMemory_v2_t(version=version, **sizes)

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        if handle == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return 301_250

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:
        if handle == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
        return self.nvmlDeviceGetTemperatureV(handle, sensor)

    def nvmlDeviceGetTemperatureV(self, handle: int, sensor: int) -> int:
        assert sensor == self.NVML_TEMPERATURE_GPU
        return 40 + handle


def _gpu(values: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if name.startswith("system/gpu/")}


def _sampler(driver: Driver) -> Sampler:
    return Sampler(os.getpid(), clock=map(float, itertools.count()).__next__, nvml=driver)


def test_every_gpu_gives_what_it_has() -> None:
    assert _gpu(_sampler(Driver()).sample()) == {
        "system/gpu/0/utilization_percent": 97.0,
        "system/gpu/0/memory_percent": 25.0,
        "system/gpu/0/memory_used_gb": 20.0,
        "system/gpu/0/power_w": 301.25,
        "system/gpu/0/temperature_c": 40.0,
        "system/gpu/1/memory_percent": 25.0,
        "system/gpu/1/memory_used_gb": 20.0,
        "system/gpu/1/temperature_c": 41.0,
    }


def test_an_older_driver_counts_what_it_keeps_for_itself() -> None:
    driver = Driver()
    driver.old = True
    assert _gpu(_sampler(driver).sample())["system/gpu/0/memory_used_gb"] == 21.0


def test_a_gpu_that_is_lost_leaves_the_other() -> None:
    driver = Driver()
    sampler = _sampler(driver)
    sampler.sample()
    driver.lost.add(0)
    assert {name.split("/")[2] for name in _gpu(sampler.sample())} == {"1"}


def test_a_library_without_a_driver_is_passed_over_in_silence() -> None:
    driver = Driver()
    driver.missing = True
    sampler = _sampler(driver)
    values = sampler.sample()
    assert not _gpu(values)
    assert "system/memory/percent" in values
    sampler.close()


def test_the_library_is_started_once_and_given_back_once() -> None:
    driver = Driver()
    sampler = _sampler(driver)
    sampler.sample()
    sampler.sample()
    sampler.close()
    sampler.close()
    assert (driver.starts, driver.stops) == (1, 1)
    assert _gpu(sampler.sample())
    assert driver.starts == 2


def test_a_driver_that_stops_answering_while_it_is_given_back_is_left_alone() -> None:
    driver = Driver()
    gpus = Gpus(driver)
    driver.missing = True
    gpus.close()
    assert gpus.read(0.0) == {}


def test_a_fork_in_the_middle_of_starting_the_library_goes_without_gpus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nvidia, "_opening_in", os.getpid() + 1)
    driver = Driver()
    assert Gpus(driver).read(0.0) == {}
    assert driver.starts == 0


def test_the_bindings_have_everything_that_is_used_of_them() -> None:
    used = [name for name in vars(Driver) if name.startswith(("nvml", "NVML"))]
    assert all(hasattr(pynvml, name) for name in used)
