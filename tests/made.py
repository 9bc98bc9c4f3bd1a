"""Corpora and vectors made by hand."""

import numpy as np
import pandas as pd
import xarray as xr

from ilo_helpers.corpora import fingerprint


def table(columns, ids=None):
    """A corpus made by hand."""
    corpus = pd.DataFrame(columns, dtype=str)
    corpus.index = pd.Index(ids or [str(i + 1) for i in range(len(corpus))], name="sentence")
    corpus.attrs = {"name": "made", "fingerprint": fingerprint(corpus)}
    return corpus


def world(values, languages=None):
    """Labelled vectors from an array (layer, language, sentence, hidden)."""
    values = np.asarray(values)
    names = languages or [f"l{i}" for i in range(values.shape[1])]
    coords = {"layer": range(len(values)), "language": names, "sentence": range(values.shape[2])}
    return xr.DataArray(values, dims=("layer", "language", "sentence", "hidden"), coords=coords)
