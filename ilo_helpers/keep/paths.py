"""The one place that knows which folder a thing lies in."""

import hashlib
import os
import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
#: The repository; of a package installed without one, the folder one works in.
ROOT = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").exists() else Path.cwd()


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
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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
