"""Names made from content, and files that are never seen half written."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from .messages import say
from .paths import on_disk


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


def file_digests(paths: Iterable[Path]) -> list[str]:
    """:func:`file_digest` of some files, four at a time: a large model's are many gigabytes."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(file_digest, paths))


def files_digest(files: Iterable[Path], known: Mapping[Path, str] | None = None) -> str:
    """Hash of the names and contents of some files, in their order: 16 hexadecimal digits.

    Of those in ``known`` the :func:`file_digest` is taken from there.
    """
    whole, known, files = hashlib.sha256(), known or {}, list(files)
    new = [path for path in files if path not in known]
    sums = {**known, **dict(zip(new, file_digests(new), strict=True))}
    for path in files:
        whole.update(path.name.encode() + bytes.fromhex(sums[path]))
    return whole.hexdigest()[:16]


def arrays_digest(arrays: Iterable[np.ndarray]) -> str:
    """Hash of the values of some arrays, in their order: 16 hexadecimal digits."""
    whole = hashlib.sha256()
    for array in arrays:
        whole.update(np.ascontiguousarray(array).data)
    return whole.hexdigest()[:16]


#: File of a model's folder with the hashes of the others, as ``sha256sum --check`` takes it.
SUMS = "SHA256SUMS"


def write_sums(folder: Path) -> None:
    """Write down the hashes of a folder's files."""
    files = sorted(folder.iterdir())
    lines = [f"{sum}  {path.name}\n" for sum, path in zip(file_digests(files), files, strict=True)]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def check_sums(folder: Path) -> dict[Path, str]:
    """The hashes of a folder's files that were written down, if any; ValueError for others.

    A folder without ``SHA256SUMS`` (of older code, of the user, of the hub) is taken as it is.
    """
    sums = folder / SUMS
    lines = (sums.read_text("utf-8", "replace").splitlines() or [""]) if sums.exists() else []
    wanted = []
    for line in lines:
        expected, _, name = line.partition("  ")
        wanted.append((folder / name if name else sums, expected))
    there = [path for path, _ in wanted if path.is_file()]
    found = dict(zip(there, file_digests(there), strict=True))
    for path, expected in wanted:
        if found.get(path) != expected:
            raise ValueError(
                f"{path} was changed or cut short, or {SUMS} was: delete {folder}, and the same "
                "call makes it again"
            )
    return found


def check_file(path: Path, expected: str) -> None:
    """Raise ValueError unless a file has the SHA-256 it should have."""
    found = file_digest(path)
    if found != expected:
        raise ValueError(f"{path} has sha256 {found}, expected {expected}: delete it and try again")


def sync(*paths: Path) -> None:
    """Wait until the disk has what was written to some files, and the names in some folders.

    Without it a power cut may leave a file that has its name, and is empty.
    """
    for path in paths if os.name == "posix" else ():
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a disk that cannot be asked
                raise
        finally:
            os.close(handle)


def rename_whole(folder: Path, name: Path) -> None:
    """Give a folder its name once the disk has all that is in it, and all may read it.

    Raises
    ------
    OSError
        If the name is taken.
    """
    there = sorted(folder.rglob("*"))
    for path in there:
        if path.is_file():
            path.chmod(path.stat().st_mode | 0o444)  # safetensors writes for its owner alone
    sync(*there, folder)
    os.rename(folder, name)
    sync(name.parent)


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Context that gives a name to write to; the file gets its own name when the block ends.

    Parameters
    ----------
    path : pathlib.Path
        Replaced if it is there; left as it was if the block raises, the process is killed or the
        power fails.
    """
    path = Path(path)
    with on_disk(path.parent):
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        os.close(handle)
        try:
            yield Path(part)
            os.chmod(part, 0o644)  # mkstemp's is for its owner alone
            sync(Path(part))
            os.replace(part, path)
            sync(path.parent)
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
    with on_disk(path.parent):
        work = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
        try:
            (work / path.name).mkdir()
            yield work / path.name
            try:
                rename_whole(work / path.name, path)
            except OSError:
                if not path.exists():
                    raise
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextlib.contextmanager
def alone(file: Path, what: str) -> Iterator[None]:
    """Context that one process at a time can be in, whoever else waits.

    Parameters
    ----------
    file : pathlib.Path
        Locked; the operating system drops the lock of a process that is killed.
    what : str
        What is being written, for the line that says so to who waits.
    """
    lock = FileLock(file, mode=0o666)  # others may write here if the folder lets them
    with on_disk(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"another process is writing {what}; waiting for it")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
