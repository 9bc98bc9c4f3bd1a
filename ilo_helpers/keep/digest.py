"""Names made from content, and files that are never seen half written."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np


def digest(*texts: str, length: int = 16) -> str:
    """Hash of some texts: so many hexadecimal digits of a SHA-256.

    Parameters
    ----------
    *texts : str
        Their order and their borders count.
    length : int
        1 to 64.
    """
    return hashlib.sha256("\x00".join(texts).encode()).hexdigest()[:length]


def settings_digest(settings: object, length: int = 10) -> str:
    """:func:`digest` of whatever JSON can hold; the order of a dictionary does not count."""
    return digest(json.dumps(settings, sort_keys=True), length=length)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_digest(files: Iterable[Path]) -> str:
    """Hash of the names and contents of some files, in their order: 16 hexadecimal digits."""
    whole = hashlib.sha256()
    for path in files:
        whole.update(path.name.encode() + bytes.fromhex(file_digest(path)))
    return whole.hexdigest()[:16]


def arrays_digest(arrays: Iterable[np.ndarray]) -> str:
    """Hash of the values of some arrays, in their order: 16 hexadecimal digits."""
    whole = hashlib.sha256()
    for array in arrays:
        whole.update(np.ascontiguousarray(array).data)
    return whole.hexdigest()[:16]


def check_file(path: Path, expected: str) -> None:
    """Raise ValueError unless a file has the SHA-256 it should have."""
    found = file_digest(path)
    if found != expected:
        raise ValueError(f"{path} has sha256 {found}, expected {expected}: delete it and try again")


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Context that gives a name to write to; the file gets its own name when the block ends.

    Parameters
    ----------
    path : pathlib.Path
        Replaced if it is there; left as it was if the block raises or the process is killed.
    """
    path = Path(path)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    os.close(handle)
    try:
        yield Path(part)
        os.chmod(part, 0o644)  # mkstemp's is for its owner alone
        os.replace(part, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


@contextlib.contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Context that gives an empty folder to fill; it gets its own name when the block ends.

    Parameters
    ----------
    path : pathlib.Path
        Left as it is if another process was first.
    """
    work = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
    try:
        (work / path.name).mkdir()
        yield work / path.name
        try:
            os.rename(work / path.name, path)
        except OSError:
            if not path.exists():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
