"""ILO, its parts, its variants and its rivals: every layer and language in one table."""

import numpy as np
import pandas as pd
import xarray as xr

from ..ilo import ilo_scores
from ..neighbors import (
    nearest_neighbors,
    neighbor_kinds,
    neighbors_within,
    without_translations,
)
from ..regions.confounds import csls_neighbors
from ..regions.length import token_counts, without_length
from ..study import Study
from .alignment import alignment_scores

#: ILO and what is made of it.
OWN = [
    "bridge", "reach", "ILO", "ILO without translations", "ILO without BOS", "ILO without length",
    "ILO, CSLS", "ILO with the source", "label overlap",
]  # fmt: skip
#: What is known of a language without a model, to set beside what is measured in one.
BASELINES = ["resource class", "Latin script"]
AT = ["layer", "language"]


def baselines(languages: pd.DataFrame) -> pd.DataFrame:
    """What is known of every language without a model, as numbers.

    Parameters
    ----------
    languages : pandas.DataFrame
        As :func:`ilo_helpers.language_table`: resource_class, script.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`BASELINES`, float64: resource class (0 to 5, NaN where it is not known), and
        1 for Latin script, 0 for another.
    """
    of = languages["resource_class"].astype(float), (languages["script"] == "Latin") * 1.0
    return pd.DataFrame(dict(zip(BASELINES, of, strict=True)))


def language_measures(study: Study, source: str) -> pd.DataFrame:
    """ILO, its variants and all rivals, of every layer and language.

    Parameters
    ----------
    study : Study
    source : str
        Language that the classifier learns from: the pivot of the pairwise measures.

    Returns
    -------
    pandas.DataFrame
        layer, language (not the source) and a column a measure: those of :data:`OWN`, and every
        :data:`~ilo_helpers.validity.alignment.ALIGNMENT_METRICS` against the source
        (``"P@1, source"``) and over all pairs (``"P@1, all pairs"``); MEXA with its own pooling,
        the mean weighted by position, too. ``"ILO with the source"`` is that of the pool of the
        two languages alone, at τ = 1: it knows the source as the pairwise measures do.
    """
    own = _own_measures(study, source)
    rivals = {
        how: alignment_scores(study.acts, pivot=pivot)
        for how, pivot in {"source": source, "all pairs": None}.items()
    }
    by_position = alignment_scores(study.vectors_of("mean_by_position"), "MEXA", source)
    rivals["source, its pooling"] = by_position
    tables = [own] + [
        table.assign(metric=table["metric"] + f", {how}").pivot(
            index=AT, columns="metric", values="value"
        )[[f"{name}, {how}" for name in table["metric"].unique()]]
        for how, table in rivals.items()
    ]
    whole = pd.concat(tables, axis=1).reset_index()
    whole = whole[whole["language"] != source]
    return whole.reset_index(drop=True)


def all_measures(
    acts: xr.DataArray, neighbors: xr.Dataset, k: int = 5, tau: int = 3,
    pivot: str | None = "auto", keep: bool = True,
) -> pd.DataFrame:  # fmt: skip
    """ILO and its parts, ILO without translations, and what they compete with, in one table.

    Parameters
    ----------
    acts : xarray.DataArray
        Dimensions layer, language, sentence, hidden.
    neighbors : xarray.Dataset
        ``nearest_neighbors(acts)``, at least k + languages − 1: see
        :func:`ilo_helpers.neighbors.without_translations`.
    k, tau : int
        As in :func:`ilo_helpers.ilo_scores`.
    pivot, keep
        As in :func:`~ilo_helpers.validity.alignment.alignment_scores`.

    Returns
    -------
    pandas.DataFrame
        layer, language, metric, value. Metrics: bridge, reach, ILO, ILO without translations, all
        of :data:`~ilo_helpers.validity.alignment.ALIGNMENT_METRICS` (no rows for the pivot) and
        label overlap: the share of the k neighbours that are in other languages, bridge without a
        threshold (our definition; about (L − 1)/L for uniform mixing of L languages).

    Raises
    ------
    ValueError
        If the neighbours are of other layers, languages or sentences than ``acts``, or too few;
        as :func:`~ilo_helpers.validity.alignment.alignment_scores`.
    """
    for dim in ("layer", "language", "sentence"):
        if not np.array_equal(acts[dim].values, neighbors[dim].values):
            raise ValueError(
                f"neighbors and acts have different {dim}s: call nearest_neighbors(acts) for these"
            )
    own = ilo_scores(neighbors, k, tau).rename(columns={"ilo": "ILO"})
    apart = "ILO without translations"
    own[apart] = ilo_scores(without_translations(neighbors, k), k, tau)["ilo"]
    own["label overlap"] = 1 - neighbor_kinds(neighbors, k)["own"]
    first, last = (
        own.melt(["layer", "language"], measures, "metric")
        for measures in (["bridge", "reach", "ILO", apart], ["label overlap"])
    )
    rivals = alignment_scores(acts, pivot=pivot, keep=keep)
    return pd.concat([first, rivals, last], ignore_index=True)


def _own_measures(study, source):
    """Of ILO, by layer and language."""
    k, tau, neighbors = study.k, study.tau, study.neighbors
    counts = token_counts(study.model, study.text)
    lists = {
        "ILO without translations": without_translations(neighbors, k),
        "ILO without BOS": study.neighbors_of(study.bare),
        "ILO without length": nearest_neighbors(
            without_length(study.acts, counts), k, study.metric, keep=False
        ),
        "ILO, CSLS": csls_neighbors(study.acts, k),
    }
    own = study.scores.set_index(AT)[["bridge", "reach", "ilo"]].rename(columns={"ilo": "ILO"})
    for name, near in lists.items():
        own[name] = ilo_scores(near, k, tau).set_index(AT)["ilo"]
    own["ILO with the source"] = _with_source(study, source)
    own["label overlap"] = 1 - neighbor_kinds(neighbors, k).set_index(AT)["own"]
    return own[OWN]


def _with_source(study, source):
    """ILO of each language in the pool of it and the source."""
    codes = list(study.text.columns)
    parts = []
    for place, code in enumerate(codes):
        if code != source:
            pair = sorted([place, codes.index(source)])
            near = neighbors_within(study.neighbors, study.acts, study.k, languages=pair)
            scores = ilo_scores(near, study.k, 1)
            parts.append(scores[scores["language"] == code])
    return pd.concat(parts).set_index(AT)["ilo"]
