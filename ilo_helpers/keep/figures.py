"""Figures and tables on disk: every picture with its numbers and settings beside it."""

import contextlib
import functools
import io
import json
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .captions import Caption
from .checks import TOLERANCE, compare_tables, same_but_for_rounding
from .digest import digest, written_whole
from .paths import PACKAGE, figures_dir, slug

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(
    fig: "Figure",
    name: str,
    table: pd.DataFrame,
    caption: Caption,
    folder: Path | None = None,
    **details: Any,
) -> Path:
    """Save a figure with its numbers and settings, and close it.

    Where the table and its settings are those that lie there already, but for what rounding moves
    (:func:`~ilo_helpers.keep.checks.same_but_for_rounding`), and the drawing code is as it was, all
    three files are left as they are. (Of a table whose numbers repeat on one machine only,
    ``tolerance=None``, the numbers are not looked at.)
    Delete the picture to have it drawn anew, the ``.json`` to have all three written anew.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
    name : str
        File name without ending, such as ``"03_ilo_by_layer"``.
    table : pandas.DataFrame
        The plotted numbers.
    caption, folder, **details
        As in :func:`save_table`.

    Returns
    -------
    pathlib.Path
        The picture, ``figures/<model>--<corpus>/<name>.png``; beside it ``.csv`` and ``.json``.
    """
    import matplotlib.pyplot as plt

    picture = (folder or figures_folder(caption)) / f"{name}.png"

    def draw():
        with written_whole(picture) as part:
            part.write_bytes(png(fig))

    if not _save(picture, table, caption, details, _drawing(), draw) and not picture.exists():
        draw()
    plt.close(fig)
    return picture


def save_table(
    name: str, table: pd.DataFrame, caption: Caption, folder: Path | None = None, **details: Any
) -> Path:
    """Save numbers with their settings, as :func:`save_figure` does, where there is no picture.

    Parameters
    ----------
    name : str
    table : pandas.DataFrame
    caption : Caption
    folder : path, optional
        Where it goes; default: :func:`figures_folder` of the caption.
    **details
        What else decides the numbers, by name. ``tolerance`` is how far they may move when the
        table is made anew (default :data:`TOLERANCE`; None: they do not repeat elsewhere).

    Returns
    -------
    pathlib.Path
        ``figures/<model>--<corpus>/<name>.csv``; beside it ``.json`` with the caption, the
        details, the table's hash, the git commit and the versions of the packages.
    """
    numbers = (folder or figures_folder(caption)) / f"{name}.csv"
    _save(numbers, table, caption, details)
    return numbers


def _save(path, table, caption, details, drawing=None, draw=lambda: None):
    """Write picture, note and table, unless note and table are there already; whether it did.

    The numbers come last: of what was killed in between, they still are the old ones.
    """
    numbers, file = path.with_suffix(".csv"), path.with_suffix(".json")
    numbers.parent.mkdir(exist_ok=True)
    text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    decides = {
        "caption": caption.settings(), "tolerance": details.pop("tolerance", TOLERANCE),
        "details": json.loads(json.dumps(details, default=str)),
        "drawing": drawing,
    }  # fmt: skip
    with contextlib.suppress(FileNotFoundError, ValueError):  # one is missing, or damaged
        kept, old = json.loads(file.read_text(encoding="utf-8")), numbers.read_text("utf-8")
        same = all(kept.get(key) == value for key, value in decides.items())
        noted = kept.get("table") == _hash_of(old)  # otherwise load_table would refuse it
        if same and noted and _same_table(old, text, decides["tolerance"]):
            return False
    versions = {"python": platform.python_version()}
    versions |= {p: _version(p) for p in ("ilo-helpers", "torch", "transformers", "matplotlib")}
    note = {
        "figure": path.stem, "table": _hash_of(text), **decides,
        "provenance": caption.provenance, "commit": _commit(), "versions": versions,
    }  # fmt: skip
    draw()
    with written_whole(file) as part:
        part.write_text(json.dumps(note, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with written_whole(numbers) as part:
        part.write_text(text, encoding="utf-8")
    return True


def _hash_of(text):
    return f"sha256:{digest(text, length=64)}"


def _same_table(kept, made, tolerance):
    """But for rounding; of numbers that repeat on one machine only, in all but the numbers."""
    if kept == made:
        return True
    # "nan" is a text here: what is missing is kept as nothing
    old, new = (
        pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""])
        for text in (kept, made)
    )
    if tolerance is None:
        return compare_tables(old, new, "", None).empty
    return same_but_for_rounding(old, new)


def png(fig: "Figure", dpi: float = 160, colors: int = 256) -> bytes:
    """A figure as PNG of few colours, a third of the size of one with all.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
    dpi : float
        Dots an inch; notebooks show 80.
    colors : int
        At most; up to 256.

    Returns
    -------
    bytes
        Without date or version: the same figure is the same file.
    """
    from PIL import Image

    full, small = io.BytesIO(), io.BytesIO()
    fig.savefig(full, format="png", dpi=dpi, bbox_inches="tight")
    Image.open(full).convert("RGB").quantize(colors).save(small, "png", optimize=True)
    return small.getvalue()


def shown(fig: "Figure", dpi: float = 70) -> Any:
    """A figure for a notebook that holds many, of 64 colours (``IPython.display.Image``)."""
    from IPython.display import Image

    return Image(png(fig, dpi, colors=64))


def figures_folder(caption: Caption) -> Path:
    """Folder of a setting's figures, ``figures/<model>--<corpus>/``."""
    return figures_dir() / f"{slug(caption.model)}--{slug(caption.corpus)}"


@functools.cache
def _drawing():
    """Hash of the package's drawing code: a picture by other code is drawn anew."""
    files = sorted((PACKAGE / "plots").glob("*.*"))
    return digest(*(file.read_text(encoding="utf-8") for file in files))


def _version(package):
    """Version of a package; None of a checkout that is on the path and not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@functools.cache
def _commit():
    """Git commit of the package, with "-dirty" where it was changed since; None without git."""
    try:
        return _git("rev-parse", "--short=12", "HEAD") + "-dirty" * bool(_git("status", "-s", "."))
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments):
    command = ["git", "-C", str(PACKAGE), *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    return done.stdout.strip()


def load_table(name: str, folder: Path) -> pd.DataFrame:
    """Numbers that :func:`save_table` or :func:`save_figure` wrote.

    Parameters
    ----------
    name : str
        Such as ``"03_ilo_by_layer"``.
    folder : pathlib.Path
        As :func:`figures_folder` returns it.

    Returns
    -------
    pandas.DataFrame
        ``attrs["caption"]`` is its :class:`Caption`, ``attrs["details"]`` what else decides it.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ValueError
        If it, or the note beside it, is not what was written.
    """
    path = folder / f"{name}.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"{folder.name} has no table {name}; the notebook whose number it begins with writes "
            f"it: make reproduce NOTEBOOKS={name[:2]}, with the same model and corpus"
        )
    text, note = path.read_text(encoding="utf-8", errors="replace"), {}
    with contextlib.suppress(FileNotFoundError, ValueError):
        note = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    if note.get("table") != _hash_of(text):
        raise ValueError(
            f"{path} is not the table that {name}.json beside it was written with: one of them was "
            "changed or cut short; the notebook whose number it begins with writes both anew: "
            f"make reproduce NOTEBOOKS={name[:2]}, with the same model and corpus"
        )
    table = pd.read_csv(io.StringIO(text))
    table.attrs = {"caption": Caption(**note["caption"]), "details": note["details"]}
    return table
