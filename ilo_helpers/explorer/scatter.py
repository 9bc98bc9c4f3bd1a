"""The explorer's map: points that move from layer to layer, to hover, click and lasso."""

import html
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ..plots.explorer import KIND_COLORS


class WebGLMap:
    """The map by jupyter-scatter, which draws on the graphics card: tens of thousands of points.

    Parameters
    ----------
    points : pandas.DataFrame
        As for :meth:`draw`.
    colors : dict
        As for :meth:`draw`.
    choose : callable
        Called with the places of the points clicked or lassoed (an empty list: none any more).
    """

    def __init__(self, points: pd.DataFrame, colors: dict, choose: Callable[[list[int]], object]):
        from jscatter import Scatter

        self.points, self.colors = points, dict[str, str]()
        self.scatter = Scatter(x="x", y="y", data=points, height=420, width=480)
        self.scatter.xy(x_scale=(-1.05, 1.05), y_scale=(-1.05, 1.05))
        self.scatter.axes(False).size(default=4).opacity(default=0.8, unselected=0.8)
        self.scatter.tooltip(True, properties=["language"], preview="text", preview_text_lines=4)
        self.scatter.options(transition_points_duration=400)
        self.widget = self.scatter.show(buttons=["pan_zoom", "lasso", "reset"])
        self.draw(points, colors)
        self.scatter.widget.observe(lambda change: choose(_places(change["new"])), "selection")

    def draw(self, points: pd.DataFrame, colors: dict) -> None:
        """Points of one map; those there before move to where they are now.

        Parameters
        ----------
        points : pandas.DataFrame
            language, text (hovered), x, y (−1 to 1) and group (coloured by), a row a point.
        colors : dict
            Colour of each group.
        """
        self.points = points.assign(group=pd.Categorical(points["group"], list(colors)))
        widget = self.scatter.widget
        with widget.hold_sync():  # one message: all of it is there when the points are drawn
            self.scatter.data(self.points, animate=True)
            if colors != self.colors:
                self.colors = colors
                self.scatter.color(by="group", map=list(colors.values())).legend(True)
            # otherwise the browser would look for a clicked point where it was before
            widget.non_spatial_points_update = False

    def join(self, start: int, ends: dict[int, str]) -> None:
        """Draw lines from a point to others, and take away those there were.

        Parameters
        ----------
        start : int
            Its place.
        ends : dict of int to str
            What each of the others is: own, translation or other.
        """
        from jscatter import Line

        xy = list(self.points[["x", "y"]].itertuples(index=False, name=None))
        self.scatter.annotations(
            [Line([xy[start], xy[end]], KIND_COLORS[kind], 2) for end, kind in ends.items()]
        )


class PlainMap:
    """The same by plotly, as SVG: for browsers without WebGL, a few thousand points.

    Parameters
    ----------
    points, colors, choose
        As for :class:`WebGLMap`.
    """

    def __init__(self, points: pd.DataFrame, colors: dict, choose: Callable[[list[int]], object]):
        import plotly.graph_objects as go

        self.widget: Any = go.FigureWidget()
        self.widget.add_scatter(mode="markers", marker_size=6, hoverinfo="text", showlegend=False)
        for color in KIND_COLORS.values():
            self.widget.add_scatter(
                mode="lines", line_color=color, hoverinfo="skip", showlegend=False
            )
        self.widget.update_layout(
            template="simple_white", height=420, width=480, dragmode="lasso",
            margin={"l": 5, "r": 5, "t": 5, "b": 5},
        )  # fmt: skip
        self.widget.update_xaxes(visible=False).update_yaxes(visible=False)
        self.draw(points, colors)
        for listen in (self.widget.data[0].on_click, self.widget.data[0].on_selection):
            listen(lambda _trace, found, _: choose(list(found.point_inds)))

    def draw(self, points: pd.DataFrame, colors: dict) -> None:
        """As :meth:`WebGLMap.draw`."""
        from matplotlib.colors import to_hex

        self.points = points
        with self.widget.batch_update():
            dots = self.widget.data[0]
            dots.x, dots.y = points["x"], points["y"]
            told = points[["language", "text"]].map(html.escape)
            dots.text = told["language"] + "<br>" + told["text"]
            dots.marker.color = [to_hex(colors[value]) for value in points["group"]]

    def join(self, start: int, ends: dict[int, str]) -> None:
        """As :meth:`WebGLMap.join`."""
        xy = self.points[["x", "y"]].to_numpy()
        with self.widget.batch_update():
            for kind, line in zip(KIND_COLORS, self.widget.data[1:], strict=True):
                mine = [end for end, what in ends.items() if what == kind]
                path = [place for end in mine for place in (xy[start], xy[end], (None, None))]
                line.x, line.y = [x for x, _ in path], [y for _, y in path]


def _places(selection):
    return [] if selection is None else np.ravel(selection).tolist()
