"""How much memory there is to be had, and whether a model fits in."""

import contextlib
from pathlib import Path
from typing import Any

#: Where Linux says what a group of processes may take, and takes: versions 1 and 2.
_GROUPS = {
    "memory": ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    "": ("/sys/fs/cgroup", "memory.max", "memory.current"),
}


def free_memory() -> int:
    """Bytes that this process may still take: of the machine, and of its control groups.

    A container or a batch system gives a job less than the machine has, and ends it without a
    word when it takes more.
    """
    import psutil

    free = [psutil.virtual_memory().available]
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, kinds, path = line.split(":", 2)
            for kind in {*kinds.split(",")} & set(_GROUPS):
                root, *names = _GROUPS[kind]
                own = Path(root) / path.strip("/")
                free += (_left(each, *names) for each in (own, *own.parents)
                         if each.is_relative_to(root))  # fmt: skip
    return max(0, min(free))


def _left(folder, limit, usage):
    """Bytes left to a group; more than any machine has where it has no limit."""
    with contextlib.suppress(OSError, ValueError):  # not there, or "max"
        lines = (folder / "memory.stat").read_text(encoding="utf-8").splitlines()
        stat = dict(line.split() for line in lines)
        cached = int(stat.get("total_inactive_file") or stat.get("inactive_file") or 0)
        most, taken = (int((folder / name).read_text(encoding="utf-8")) for name in (limit, usage))
        return most - taken + cached
    return 2**63


def check_memory(what: str, need: int, device: str) -> None:
    """Raise MemoryError if something needs more memory than is free.

    Parameters
    ----------
    what : str
        For the message, such as ``"the weights of 'x'"``.
    need : int
        Bytes.
    device : str
        Of another than the CPU nothing is said.
    """
    if device == "cpu" and need > (free := free_memory()):
        raise MemoryError(
            f"{what} take {need / 1e9:.2f} GB, and {free / 1e9:.2f} GB of memory are free: take "
            "dtype='bfloat16' (half of float32), a smaller model, or a machine with more"
        )


def weight_bytes(config: Any, dtype: Any) -> int:
    """Bytes of the weights of a model's body, from its configuration alone."""
    import torch
    from transformers import AutoModel

    with torch.device("meta"):
        return sum(p.numel() for p in AutoModel.from_config(config).parameters()) * dtype.itemsize
