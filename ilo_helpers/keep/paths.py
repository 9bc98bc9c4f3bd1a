"""The one place that knows which folder a thing lies in."""

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
#: The repository; of a package installed without one, the folder one works in.
ROOT = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").exists() else Path.cwd()
#: What is said of a disk, by the number of the error that it gives.
_REFUSALS = {
    errno.ENOSPC: "is on a disk that is full",
    errno.EDQUOT: "is on a disk of which this user's share is full",
    errno.EFBIG: "is on a disk, or in a shell, that limits how large a file may be",
    errno.EROFS: "is on a disk that cannot be written",
}


def data_dir(*parts: str) -> Path:
    """Folder for caches, made if it is not there.

    Parameters
    ----------
    *parts : str
        Folders below ``data/``, such as ``"corpora"``.

    Returns
    -------
    pathlib.Path
        ``data/<parts>`` beside the package; below ``$ILO_DATA`` where that is set.
    """
    return _made("ILO_DATA", "data", parts)


def figures_dir(*parts: str) -> Path:
    """Folder for figures, made if it is not there: ``figures/<parts>`` or ``$ILO_FIGURES``."""
    return _made("ILO_FIGURES", "figures", parts)


def _made(variable, default, parts):
    folder = Path(os.environ.get(variable) or ROOT / default).joinpath(*parts)
    with on_disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


class DiskError(OSError):
    """A disk takes no more, or nothing at all; the message says which, and what to do."""


@contextlib.contextmanager
def on_disk(folder: Path) -> Iterator[None]:
    """Context that writes below a folder; what a disk refuses is an error that says what to do.

    Parameters
    ----------
    folder : pathlib.Path
        Named in the message.

    Raises
    ------
    DiskError
        With the ``errno`` of the system, in place of what Python, PyTorch, safetensors or
        pyarrow raise where the disk is full, cannot be written, or takes no file so large.
    """
    try:
        yield
    except Exception as error:
        number = None if isinstance(error, DiskError) else _errno(error)
        if number not in _REFUSALS:
            raise
        raise DiskError(
            number,
            f"{folder} {_REFUSALS[number]}: make room there, or set ILO_DATA (of figures: "
            "ILO_FIGURES) to a folder elsewhere; what was complete is kept, and the same call "
            "goes on from it",
        ) from error


def _errno(error):
    """Number of a system's error; of those that keep it in their words (safetensors) as well."""
    if "inline_container" in str(error):  # where torch writes a checkpoint: it does not say why
        return errno.ENOSPC
    told = re.search(r"\(os error (\d+)\)", str(error))
    return int(told[1]) if told else getattr(error, "errno", None)


def slug(name: object) -> str:
    """A name as part of a file name: ``google/gemma-3-270m`` → ``google_gemma-3-270m``.

    One of more than 120 bytes is cut, and ends in a hash of the whole: a file name may have 255.
    """
    text = re.sub(r"[^\w.+-]+", "_", str(name)).strip("_")
    if len(text.encode()) <= 120:
        return text
    return f"{shorten(text, 111)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def shorten(text: str, most: int) -> str:
    """The beginning of a text: so many bytes of UTF-8 at most."""
    return text.encode()[:most].decode(errors="ignore")
