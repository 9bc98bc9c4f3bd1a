"""The shared region, the fragments left outside it, and what holds them apart.

The ILO paper speaks of one interlingual region that languages share and of fragments outside it.
Its formal definition is not known to us: what is here is ours, built from the neighbour lists
that ILO is made of.
"""

import numpy as np
import pandas as pd
from scipy import sparse, stats

from ..ilo import bridges
from ..languages import language_table

#: Place of the shared region among the fragments' numbers.
SHARED = 0


def describe_shared(neighbors, k=5, tau=3):
    """Is the shared region one region, and does it cross families?

    Parameters
    ----------
    neighbors : xarray.Dataset
    k, tau : int

    Returns
    -------
    pandas.DataFrame
        A row a layer: layer, shared (share of all sentences), pieces (connected groups of the
        shared sentences, linked by their k nearest), largest (share of them in the largest
        piece; 0 where there are none), other_family (share of them with a neighbour of another
        family than their own).
    """
    shared = bridges(neighbors, k, tau)
    family = pd.factorize(language_table(neighbors.language.values.tolist())["family"])[0]
    own = np.repeat(family, neighbors.sizes["sentence"])
    rows = []
    for layer in neighbors.layer.values:
        places = np.flatnonzero(shared.sel(layer=layer).values.ravel())
        index = neighbors["index"].sel(layer=layer).values[..., :k].reshape(-1, k)[places]
        graph = neighbor_graph(neighbors, layer, k)[places][:, places]
        labels = sparse.csgraph.connected_components(graph, directed=True, connection="weak")[1]
        sizes = np.bincount(labels) if len(places) else np.zeros(0, int)
        crossing = (own[index] != own[places][:, None]).any(1)
        rows.append({
            "layer": int(layer), "shared": len(places) / len(own), "pieces": len(sizes),
            "largest": sizes.max(initial=0) / max(1, len(places)),
            "other_family": crossing.sum() / max(1, len(places)),
        })  # fmt: skip
    return pd.DataFrame(rows)


def neighbor_graph(neighbors, layer, k=5, mutual=False):
    """Graph of sentences at one layer: an edge from each to its k nearest.

    Parameters
    ----------
    neighbors : xarray.Dataset
    layer : int
    k : int
    mutual : bool
        Keep only the edges that go both ways.

    Returns
    -------
    scipy.sparse.csr_array
        bool (sentences of all languages, the same), in the order of the stack of languages.
    """
    index = neighbors["index"].sel(layer=layer).values[..., :k].reshape(-1, k)
    places = np.repeat(np.arange(len(index)), k)
    ones = np.ones(index.size, bool)
    graph = sparse.csr_array((ones, (places, index.ravel())), shape=(len(index), len(index)))
    return (graph.multiply(graph.T)).tocsr() if mutual else graph


def find_fragments(neighbors, layer, k=5, tau=3, mutual=False, method="components", seed=0):
    """The fragment of each sentence: connected groups of what is not in the shared region.

    Our definition. The shared region is taken out of the neighbour graph; what is left falls
    into connected groups, or, with ``method="communities"``, into groups more tightly knit
    within than between (Leiden's method on modularity, through igraph).

    Parameters
    ----------
    neighbors : xarray.Dataset
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
    """
    shared = bridges(neighbors.sel(layer=[layer]), k, tau).values.ravel()
    rest = np.flatnonzero(~shared)
    graph = neighbor_graph(neighbors, layer, k, mutual)[rest][:, rest]
    if method == "components":
        labels = sparse.csgraph.connected_components(graph, directed=True, connection="weak")[1]
    elif method == "communities":
        labels = _communities(graph, seed)
    else:
        raise ValueError(f"method {method!r}: choose 'components' or 'communities'")
    rank = pd.Series(labels).value_counts(sort=True, ascending=False)  # ties: the first met
    number = pd.Series(np.arange(1, len(rank) + 1), rank.index)
    fragment = np.full(len(shared), SHARED)
    fragment[rest] = number.loc[labels].values if len(rest) else []
    languages, sentences = neighbors.language.values, neighbors.sentence.values
    return pd.DataFrame({
        "language": np.repeat(languages, len(sentences)),
        "sentence": np.tile(sentences, len(languages)),
        "fragment": fragment,
    })  # fmt: skip


def _communities(graph, seed):
    import random

    import igraph

    edges = sparse.triu(graph + graph.T, 1).tocoo()
    network = igraph.Graph(graph.shape[0], np.column_stack([edges.row, edges.col]).tolist())
    igraph.set_random_number_generator(random.Random(seed))
    try:
        found = network.community_leiden("modularity", n_iterations=-1)
    finally:
        igraph.set_random_number_generator(random)
    return np.array(found.membership, int)


def describe_fragments(members):
    """Size and make-up of each fragment.

    Parameters
    ----------
    members : pandas.DataFrame
        Of :func:`find_fragments`.

    Returns
    -------
    pandas.DataFrame
        Index fragment (0: the shared region, if any sentence is in it); size, languages (how
        many), entropy of the languages in bits (0: one language), and for language, family and
        script the most frequent one and its share, 0 to 1.
    """
    known = language_table(list(members["language"].unique()))
    table = members.join(known[["family", "script"]], on="language")
    rows = {}
    for fragment, part in table.groupby("fragment"):
        row = {
            "size": len(part),
            "languages": part["language"].nunique(),
            "entropy": stats.entropy(part["language"].value_counts(), base=2),
        }
        for column in ("language", "family", "script"):
            shares = part[column].value_counts(normalize=True)
            row |= {column: shares.index[0], f"{column}_share": shares.iloc[0]}
        rows[fragment] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("fragment")
