"""File systems of a size of one's own, where the machine lets one mount them."""

import contextlib
import os
import subprocess
from pathlib import Path

from .trial import NotTried, fresh


def root() -> None:
    """Refuse where this process may not mount, nor become another user."""
    if os.geteuid():
        raise NotTried("needs root")


@contextlib.contextmanager
def disk(folder: Path, size: int):
    """A file system of so many bytes, in memory."""
    root()
    fresh(folder)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "campaign", folder],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise NotTried(f"mounting is not permitted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def remount(folder: Path, how: str) -> None:
    """Change a mounted file system."""
    subprocess.run(["mount", "-o", f"remount,{how}", folder], check=True)


def size_of(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
