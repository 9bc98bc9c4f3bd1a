"""The shared region, and the fragments left outside it.

The ILO paper (SIGTYP 2025, pp. 122–155, arXiv 2503.11280) speaks of one interlingual region that
languages share and of fragments outside it. Its definition of fragments is neither in its abstract
nor in its published code, which is what we worked from; so what is here is our definition, built
from the neighbour lists that ILO is made of. A sentence is in the shared region if it is a bridge
(:func:`ilo_helpers.ilo.bridges`).
"""

import itertools

import numpy as np
import pandas as pd
import xarray as xr
from scipy import sparse, stats

from ..ilo import bridges
from ..keep.labelled import nearest
from ..languages import language_table
from ..neighbors import neighbor_languages

#: Place of the shared region among the fragments' numbers.
SHARED = 0


def describe_shared(neighbors: xr.Dataset, k: int = 5, tau: int = 3) -> pd.DataFrame:
    """Is the shared region one region, and does it cross families?

    Parameters
    ----------
    neighbors : xarray.Dataset
        As :func:`ilo_helpers.nearest_neighbors` returns it.
    k, tau : int
        As for :func:`ilo_helpers.ilo_scores`.

    Returns
    -------
    pandas.DataFrame
        A row a layer: layer, shared (share of all sentences), pieces (connected groups of the
        shared sentences, linked by their k nearest), largest (share of them in the largest
        piece; 0 where there are none), other_family (share of them with a neighbour of another
        family than their own).

    Raises
    ------
    ValueError
        For k or tau that the lists do not allow.
    """
    shared = bridges(neighbors, k, tau)
    crossing = shared & meets_other_family(neighbors, k)
    rows = []
    for layer in neighbors.layer.values:
        places = np.flatnonzero(shared.sel(layer=layer))
        graph = _graph(neighbors, layer, k)[places]
        sizes = np.bincount(_components(graph[:, places]))
        rows.append({
            "layer": int(layer), "shared": float(shared.sel(layer=layer).mean()),
            "pieces": len(sizes), "largest": sizes.max(initial=0) / max(1, len(places)),
            "other_family": int(crossing.sel(layer=layer).sum()) / max(1, len(places)),
        })  # fmt: skip
    return pd.DataFrame(rows)


def meets_other_family(neighbors: xr.Dataset, k: int = 5) -> xr.DataArray:
    """Whether a sentence has a neighbour of another family than its own.

    Parameters
    ----------
    neighbors : xarray.Dataset
        As :func:`ilo_helpers.nearest_neighbors` returns it.
    k : int

    Returns
    -------
    xarray.DataArray
        bool (layer, language, sentence).
    """
    family = pd.factorize(language_table(neighbors.language.values.tolist())["family"])[0]
    met = neighbor_languages(nearest(neighbors, k))
    own = xr.DataArray(family, {"language": neighbors.language.values})
    return (met.copy(data=family[met.values]) != own).any("neighbor")


def find_fragments(
    neighbors: xr.Dataset, layer: int, k: int = 5, tau: int = 3, mutual: bool = False,
    method: str = "components", seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """The fragment of each sentence: connected groups of what is not in the shared region.

    Our definition. The shared region is taken out of the neighbour graph; what is left falls
    into connected groups, or, with ``method="communities"``, into groups more tightly knit
    within than between (Leiden's method on modularity, through igraph).

    Parameters
    ----------
    neighbors : xarray.Dataset
        As :func:`ilo_helpers.nearest_neighbors` returns it.
    layer, k, tau : int
    mutual : bool
        Sentences are linked only if each is among the other's k.
    method : {"components", "communities"}
    seed : int
        Of Leiden's method.

    Returns
    -------
    pandas.DataFrame
        A row a sentence: language, sentence, fragment (0: the shared region; 1, 2, …: the
        fragments, largest first).

    Raises
    ------
    ValueError
        For another method; for k or tau that the lists do not allow.
    """
    shared = bridges(neighbors.sel(layer=[layer]), k, tau).squeeze("layer", drop=True)
    rest = np.flatnonzero(~shared)
    graph = _graph(neighbors, layer, k, mutual)[rest][:, rest]
    if method == "components":
        labels = _components(graph)
    elif method == "communities":
        labels = _communities(graph, seed)
    else:
        raise ValueError(f"method {method!r}: choose 'components' or 'communities'")
    rank = pd.Series(labels).value_counts(sort=True, ascending=False)  # ties: the first met
    members = shared.rename("fragment").to_series().reset_index()
    members["fragment"] = SHARED
    members.loc[rest, "fragment"] = rank.index.get_indexer(labels) + 1
    return members


def _graph(neighbors, layer, k, mutual=False):
    """Sentences at one layer, in the order of the stack: an edge from each to its k nearest.

    Mutual: only the edges that go both ways. bool (sentences of all languages, the same).
    """
    index = neighbors["index"].sel(layer=layer).values[..., :k].reshape(-1, k)
    starts = np.arange(0, index.size + 1, k)
    ones = np.ones(index.size, bool)
    graph = sparse.csr_array((ones, index.ravel(), starts), shape=(len(index), len(index)))
    return graph.multiply(graph.T).tocsr() if mutual else graph


def _components(graph):
    """Number of the connected group of each sentence, whichever way the edges go."""
    return sparse.csgraph.connected_components(graph, directed=True, connection="weak")[1]


def _communities(graph, seed):
    """Number of the community of each sentence."""
    import random

    import igraph

    edges = np.transpose(sparse.triu(graph + graph.T, 1).nonzero())
    network = igraph.Graph(graph.shape[0], edges.tolist())
    igraph.set_random_number_generator(random.Random(seed))
    try:
        return network.community_leiden("modularity", n_iterations=-1).membership
    finally:
        igraph.set_random_number_generator(random)


def describe_fragments(members: pd.DataFrame, languages: pd.DataFrame) -> pd.DataFrame:
    """Size and make-up of each fragment.

    Parameters
    ----------
    members : pandas.DataFrame
        Of :func:`find_fragments`.
    languages : pandas.DataFrame
        Family and script of each language, as :attr:`ilo_helpers.study.Study.languages` has them.

    Returns
    -------
    pandas.DataFrame
        Index fragment (0: the shared region, if any sentence is in it); size, languages (how
        many), entropy of the languages in bits (0: one language), and for language, family and
        script the most frequent one and its share, 0 to 1.
    """
    groups = members.join(languages[["family", "script"]], on="language").groupby("fragment")
    table = groups["language"].agg(["size", "nunique"]).rename(columns={"nunique": "languages"})
    table["entropy"] = groups["language"].agg(lambda x: stats.entropy(x.value_counts(), base=2))
    for column in ("language", "family", "script"):
        table[column] = groups[column].agg(lambda x: x.value_counts().index[0])
        table[f"{column}_share"] = groups[column].agg(lambda x: x.value_counts().max() / len(x))
    return table


def fragment_together(members: pd.DataFrame) -> pd.DataFrame:
    """Which languages fragment together (our definition).

    Parameters
    ----------
    members : pandas.DataFrame
        Of :func:`find_fragments`.

    Returns
    -------
    pandas.DataFrame
        A row a pair of languages that have sentences outside the shared region: a, b,
        one_family (whether they are of one), common (share of these sentences, 0 to 1, that lie
        in common fragments: the sum over the fragments of the smaller of the two shares).
    """
    outside = members[members["fragment"] != SHARED]
    shares = pd.crosstab(outside["language"], outside["fragment"], normalize="index")
    family = language_table(list(shares.index))["family"]
    rows = [
        (a, b, family[a] == family[b], np.minimum(shares.loc[a], shares.loc[b]).sum())
        for a, b in itertools.combinations(shares.index, 2)
    ]
    return pd.DataFrame(rows, columns=["a", "b", "one_family", "common"])
