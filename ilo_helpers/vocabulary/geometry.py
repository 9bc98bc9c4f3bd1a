"""Where tokens lie among the others: the Hyperpolyglot paper's measures of token embeddings."""

from collections.abc import Collection

import numpy as np
import pandas as pd
import xarray as xr

from .._search.knn import knn

#: The scripts the paper shows.
PAPER_SCRIPTS = (
    "LATIN CYRILLIC CJK ARABIC GREEK HIRAGANA THAI HEBREW HANGUL KATAKANA TAMIL GEORGIAN DEVANAGARI"
).split()
#: Labels of fewer tokens share one mean where means are taken away: of few rows, it would take
#: most of each away.
SMALLEST = 50
#: Folds of the classifiers, and parts of a ranking by frequency; both the paper's.
FOLDS = PARTS = 10


def unit_rows(embeddings: xr.DataArray, subtract: np.ndarray | None = None) -> xr.DataArray:
    """Token embeddings scaled to length 1, as the paper compares them.

    Parameters
    ----------
    embeddings : xarray.DataArray
        (token, hidden).
    subtract : array of str, optional
        A label a token: the mean of each label's unit rows is taken away, and what is left
        scaled to length 1 again (our analysis). Labels of fewer than :data:`SMALLEST` tokens
        share one mean. Default: nothing is.

    Returns
    -------
    xarray.DataArray
        float32.
    """
    rows = np.empty_like(embeddings.values)
    _scale(embeddings.values, rows)
    if subtract is not None:
        labels = pd.Series(np.asarray(subtract))
        labels = labels.where(labels.map(labels.value_counts()) >= SMALLEST, "")
        codes, names = pd.factorize(labels)
        means = np.stack([rows[codes == code].mean(0) for code in range(len(names))])
        _scale(rows, rows, means, codes)
    return embeddings.copy(data=rows)


def _scale(rows, out, means=None, codes=None):
    """Rows, less their label's mean, at length 1; some at a time: a table fits into no cache."""
    for start in range(0, len(rows), 1024):
        some = slice(start, start + 1024)
        part = rows[some] if means is None else rows[some] - means[codes[some]]
        np.divide(part, np.linalg.norm(part, axis=1, keepdims=True), out=out[some])


def separability(
    rows: np.ndarray, labels: np.ndarray | pd.Series, minimum: int = 500, most: int = 2000,
    seed: int = 150, only: Collection[str] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """How well a linear classifier tells each label from the rest.

    Logistic regression with scikit-learn's defaults; as many tokens of the rest, drawn at
    random, as of the label; accuracy in cross-validation. Source: Hyperpolyglot paper, figure 3.
    The cap on the tokens is ours, for time.

    Parameters
    ----------
    rows : array
        (tokens, hidden), of length 1 in the paper.
    labels : array of str
        A category a token.
    minimum : int
        Labels of fewer tokens are left out, and stay among the rest (the paper's 500).
    most : int
        Tokens of a label at most; of more, so many drawn at random.
    seed : int
        The paper's 150.
    only : collection of str, optional
        Labels asked about; the others stay among the rest. Default: all.

    Returns
    -------
    pandas.DataFrame
        label, tokens (of the label), used (of them), accuracy (mean over folds, 0 to 1; 0.5 is
        guessing), low and high (the least and the greatest of the folds); best first.

    Raises
    ------
    ValueError
        If fewer than two labels have enough tokens.
    """
    from joblib import parallel_config
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from threadpoolctl import threadpool_limits

    rows, labels = np.asarray(rows), np.asarray(labels)
    counts = pd.Series(labels).value_counts()
    enough = counts.index[counts >= minimum]
    if len(enough) < 2:
        raise ValueError(
            f"separability: {len(enough)} of {len(counts)} labels have {minimum} tokens or more, "
            "at least two must; take a smaller minimum or more tokens"
        )
    table = []
    for label in sorted(enough if only is None else enough.intersection(list(only))):
        rng = np.random.default_rng(seed)
        own, rest = np.flatnonzero(labels == label), np.flatnonzero(labels != label)
        size = min(len(own), len(rest), most)
        chosen = np.concatenate([rng.choice(part, size, replace=False) for part in (own, rest)])
        x, y = rows[chosen], labels[chosen] == label
        # a fold a thread: within products this small threads only wait for each other
        with threadpool_limits(1), parallel_config("threading", n_jobs=-1):
            accuracy = cross_val_score(LogisticRegression(), x, y, cv=FOLDS)
        spread = accuracy.min(), accuracy.max()
        table.append((label, len(own), size, accuracy.mean(), *spread))
    found = pd.DataFrame(table, columns=["label", "tokens", "used", "accuracy", "low", "high"])
    return found.sort_values("accuracy", ascending=False, ignore_index=True)


def token_neighbors(
    embeddings: xr.DataArray, ids: np.ndarray, k: int, progress: bool = True
) -> pd.DataFrame:
    """The k tokens nearest to some tokens by cosine; exact.

    Parameters
    ----------
    embeddings : xarray.DataArray
        (token, hidden) with a coordinate ``id``.
    ids : array of int
        Tokens wanted, in any order.
    k : int
    progress : bool
        Whether a bar counts them.

    Returns
    -------
    pandas.DataFrame
        Ids: a row a token wanted (index ``id``, sorted, each once), columns 0 to k: itself, then
        its neighbours, nearest first.

    Raises
    ------
    ValueError
        For an id the embeddings lack.
    """
    known, ids = embeddings["id"].values, np.unique(ids)
    places = pd.Index(known).get_indexer(ids)
    if (places < 0).any():
        raise ValueError(f"no token has the id {ids[places < 0][0]}; ids go up to {known.max()}")
    bar = "nearest tokens" if progress else None
    index, _ = knn(embeddings.values, k, rows=places, progress=bar)
    return pd.DataFrame(known[np.column_stack([places, index])], pd.Index(ids, name="id"))


def category_diversity(lists: pd.DataFrame, categories: pd.Series) -> pd.Series:
    """Number of distinct categories in each token's list of neighbours.

    Source: Hyperpolyglot paper, figure 5, whose published counts take the token itself for one
    of its 50 neighbours.

    Parameters
    ----------
    lists : pandas.DataFrame
        Of :func:`token_neighbors`, its columns 0 to 49 as in the paper.
    categories : pandas.Series
        Category by id.

    Returns
    -------
    pandas.Series
        int, by id; 1 to the length of a list.
    """
    found = categories.loc[lists.to_numpy().ravel()].to_numpy(object).reshape(lists.shape)
    return pd.DataFrame(found, lists.index).nunique(axis=1).rename("categories")


def neighbor_composition(lists: pd.DataFrame, categories: pd.Series) -> pd.DataFrame:
    """Mean number of neighbours of each category, by the category of the token.

    Source: Hyperpolyglot paper, figure 6. Parameters as in :func:`category_diversity`.

    Returns
    -------
    pandas.DataFrame
        A row a category of tokens, a column a category of neighbours; rows sum to the length of
        a list.
    """
    length = lists.shape[1]
    source = np.repeat(categories.loc[lists.index].values, length)
    found = categories.loc[lists.to_numpy().ravel()].values
    names = {"rownames": ["source"], "colnames": ["neighbor"]}
    return pd.crosstab(source, found, normalize="index", **names) * length


def by_frequency(counts: pd.Series, values: pd.Series, seed: int = 0) -> pd.DataFrame:
    """A measure of tokens by how frequent they are, in tenths by rank.

    Source: Hyperpolyglot paper, figure 9 (deciles of mC4's counts).

    Parameters
    ----------
    counts : pandas.Series
        Occurrences by id.
    values : pandas.Series
        The measure by id; tokens in both are used.
    seed : int
        Of the order of tokens equally frequent.

    Returns
    -------
    pandas.DataFrame
        part (1: the most frequent), tokens, least and greatest count, mean and sd of the measure.

    Raises
    ------
    ValueError
        If there are fewer than ten tokens.
    """
    table = pd.DataFrame({"count": counts, "value": values}).dropna()
    if len(table) < PARTS:
        raise ValueError(f"{len(table)} tokens cannot be cut into {PARTS} parts; take more")
    table = table.sample(frac=1, random_state=seed)
    table = table.sort_values("count", ascending=False, kind="stable")
    table["part"] = 1 + np.arange(len(table)) * PARTS // len(table)
    return table.groupby("part", as_index=False).agg(
        tokens=("value", "size"), least=("count", "min"), greatest=("count", "max"),
        mean=("value", "mean"), sd=("value", "std"),
    )  # fmt: skip
