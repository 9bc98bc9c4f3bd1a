"""The explorer's charts: curves by layer, and the k × τ heat maps (plotly, for the browser)."""

import dataclasses
from collections.abc import Callable, Collection

import numpy as np

from ..plots.style import MODEL_COLORS
from .state import Explorer

#: Panels of the curves, and the colour of a highlighted language in turn.
PANELS = {"ilo": "ILO", "bridge": "bridge B", "reach": "reach R"}
TOLD = {"P@1": "P@1 (whole corpus)", "band": "95% interval", "chance": "ILO by chance",
        "ilo": "mean of the languages", "A ilo": "the same under A"}  # fmt: skip
CURSOR = "#CC3311"
FAINT = "rgba(120,120,120,0.25)"


class Curves:
    """ILO, B and R by layer; a click sets the layer.

    Parameters
    ----------
    explorer : Explorer
    choose : callable
        Called with the layer clicked.
    """

    def __init__(self, explorer: Explorer, choose: Callable[[int], object]):
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots

        self.explorer = explorer
        figure = make_subplots(1, 3, shared_yaxes=True, subplot_titles=list(PANELS.values()),
                               horizontal_spacing=0.03)  # fmt: skip
        self.codes = list(explorer.study.text)
        self.drawn: tuple | None = None  # what decides the lines as they are
        for code, name in explorer.study.languages["name"].items():
            told = (f"{name}, layer %{{x}}: ILO %{{y:.3f}}, 95% from %{{customdata[0]:.2f}} to "
                    "%{customdata[1]:.2f}<extra></extra>")  # fmt: skip
            figure.add_scatter(name=code, row=1, col=1, mode="lines", showlegend=False,
                               hovertemplate=told)  # fmt: skip
        self.lines = {}
        looks = {"band": ("ilo", 1), "chance": ("ilo", 1), "P@1": ("ilo", 1)}
        looks |= {value: (value, i) for i, value in enumerate(PANELS, 1)}
        looks |= {f"A {value}": (value, i) for i, value in enumerate(PANELS, 1)}
        for name, (_, column) in looks.items():
            figure.add_scatter(name=TOLD.get(name, name), row=1, col=column, mode="lines",
                               showlegend=column == 1, **_look(name))  # fmt: skip
            self.lines[name] = len(figure.data) - 1
        for column in (1, 2, 3):  # the cursor
            figure.add_scatter(mode="lines", line={"color": CURSOR, "width": 1.5}, y=[0, 1.03],
                               hoverinfo="skip", showlegend=False, row=1, col=column)  # fmt: skip
        figure.update_yaxes(range=[0, 1.03]).update_xaxes(title="layer")
        figure.update_layout(template="simple_white", height=380, width=640, legend_y=-0.2,
                             margin={"l": 40, "r": 10, "t": 30, "b": 90}, legend_orientation="h",
                             )  # fmt: skip
        # drawn before it becomes a widget: what is changed before it is shown comes out wrong
        self.widget = figure
        self.refresh(())
        self.widget = go.FigureWidget(figure)
        for trace in self.widget.data:
            trace.on_click(lambda _trace, points, _: points.xs and choose(int(points.xs[0])))

    def refresh(self, lit: Collection[str]) -> None:
        """Draw the setting; languages that are lit stand out."""
        explorer, figure = self.explorer, self.widget
        setting = dataclasses.replace(explorer.setting, layer=0)
        with figure.batch_update():
            for cursor in figure.data[-3:]:
                cursor.update(x=[explorer.setting.layer] * 2, line={"color": CURSOR})
            if self.drawn != (setting, explorer.pinned, tuple(lit)):
                self.drawn = setting, explorer.pinned, tuple(lit)
                self._draw_languages(lit)
                self._draw_means()

    def _draw_languages(self, lit):
        scores = self.explorer.scores()
        parts = dict(list(scores.groupby("language")[["layer", "ilo", "low", "high"]]))
        colors = dict(zip(lit, MODEL_COLORS * len(lit), strict=False))
        for code, trace in zip(self.codes, self.widget.data, strict=False):
            part = parts.get(code, scores.head(0)[["layer", "ilo", "low", "high"]]).to_numpy()
            trace.x, trace.y, trace.customdata = part[:, 0], part[:, 1], part[:, 2:]
            trace.line = {"color": colors.get(code, FAINT), "width": 3 if code in colors else 1}

    def _draw_means(self):
        explorer = self.explorer
        curves = explorer.curves()
        pinned = explorer.curves(explorer.pinned) if explorer.pinned else None
        for name, place in self.lines.items():
            table, trace = pinned if name.startswith("A ") else curves, self.widget.data[place]
            trace.visible = table is not None
            if table is None:
                continue
            x, y = table.index.to_numpy(), table.get(name.removeprefix("A "))
            if name == "band":  # up along one side and back along the other
                x, y = np.r_[x, x[::-1]], np.r_[table["low"], table["high"][::-1]]
            # with its look: a batch that colours some lines takes the colour of the others
            trace.update(x=x, y=np.asarray(y), **_look(name))


def _look(name):
    if name == "band":
        return {"fill": "toself", "fillcolor": "rgba(0,114,178,0.3)", "line_width": 0,
                "hoverinfo": "skip"}  # fmt: skip
    dash = {"chance": "dash", "P@1": "dot"}.get(name, "dot" if name.startswith("A ") else "solid")
    color = {"chance": "#888888", "P@1": MODEL_COLORS[2]}.get(name, "black")
    color = MODEL_COLORS[3] if name.startswith("A ") else color
    return {"line": {"color": color, "dash": dash, "width": 2.5}}


class Grid:
    """Mean ILO at the layer, and the layer of its peak, by k and τ; a click sets both.

    Parameters
    ----------
    explorer : Explorer
    choose : callable
        Called with k and tau.
    """

    def __init__(self, explorer: Explorer, choose: Callable[[int, int], object]):
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots

        self.explorer = explorer
        figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.04,
                               subplot_titles=["mean ILO at the layer", "layer of the peak"],
                               )  # fmt: skip
        for column, scale in enumerate(("Viridis", "Cividis"), 1):
            figure.add_heatmap(colorscale=scale, row=1, col=column, showscale=False, zmin=0,
                               texttemplate="%{z:.2f}" if column == 1 else "%{z}", xgap=1, ygap=1,
                               hovertemplate="k = %{y}, τ = %{x}: %{z}<extra></extra>")  # fmt: skip
            figure.add_scatter(mode="markers", row=1, col=column, hoverinfo="skip",
                               marker={"symbol": "square-open", "size": 20, "color": CURSOR,
                                       "line_width": 3}, showlegend=False)  # fmt: skip
        figure.update_xaxes(title="τ", type="category").update_yaxes(type="category")
        figure.update_layout(template="simple_white", height=380, width=620, yaxis_title="k",
                             margin={"l": 40, "r": 10, "t": 30, "b": 40})  # fmt: skip
        self.widget = figure
        self.refresh()
        self.widget = go.FigureWidget(figure)
        for trace in self.widget.data[::2]:
            trace.on_click(lambda _trace, p, _: p.xs and choose(int(p.ys[0]), int(p.xs[0])))

    def refresh(self) -> None:
        """Draw the setting."""
        s, tables = self.explorer.setting, self.explorer.grid()
        with self.widget.batch_update():
            for heat, mark, table in zip(self.widget.data[::2], self.widget.data[1::2], tables,
                                         strict=True):  # fmt: skip
                heat.x, heat.y = [str(t) for t in table.columns], [str(k) for k in table.index]
                # JSON knows no NaN
                heat.z = table.astype(object).where(table.notna(), None).to_numpy().tolist()
                mark.x, mark.y = ([str(s.tau)], [str(s.k)]) if s.k in table.index else ([], [])
