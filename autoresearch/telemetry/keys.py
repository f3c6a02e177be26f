"""Names of the system metrics, with their units and meanings."""

from __future__ import annotations

__all__ = ["KEYS", "unit"]

KEYS: dict[str, tuple[str, str]] = {
    "system/cpu/percent": ("%", "time in which the cores were busy; 100 is every core of the machine"),
    "system/cpu/percent_process": ("%", "time of the process and its descendants; 100 is one core"),
    "system/memory/percent": ("%", "memory in use, of the machine or of the control group when that is less"),
    "system/memory/used_gb": ("GB", "the same as an amount; what can be given back at once is not in it"),
    "system/memory/process_gb": ("GB", "resident memory (RSS), summed over the process and its descendants"),
    "system/disk/percent": ("%", "space in use on the fullest of the file systems that the run writes to"),
    "system/disk/read_mb_s": ("MB/s", "read from the disks of the machine"),
    "system/disk/write_mb_s": ("MB/s", "written to the disks of the machine"),
    "system/network/received_mb_s": (
        "MB/s",
        "received by the network cards of the machine, loopback left out",
    ),
    "system/network/sent_mb_s": ("MB/s", "sent by them"),
    "system/process/threads": ("", "threads of the process and its descendants"),
    "system/process/open_files": ("", "open file descriptors of the process and its descendants"),
    "system/gpu/{index}/utilization_percent": ("%", "time in which a kernel ran on the GPU"),
    "system/gpu/{index}/memory_percent": ("%", "memory of the GPU in use, by whatever process"),
    "system/gpu/{index}/memory_used_gb": ("GB", "the same as an amount, the driver's own part included"),
    "system/gpu/{index}/power_w": ("W", "power drawn by the GPU"),
    "system/gpu/{index}/temperature_c": ("°C", "temperature of the GPU"),
}
"""Name to (unit, meaning). A GB is 10^9 bytes and a MB 10^6; ``{index}`` is the driver's number of the GPU, from 0."""


def unit(name: str) -> str:
    """The unit of a system metric such as ``system/gpu/0/power_w``; empty for counts and for other names."""
    parts = name.split("/")
    if parts[:2] == ["system", "gpu"] and len(parts) == 4 and parts[2].isdecimal():
        parts[2] = "{index}"
    return KEYS.get("/".join(parts), ("", ""))[0]
