"""The one place that knows which folder a thing lies in."""

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
    """A name as part of a file name: ``google/gemma-3-270m`` → ``google_gemma-3-270m``."""
    return re.sub(r"[^\w.+-]+", "_", str(name)).strip("_")
