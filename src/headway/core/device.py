"""The machine: processor, cores, memory, threads, and which device torch computes on."""

import os
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

from headway.core.errors import UsageError

if TYPE_CHECKING:
    import torch


def processor() -> str:
    """Return the processor's name as the system states it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_memory(device: "torch.device | None" = None) -> int:
    """Return the bytes of memory that this process may still take: the machine's, its container's, or a GPU's.

    Processes that `torchrun` started on one machine share its memory.
    """
    if device is not None and device.type == "cuda":
        import torch

        return torch.cuda.mem_get_info(device)[0]
    bounds = [2**63]
    memory = re.search(r"MemAvailable:\s+(\d+) kB", _read("/proc/meminfo"))
    if memory:
        bounds.append(int(memory[1]) * 1024)
    limit, used = _read("/sys/fs/cgroup/memory.max"), _read("/sys/fs/cgroup/memory.current")
    reclaimable = re.search(r"^inactive_file (\d+)$", _read("/sys/fs/cgroup/memory.stat"), re.MULTILINE)
    if limit.strip().isdigit() and used.strip().isdigit():
        bounds.append(int(limit) - int(used) + (int(reclaimable[1]) if reclaimable else 0))
    return max(0, min(bounds)) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def choose_device(name: str | None = None) -> "torch.device":
    """Return the device asked for, or the fastest there is; raises UsageError when it is not there."""
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name is None:
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if there[kind]))
    kind = name.split(":")[0]
    if kind not in there:
        raise UsageError(
            f"unknown device {name!r}", where="--device", remedy="Known devices: cpu, cuda, mps."
        )
    if not there[kind]:
        raise UsageError(
            f"this machine has no {kind} device that torch can use",
            where="--device",
            remedy="Leave --device out to use the fastest there is.",
        )
    return torch.device(name)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def torch_facts() -> dict[str, str]:
    """Return what torch has on this machine: threads, device, vector units. Loads torch."""
    import torch

    flags = set(_read("/proc/cpuinfo").partition("flags")[2].partition("\n")[0].split())
    fast = sorted(flags & {"avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8"})
    return {
        "torch threads": str(torch.get_num_threads()),
        "device": str(choose_device()),
        "vector units": ", ".join(fast) or "not stated by the system",
    }
