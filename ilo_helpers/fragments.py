"""The shared region, the fragments left outside it, and what holds them apart.

The ILO paper speaks of one interlingual region that languages share and of fragments outside it.
Its formal definition is not known to us: what is here is ours, built from the neighbour lists
that ILO is made of.
"""

import numpy as np
import pandas as pd
import xarray as xr
from scipy import sparse, stats
from scipy.linalg import eigh

from .ilo import neighbor_languages, other_languages
from .languages import language_table

#: Place of the shared region among the fragments' numbers.
SHARED = 0


def shared_region(neighbors, k=5, tau=3):
    """Whether each sentence is in the shared region: whether it is a bridge (our definition).

    Parameters
    ----------
    neighbors : xarray.Dataset
        As :func:`ilo_helpers.nearest_neighbors` returns it.
    k, tau : int
        As in :func:`ilo_helpers.ilo_scores`.

    Returns
    -------
    xarray.DataArray
        bool (layer, language, sentence). Its mean over sentences is bridge B.
    """
    count, _ = other_languages(neighbors["index"].values, k)
    index = neighbors["index"]
    return index.isel(neighbor=0, drop=True).copy(data=count[..., k - 1] >= tau).rename("shared")


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
    shared = shared_region(neighbors, k, tau)
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
    shared = shared_region(neighbors.sel(layer=[layer]), k, tau).values.ravel()
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


def language_rates(neighbors, k=5):
    """How often a neighbour of a sentence in one language is in another.

    Parameters
    ----------
    neighbors : xarray.Dataset
    k : int

    Returns
    -------
    xarray.Dataset
        (layer, language, neighbor_language), float64. ``rate``: share of the k neighbours, 0 to
        1, rows sum to 1. ``ratio``: rate over what it would be if neighbours were drawn at
        random from all other sentences; 1 is uniform mixing.
    """
    layers, languages, sentences = (
        neighbors.sizes[dim] for dim in ("layer", "language", "sentence")
    )
    met = neighbor_languages(neighbors).values[..., :k]
    place = np.arange(layers * languages).reshape(layers, languages, 1, 1) * languages + met
    counts = np.bincount(place.ravel(), minlength=layers * languages**2)
    rate = counts.reshape(layers, languages, languages) / (sentences * k)
    by_chance = np.full((languages, languages), float(sentences))
    np.fill_diagonal(by_chance, sentences - 1)
    by_chance /= languages * sentences - 1
    # with one sentence a language, no neighbour can be of its own
    ratio = np.divide(rate, by_chance, out=np.zeros_like(rate), where=by_chance > 0)
    dims = ("layer", "language", "neighbor_language")
    names = neighbors.language.values
    coords = {"layer": neighbors.layer.values, "language": names, "neighbor_language": names}
    return xr.Dataset({"rate": (dims, rate), "ratio": (dims, ratio)}, coords)


def group_agreement(ratio, groups=("family", "script", "region"), draws=999, seed=0):
    """Do languages of one group neighbour each other more than languages of different groups?

    Permutation test over the labels of the languages (scipy's, exact where there are few
    languages), at each layer by itself, one-sided. Our definition.

    Parameters
    ----------
    ratio : xarray.DataArray
        Of :func:`language_rates`.
    groups : tuple of str
        Columns of :func:`ilo_helpers.language_table`.
    draws, seed : int

    Returns
    -------
    pandas.DataFrame
        layer, group, within and across (mean ratio of pairs of different languages), p. A
        grouping in which no two languages agree, or all do, has no rows.
    """
    table = language_table(ratio.language.values.tolist())
    apart = ~np.eye(len(table), dtype=bool)
    rows = []
    for group in groups:
        codes, names = pd.factorize(table[group])
        if len(names) in (1, len(table)):
            continue
        for layer in ratio.layer.values:
            values = ratio.sel(layer=layer).values

            def difference(labels, values=values):
                same = (labels[:, None] == labels[None]) & apart
                return values[same].mean() - values[~same & apart].mean()

            test = stats.permutation_test(
                (codes,), difference, permutation_type="pairings", alternative="greater",
                vectorized=False, n_resamples=draws, rng=np.random.default_rng(seed),
            )  # fmt: skip
            same = (codes[:, None] == codes[None]) & apart
            rows.append(
                (layer, group, values[same].mean(), values[~same & apart].mean(), test.pvalue)
            )
    return pd.DataFrame(rows, columns=["layer", "group", "within", "across", "p"])


def remove_offsets(acts, directions=0):
    """Vectors without each language's mean (our definition).

    At each layer, each language's mean is subtracted, and with it what is common to all
    languages, which under cosine is a change of its own; then, if asked, what the language's
    sentences have in their leading principal directions.

    Parameters
    ----------
    acts : xarray.DataArray
        (layer, language, sentence, hidden).
    directions : int
        Principal directions of each language taken away, fewer than its sentences.

    Returns
    -------
    xarray.DataArray
        float32; ``attrs["removed"]`` says what was.
    """
    if directions >= acts.sizes["sentence"]:
        raise ValueError(
            f"{directions} directions of {acts.sizes['sentence']} sentences a language: must be "
            "fewer"
        )
    acts = acts.transpose("layer", "language", "sentence", "hidden")
    rest = np.empty(acts.shape, np.float32)
    for place in range(len(rest)):  # a layer at a time: all in float64 would not fit a laptop
        for language, points in enumerate(acts[place].values.astype(np.float64)):
            points -= points.mean(0)
            if directions:
                points -= _leading(points, directions)
            rest[place, language] = points
    removed = "mean of each language" + (f", {directions} directions" if directions else "")
    return acts.copy(data=rest).assign_attrs(removed=removed)


def _leading(points, directions):
    """Part of centred points in their leading principal directions."""
    wide = points.shape[1] > points.shape[0]
    gram = points @ points.T if wide else points.T @ points
    _, vectors = eigh(gram, subset_by_index=(len(gram) - directions, len(gram) - 1))
    return vectors @ (vectors.T @ points) if wide else points @ vectors @ vectors.T


def structure_by_layer(acts, neighbors, k=5, tau=3, seed=0):
    """Intrinsic dimension, anisotropy and hubs of each layer.

    Parameters
    ----------
    acts : xarray.DataArray
    neighbors : xarray.Dataset
        Of the same vectors.
    k, tau : int
    seed : int
        Of the places struck at random.

    Returns
    -------
    pandas.DataFrame
        A row a layer:

        - intrinsic_dimension: TwoNN (Facco et al. 2017) on the stored distances, through
          scikit-dimension; cosine distances as chords, √(2 d);
        - duplicates: sentences at distance 0 from another, which TwoNN must leave out;
        - anisotropy: mean cosine of two different sentences, −1 to 1 (0: no common direction);
        - hubness: skewness of how often a sentence is among the others' k nearest
          (Radovanović et al. 2010; 1/√k for lists drawn at random);
        - hubs: sentences that are so more than k plus twice the standard deviation of times;
        - bridge: share of all sentences that are bridges; hub_share: of these, the share that
          are bridges no longer when hubs are struck from the lists, 0 to 1; random_share: the
          same when as many places of the lists, drawn at random, are struck (mean of 20 draws).
    """
    rows = []
    languages, sentences = neighbors.sizes["language"], neighbors.sizes["sentence"]
    own = np.repeat(np.arange(languages), sentences)
    rng = np.random.default_rng(seed)
    for layer in neighbors.layer.values:
        at = neighbors.sel(layer=layer)
        index = at["index"].values[..., :k].reshape(-1, k)
        met = np.bincount(index.ravel(), minlength=len(index))
        hub = met > k + 2 * met.std()
        bridges = _others(index // sentences, own, np.ones_like(index, bool)) >= tau
        struck = hub[index]
        at_random = [rng.permutation(struck.ravel()).reshape(struck.shape) for _ in range(20)]
        lost, lost_at_random = (
            np.mean([bridges & (_others(index // sentences, own, ~each) < tau) for each in masks])
            for masks in ([struck], at_random)
        )
        vectors = acts.sel(layer=layer).values.reshape(len(index), -1)
        dimension, duplicates = _two_nn(at, neighbors.attrs.get("metric", "cosine"))
        rows.append({
            "layer": int(layer), "intrinsic_dimension": dimension, "duplicates": duplicates,
            "anisotropy": _mean_cosine(vectors), "hubness": float(stats.skew(met)),
            "hubs": int(hub.sum()), "bridge": bridges.mean(),
            "hub_share": lost / max(bridges.mean(), 1e-12),
            "random_share": lost_at_random / max(bridges.mean(), 1e-12),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _others(met, own, counts):
    """Distinct other languages in each list, of the places that count."""
    met = np.where(counts & (met != own[:, None]), met, -1)
    met.sort(axis=1)
    new = np.diff(met, axis=1, prepend=-1) > 0
    return new.sum(axis=1)


def _two_nn(at, metric):
    from skdim.id import TwoNN

    distances = at["distance"].values[..., :2].reshape(-1, 2).astype(np.float64)
    if metric == "cosine":
        distances = np.sqrt(2 * distances)
    distinct = distances[:, 0] > 0
    if distinct.sum() < 10:
        raise ValueError(
            f"layer {int(at.layer)}: {distinct.sum()} sentences are at a distance from all "
            "others; the intrinsic dimension needs 10"
        )
    return float(TwoNN(dist=True).fit(distances[distinct]).dimension_), int((~distinct).sum())


def _mean_cosine(vectors):
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    n = len(unit)
    return float((np.square(unit.sum(0)).sum() - n) / (n * (n - 1)))
