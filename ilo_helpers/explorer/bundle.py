"""A widget in a live notebook, and in the same cell a figure for where no kernel runs."""

import os
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from ..keep.figures import png

#: Set where notebooks are executed to be read: the figure alone is then shown, for a page that
#: has no kernel can do nothing with a widget.
STATIC = "ILO_STATIC"


def bundle(widget: Callable[[], Any], figure: Any, told: str) -> dict:
    """What a cell shows: a widget, or a figure where it cannot be.

    Parameters
    ----------
    widget : callable
        Makes the widget; called only in a live notebook.
    figure : matplotlib.figure.Figure
        Closed afterwards.
    told : str
        For readers that show neither.

    Returns
    -------
    dict
        By media type. JupyterLab takes the widget; GitHub and nbviewer, which have none, the
        picture.
    """
    import matplotlib.pyplot as plt

    found = {"text/plain": told, "image/png": b64encode(png(figure, dpi=80)).decode()}
    plt.close(figure)
    if os.environ.get(STATIC):
        return found
    live = widget()._repr_mimebundle_()
    return (live[0] if isinstance(live, tuple) else live) | found
