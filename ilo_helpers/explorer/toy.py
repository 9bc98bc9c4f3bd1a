"""A small plane with three languages whose points can be dragged."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..ilo import bridges, ilo_scores
from ..neighbors import nearest_neighbors
from ..plots.explorer import TOY_LOOKS, toy_figure
from .bundle import bundle

#: Where the points begin. The three suns lie together; A's rain and B's, with A's wind beside
#: them; the rest in islands, one a language.
START = {
    "sun": {"A": (3.6, 3.3), "B": (5.0, 4.3), "C": (6.3, 3.3)},
    "rain": {"A": (1.9, 6.1), "B": (3.5, 6.3), "C": (7.3, 0.7)},
    "wind": {"A": (1.1, 4.9), "B": (7.6, 6.5), "C": (8.3, 1.9)},
    "snow": {"A": (1.0, 1.9), "B": (9.3, 6.2), "C": (7.6, 3.9)},
    "fog": {"A": (2.1, 0.8), "B": (8.6, 5.2), "C": (9.3, 0.8)},
}


class Toy:
    """Five meanings in three languages, A, B and C, in the plane; k = 2 and τ = 1 to begin with.

    In a live notebook a point can be dragged, and lists, bridges, B, R and ILO follow; elsewhere
    the figure stands there.

    Parameters
    ----------
    k, tau : int
    """

    def __init__(self, k: int = 2, tau: int = 1):
        self.k, self.tau = k, tau
        rows = [(language, meaning, *START[meaning][language])
                for language in TOY_LOOKS for meaning in START]  # fmt: skip
        self.points = pd.DataFrame(rows, columns=["language", "meaning", "x", "y"])

    def drag(self, language: str, meaning: str, x: float, y: float) -> None:
        """Move one point.

        Raises
        ------
        ValueError
            For a point there is not.
        """
        row = (self.points["language"] == language) & (self.points["meaning"] == meaning)
        if not row.any():
            raise ValueError(f"no point {meaning!r} in language {language!r}")
        self.points.loc[row, ["x", "y"]] = x, y

    @property
    def neighbors(self) -> xr.Dataset:
        """Exact neighbours, as of real vectors; euclidean."""
        values = self.points[["x", "y"]].to_numpy().reshape(1, len(TOY_LOOKS), len(START), 2)
        coords = {"layer": [0], "language": list(TOY_LOOKS), "sentence": list(START)}
        vectors = xr.DataArray(values, coords, ("layer", "language", "sentence", "hidden"))
        return nearest_neighbors(vectors, self.k, "euclidean", keep=False)

    def scores(self) -> pd.DataFrame:
        """language, bridge, reach and ilo."""
        return ilo_scores(self.neighbors, self.k, self.tau)[["language", "bridge", "reach", "ilo"]]

    def lists(self) -> pd.DataFrame:
        """A row a point: language, meaning, neighbours (told), bridge (bool)."""
        near = self.neighbors
        names = self.points["language"] + " " + self.points["meaning"]
        told = [
            " · ".join(names[i] for i in row) for row in near["index"].values.reshape(-1, self.k)
        ]
        table = self.points[["language", "meaning"]].assign(neighbours=told)
        return table.assign(bridge=bridges(near, self.k, self.tau).values.ravel())

    def figure(self) -> Any:
        """The plane as a ``matplotlib`` figure, titled with the scores."""
        index = self.neighbors["index"].values.reshape(-1, self.k)
        arrows = pd.DataFrame({"start": np.repeat(np.arange(len(index)), self.k),
                               "end": index.ravel()})  # fmt: skip
        points = self.points.assign(bridge=self.lists()["bridge"])
        told = "\n".join(
            f"{row.language}: B = {row.bridge:.1f}, R = {row.reach:.1f}, ILO = {row.ilo:.2f}"
            for row in self.scores().itertuples()
        )
        return toy_figure(
            points, arrows, told, f"Each point and its {self.k} nearest, τ = {self.tau}"
        )

    def widget(self) -> Any:
        """The plane to drag in (``anywidget.AnyWidget``); views of one toy share its points."""
        import anywidget
        import traitlets

        class Plane(anywidget.AnyWidget):
            _esm = Path(__file__).with_name("toy.js")
            moved = traitlets.Dict().tag(sync=True)  # language, meaning, x, y: set by the browser
            shown = traitlets.Dict().tag(sync=True)  # what is drawn: set here

        plane = Plane(shown=self._shown())

        def follow(change):
            moved = change["new"]
            self.k, self.tau = int(moved["k"]), min(int(moved["tau"]), int(moved["k"]))
            if "meaning" in moved:
                self.drag(moved["language"], moved["meaning"], moved["x"], moved["y"])
            plane.shown = self._shown()

        plane.observe(follow, "moved")
        return plane

    def _shown(self):
        """All that the browser draws, as JSON can hold it."""
        index = self.neighbors["index"].values.reshape(-1, self.k)
        looks = {name: list(look) for name, look in TOY_LOOKS.items()}
        points = self.points.assign(bridge=self.lists()["bridge"], near=index.tolist())
        return {"points": points.to_dict("records"), "looks": looks, "k": self.k, "tau": self.tau,
                "scores": self.scores().to_dict("records")}  # fmt: skip

    def _repr_mimebundle_(self, **_: Any) -> dict:
        return bundle(self.widget, self.figure(), "a plane with three languages")
