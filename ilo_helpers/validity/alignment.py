"""How alike the vectors of the same sentences are: the measures that ILO competes with.

A metric compares two languages of one layer; :func:`alignment_scores` computes any of them for all
layers and languages, :mod:`ilo_helpers.validity.measures` sets them beside ILO. n is the number of
sentences, d that of SVCCA's directions. "Unrelated" is what a metric is expected to say if the
sentences of one language are put in random order, whatever the shape of the two clouds. Cosines,
within a language too, are of the vectors as they are, not centred, in float64.
"""

import functools
import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from scipy.linalg import svdvals

from ..keep.arguments import flag, several
from ..keep.fill import table_by_layer
from ..keep.labelled import in_order, vectors_key
from ..keep.registry import Registry
from .cka import kernel_cka
from .clouds import DECIMALS, NEIGHBORHOOD, Cloud, Pair

#: Metrics by name: functions of a :class:`~ilo_helpers.validity.clouds.Pair`, symmetric in its two
#: languages, greater for more aligned ones. ``add(name, of_cosines=True)`` says that the metric has
#: a value even where all sentences of a language have one vector; the others are NaN there.
ALIGNMENT_METRICS = Registry("alignment metric")


@ALIGNMENT_METRICS.add("P@1", of_cosines=True)
def precision_at_1(pair: Pair) -> float:
    """Sentences whose translation is the nearest of the other language by cosine.

    Share, mean of both directions; a tie counts against. 0 to 1; unrelated: 1/n.
    """
    return _precision(pair.cosines, 1)


@ALIGNMENT_METRICS.add("P@5", of_cosines=True)
def precision_at_5(pair: Pair) -> float:
    """The same among the five nearest. 0 to 1; unrelated: 5/n."""
    return _precision(pair.cosines, 5)


@ALIGNMENT_METRICS.add("P@1 CSLS", of_cosines=True)
def precision_csls(pair: Pair) -> float:
    """P@1 by 2 cos(x, y) − r(x) − r(y), which corrects for hubs (Conneau et al. 2018).

    r is the mean cosine with the 10 (at most n − 1) nearest of the other language. 0 to 1;
    unrelated: 1/n.
    """
    return _precision(_csls(pair.cosines), 1)


@ALIGNMENT_METRICS.add("MEXA", of_cosines=True)
def mexa(pair: Pair) -> float:
    """Sentences that are each other's best match (Kargaran et al. 2024, arXiv 2410.05873).

    Share of those whose cosine with their translation is greater than every other of its row and
    of its column. 0 to 1; unrelated: at most 1/n.
    """
    best = np.maximum(pair.cosines, pair.cosines.T)  # of each one's row and of its column
    return ((best >= pair.cosines.diagonal()[:, None]).sum(1) == 1).mean()


@ALIGNMENT_METRICS.add("mutual k-NN")
def mutual_neighbors(pair: Pair) -> float:
    """Mean share of a sentence's nearest within a language that are so in the other, too.

    Huh et al. 2024, with cosines and k = 10 (at most n − 2). 0 to 1; unrelated: k/(n − 1).
    """
    x, y = pair.x.near, pair.y.near
    return (x[:, :, None] == y[:, None, :]).sum() / x.size


@ALIGNMENT_METRICS.add("CKA")
def cka(pair: Pair) -> float:
    """:func:`ilo_helpers.validity.cka.linear_cka`, unbiased. At most 1; unrelated: 0."""
    return kernel_cka(pair.x.kernel, pair.y.kernel)


@ALIGNMENT_METRICS.add("SVCCA")
def svcca(pair: Pair) -> float:
    """Mean canonical correlation of the leading singular directions (Raghu et al. 2017).

    0 to 1; unrelated: at most √(d/(n − 1)), which even under the cap on the directions is far from
    0 with few sentences (√(16/48) = 0.58 with 49, √(20/1011) = 0.14 with 1,012): compare values at
    one n only. Where one direction holds 99% (a massive activation), it is one correlation. If the
    languages differ in their number of directions, there are as many as the smaller.
    """
    return np.minimum(svdvals(pair.x.directions.T @ pair.y.directions), 1).mean()


@ALIGNMENT_METRICS.add("ANC")
def neuron_correlation(pair: Pair) -> float:
    """Mean over hidden dimensions of the correlation with itself in the other language.

    Del & Fishel 2022: plain Pearson correlations, with their sign, as in the authors' published
    code (github.com/MaksymDel/xsim); others take absolute values. Dimensions that are constant in
    either language are left out. −1 to 1; unrelated: 0.
    """
    shared = pair.x.varying & pair.y.varying
    products = pair.x.standard * pair.y.standard
    return products.sum(0)[shared].mean() if shared.any() else np.nan


@ALIGNMENT_METRICS.add("cosine gap", of_cosines=True)
def cosine_gap(pair: Pair) -> float:
    """Mean cosine of translations less that of the other pairs. −2 to 2; unrelated: 0."""
    n, right = len(pair.cosines), np.trace(pair.cosines)
    return right / n - (pair.cosines.sum() - right) / (n * (n - 1))


@ALIGNMENT_METRICS.add("information imbalance")
def information_balance(pair: Pair) -> float:
    """1 − the mean of both directions of Δ(x→y), turned round so that more is more aligned.

    Δ(x→y) = 2/n × mean rank in y of the nearest neighbour in x (Glielmo et al. 2022). Ranks go from
    1 to n − 1 (the sentence itself has none; equally near ones share the mean rank), are n/2 on
    average by chance and 1 in equal spaces: −1 + 2/n to 1 − 2/n; unrelated: 0. Distances are
    cosine distances, as in the other metrics.
    """
    return 1 - (_imbalance(pair.x, pair.y) + _imbalance(pair.y, pair.x)) / 2


def _precision(scores, k):
    """P@k of a matrix (query, candidate), and of its transpose, averaged."""
    right = scores.diagonal()
    rows = (scores >= right[:, None]).sum(1)  # at most as good as these, itself among them
    columns = (scores >= right).sum(0)
    return ((rows <= k).mean() + (columns <= k).mean()) / 2


def _csls(cosines):
    k = min(NEIGHBORHOOD, len(cosines) - 1)
    x, y = (np.partition(each, -k, axis=1)[:, -k:].mean(1) for each in (cosines, cosines.T))
    return np.round(2 * cosines - x[:, None] - y, DECIMALS)


def _imbalance(x, y):
    """Δ(x→y)."""
    found = np.take_along_axis(y.own, x.near[:, :1], axis=1)
    nearer, level = (y.own > found).sum(1), (y.own == found).sum(1)
    return 2 / len(found) * (nearer + (level + 1) / 2).mean()


def alignment_scores(
    acts: xr.DataArray, metrics: str | Sequence[str] | None = None, pivot: str | None = "auto",
    keep: bool = True,
) -> pd.DataFrame:  # fmt: skip
    """How well each language's vectors are aligned with another's, at every layer.

    Parameters
    ----------
    acts : xarray.DataArray
        Dimensions layer, language, sentence, hidden; the same sentence at the same place in all
        languages. May be lazy: one layer is read at a time. A thousand sentences of width 640
        take some 30 MB a language; with ``pivot=None``, all languages of a layer are held at once.
    metrics : str or list of str, optional
        Names of :data:`ALIGNMENT_METRICS`; default all.
    pivot : str or None
        The language that all others are compared with, which then has no row of its own;
        ``"auto"``: eng_Latn, or the first if it is not there. None: each language is compared
        with all others, and its value is the mean ("all pairs").
    keep : bool
        Keep the values in ``data/alignment``, under a hash of the vectors, one layer at a time,
        computed here or by the workers of a Dask client. With a metric of your own, which may
        hang on anything, they are computed here, and not kept.

    Returns
    -------
    pandas.DataFrame
        One row a layer, language and metric: layer, language, metric, value (higher is more
        aligned). NaN where the metric looks at how sentences of one language differ (mutual k-NN,
        CKA, SVCCA, ANC, information imbalance) and they do not: so it is at layer 0 with the
        last token's vector, if all sentences end alike.

    Raises
    ------
    ValueError
        For an unknown metric or pivot, other dimensions, less than two languages or four
        sentences; for a vector that is zero or not finite, with layer, language and sentence.
    """
    acts = in_order(acts)
    for dim, least in (("language", 2), ("sentence", 4)):
        if acts.sizes[dim] < least:
            raise ValueError(
                f"{acts.sizes[dim]} {dim}s: alignment needs at least {least}; load a corpus of more"
            )
    wanted = ALIGNMENT_METRICS if metrics is None else metrics
    names = [wanted] if isinstance(wanted, str) else several("metrics", wanted)
    chosen = [ALIGNMENT_METRICS[name] for name in names]
    languages = acts.language.values.tolist()
    pivot = _check_pivot(pivot, languages)
    coords = {"layer": acts.layer.values, "language": languages, "metric": names}
    ours = all(getattr(metric, "__module__", None) == __name__ for metric in chosen)
    settings = [vectors_key(acts), pivot, names] if flag("keep", keep) and ours else None
    name, jobs = acts.attrs.get("model", "vectors"), {at.layer.item(): at for at in acts}
    make = functools.partial(_by_language, names, chosen, pivot)
    values = table_by_layer("alignment", name, settings, jobs, make)
    values = values.to_numpy().reshape([len(each) for each in coords.values()])
    table = xr.DataArray(values, coords, name="value").to_dataframe().reset_index()
    return table[table["language"] != pivot].reset_index(drop=True)


def _check_pivot(pivot, languages):
    if pivot == "auto":
        pivot = "eng_Latn" if "eng_Latn" in languages else languages[0]
    if pivot is not None and pivot not in languages:
        raise ValueError(
            f"pivot {pivot!r} is not among the languages {', '.join(languages)}: choose one of "
            "them, or None for all pairs"
        )
    return pivot


def _by_language(names, metrics, pivot, at, _progress):
    """What is kept of one layer: a column a metric, a row a language."""
    at = at[:].load()  # indexed anew, so that what is read goes when the layer is done
    _check_vectors(at)
    values = _compare(dict(zip(at.language.values, at.values, strict=True)), metrics, pivot)
    return [dict(zip(names, np.transpose(values), strict=True))]


def _check_vectors(at):
    """Refuse vectors without a direction."""
    squared = np.einsum("lsh,lsh->ls", at.values, at.values, dtype=np.float64)
    for bad, what in ((~np.isfinite(squared), "not finite"), (squared == 0, "zero")):
        if bad.any():
            language, sentence = np.argwhere(bad)[0]
            raise ValueError(
                f"layer {int(at.layer)}, language {at.language.values[language]}, sentence "
                f"{at.sentence.values[sentence]}: the vector is {what}, so it has no cosines; "
                "extract it again, or leave the sentence out with acts.drop_sel(sentence=[…])"
            )


def _compare(vectors, metrics, pivot):
    """Values of one layer, (language, metric); those of the pivot itself mean nothing."""
    if pivot is not None:  # one language at a time: no two others' matrices are held at once
        home = Cloud(vectors[pivot])
        return [_values(Pair(home, Cloud(points)), metrics) for points in vectors.values()]
    clouds = [Cloud(points) for points in vectors.values()]
    values = np.zeros((len(clouds), len(clouds), len(metrics)))
    for one, other in itertools.combinations(range(len(clouds)), 2):
        values[one, other] = values[other, one] = _values(Pair(clouds[one], clouds[other]), metrics)
    return values.sum(1) / (len(clouds) - 1)


def _values(pair, metrics):
    return [metric(pair) if pair.varies or _of_cosines(metric) else np.nan for metric in metrics]


def _of_cosines(metric):
    return getattr(metric, "of_cosines", False)
