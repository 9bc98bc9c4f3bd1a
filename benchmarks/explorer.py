"""Milliseconds that the explorer needs to answer a turn of a knob, all layers each time.

    python benchmarks/explorer.py [--sentences 49 1012]

Made vectors in 31 languages and 19 layers; what is timed does not depend on their width.
"""

import argparse
import dataclasses
import functools
import os
import tempfile
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import xarray as xr

from ilo_helpers.explorer.state import Explorer
from ilo_helpers.explorer.views import Exploration
from ilo_helpers.languages import language_table
from ilo_helpers.study import Study
from ilo_helpers.validity.worlds import make_world

LAYERS, LANGUAGES, HIDDEN = 19, 31, 16
MODEL = {"model": "made", "dtype": "float32"}


@dataclasses.dataclass(frozen=True)
class Made(Study):
    """A study of made vectors."""

    @functools.cached_property
    def vectors(self):
        size = LANGUAGES, len(self.text), HIDDEN
        layers = [make_world(*size, offset=0.1 * at, seed=at) for at in range(LAYERS)]
        acts = xr.concat(layers, pd.Index(range(LAYERS), name="layer"))
        return {"mean": acts.assign_attrs(MODEL | {"made": len(self.text)})}

    @property
    def bare(self):
        return "mean"


def made(sentences):
    codes = language_table().index
    text = pd.DataFrame("a sentence", [str(i) for i in range(sentences)], codes)
    text.attrs = {"name": "made", "fingerprint": f"made {sentences}"}
    model = SimpleNamespace(name="made", dtype="float32", attrs=MODEL)
    return Made(text, model)


def milliseconds(function, times=5):
    found = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        found.append(1000 * (time.perf_counter() - start))
    return np.median(found)


def measure(sentences):
    """Medians by what is turned: the state alone, and with every widget drawn."""
    study = made(sentences)
    study.neighbors, study.scores  # noqa: B018  searched once, kept on disk
    explorer = Explorer(study)
    start = time.perf_counter()
    view = Exploration(explorer)
    view.widget()
    first = time.perf_counter() - start
    fresh = Exploration(Explorer(study))
    start = time.perf_counter()
    fresh.widget()
    opened = time.perf_counter() - start
    steps = {"k": range(6, 30), "tau": [2, 4, 1, 5, 3], "layer": range(LAYERS)}
    rows = {"opened the first time": 1000 * first, "opened on stored results": 1000 * opened}
    for knob, values in steps.items():
        turn = iter(values)

        def state(knob=knob, turn=turn):
            explorer.move(**{knob: next(turn)})
            explorer.curves()
            explorer.scores()
            explorer.grid()

        rows[f"{knob}, numbers"] = milliseconds(state)
        turn = iter(reversed(values))
        rows[f"{knob}, with all views"] = milliseconds(
            lambda knob=knob, turn=turn: view._apply(**{knob: next(turn)})
        )
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, nargs="+", default=[49, 1012])
    sizes = parser.parse_args().sentences
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ILO_DATA"] = folder
        table = pd.DataFrame({f"31 × {size}": measure(size) for size in sizes})
    print(table.round().astype(int).to_string())


if __name__ == "__main__":
    main()
