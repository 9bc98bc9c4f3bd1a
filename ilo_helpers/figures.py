"""Figures and tables on disk: every picture with its numbers and settings beside it."""

import functools
import hashlib
import io
import json
import platform
import subprocess
from importlib.metadata import version

import matplotlib.pyplot as plt
import pandas as pd
from PIL import Image

from .paths import PACKAGE, figures_dir, slug


def save_figure(fig, name, table, params):
    """Save a figure with its numbers and settings, and close it.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
    name : str
        File name without ending, such as ``"03_ilo_by_layer"``.
    table : pandas.DataFrame
        The plotted numbers.
    params : dict
        What decides them; ``model`` and ``corpus`` name the folder.

    Returns
    -------
    pathlib.Path
        The picture, ``figures/<model>--<corpus>/<name>.png``; beside it ``.csv`` and ``.json``.
    """
    picture = save_table(name, table, params).with_suffix(".png")
    picture.write_bytes(png(fig))
    plt.close(fig)
    return picture


def png(fig, dpi=None):
    """A figure as PNG of at most 256 colours, a third of the size of one with all.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
    dpi : float, optional
        Dots an inch; default: of the suite's style.

    Returns
    -------
    bytes
        Without date or version: the same figure is the same file.
    """
    full, small = io.BytesIO(), io.BytesIO()
    fig.savefig(full, format="png", dpi=dpi)
    Image.open(full).convert("RGB").quantize(256).save(small, "png", optimize=True)
    return small.getvalue()


def figures_folder(params):
    """Folder of a setting's figures, ``figures/<model>--<corpus>/``."""
    return figures_dir() / f"{slug(params['model'])}--{slug(params['corpus'])}"


def save_table(name, table, params):
    """Save numbers with their settings, as :func:`save_figure` does, where there is no picture.

    Returns
    -------
    pathlib.Path
        ``figures/<model>--<corpus>/<name>.csv``; beside it ``.json`` with the settings, the
        table's hash, the git commit and the versions of the packages.
    """
    numbers = figures_folder(params) / f"{name}.csv"
    numbers.parent.mkdir(exist_ok=True)
    table.to_csv(numbers, index=False, float_format="%.6g", lineterminator="\n")
    versions = {"python": platform.python_version()}
    versions |= {p: version(p) for p in ("ilo-helpers", "torch", "transformers", "matplotlib")}
    digest = hashlib.sha256(numbers.read_bytes()).hexdigest()
    note = {"figure": name, "tables": {numbers.name: f"sha256:{digest}"}, "commit": _commit(),
            "parameters": params, "versions": versions}  # fmt: skip
    numbers.with_suffix(".json").write_text(json.dumps(note, indent=1, default=str) + "\n")
    return numbers


@functools.cache
def _commit():
    """Git commit of the package, with "-dirty" where it was changed since; None without git."""
    try:
        return _git("rev-parse", "--short=12", "HEAD") + "-dirty" * bool(_git("status", "-s", "."))
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments):
    command = ["git", "-C", str(PACKAGE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def load_table(name, folder):
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
        With the settings in ``attrs``.

    Raises
    ------
    FileNotFoundError
        If it is not there; says which notebook writes it.
    """
    path = folder / f"{name}.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"{folder.name} has no table {name}; notebook {name[:2]} writes it: "
            f"make reproduce NOTEBOOKS={name[:2]}, with the same model and corpus"
        )
    table = pd.read_csv(path)
    table.attrs = json.loads(path.with_suffix(".json").read_text())["parameters"]
    return table
