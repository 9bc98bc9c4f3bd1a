"""Names and their translations, from CLDR: do token embeddings find the one from the other?"""

import itertools
import os
from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import gammaln

from ..keep.paths import PACKAGE
from ..languages import language_table
from ..sources.cldr import CLDR_LACKS, cldr_names
from .tokens import MARK

KINDS = ("territory", "language", "currency")
READINGS = ("one token", "mean of the pieces", "no piece in common")
#: Ranks up to which a translation counts as found.
RANKS = (1, 5, 10)


def load_lexicon(languages: Sequence[str] | None = None) -> pd.DataFrame:
    """Names of territories, languages and currencies, as CLDR has them.

    Parameters
    ----------
    languages : list of str, optional
        FLORES codes; those that CLDR lacks are left out, as are those outside the paper's 31.
        Default: all.

    Returns
    -------
    pandas.DataFrame
        Index item (``territory/JP``), a column a language; empty where it has no such name.

    Raises
    ------
    ValueError
        If fewer than two of the languages have names.
    """
    there = [code for code in language_table().index if code not in CLDR_LACKS]
    chosen = [code for code in there if languages is None or code in languages]
    if len(chosen) < 2:
        raise ValueError(f"a lexicon needs two languages; CLDR has names in {', '.join(there)}")
    names = pd.DataFrame({code: pd.Series(cldr_names(code)) for code in chosen}).loc[list(KINDS)]
    names.index = names.index.map("/".join)
    return names.fillna("").sort_index().rename_axis("item")


def translation_retrieval(
    lexicon: pd.DataFrame, pieces: pd.DataFrame, rows: xr.DataArray, spelling: pd.Series,
    pool: int = 20,
) -> pd.DataFrame:  # fmt: skip
    """How often a name's translation is among the names nearest to it in another language.

    A name is the mean of its tokens' rows; nearest is by cosine among the names of the other
    language that are asked about. Left out: names spelled alike in both languages (copies), and
    those that two items share in the other language. Ties count against. Pairs of languages
    share more names or fewer, and few candidates are easily ranked; so the precision given is
    that expected if the candidates were the translation and pool − 1 of the others, drawn at
    random (hypergeometric, exact). Our definition.

    Three readings: ``"one token"``, only names that are one token in both languages, not the
    same one; ``"mean of the pieces"``, all; ``"no piece in common"``, only names that share no
    token with their translation, case and the mark for a space disregarded, for others may be
    found by their spelling.

    Parameters
    ----------
    lexicon : pandas.DataFrame
        Of :func:`load_lexicon`.
    pieces : pandas.DataFrame
        Of its shape, each cell a list of token ids, empty where there is no name: column by
        column :func:`ilo_helpers.vocabulary.tokens.find_pieces`.
    rows : xarray.DataArray
        (token, hidden) with a coordinate ``id``; of length 1.
    spelling : pandas.Series
        Text of each token by id.
    pool : int
        Candidates a name is ranked among.

    Returns
    -------
    pandas.DataFrame
        source, target (FLORES codes), their scripts, names (asked about), ``p@1``, ``p@5`` and
        ``p@10`` (0 to 1; by chance n / pool) and reading, a row a reading and pair; pairs with
        fewer than ``pool`` names are left out.
    """
    vectors = {code: _means(rows, pieces[code]) for code in lexicon}
    folded = lexicon.apply(lambda names: names.str.casefold())
    once = {code: ~names.duplicated(keep=False).to_numpy() for code, names in folded.items()}
    spelt = {code: names.to_numpy(object) for code, names in folded.items()}
    length = {code: cells.map(len).to_numpy() for code, cells in pieces.items()}
    same = {code: cells.map(frozenset) for code, cells in pieces.items()}
    known = spelling.loc[sorted(frozenset().union(*itertools.chain(*same.values())))]
    plain = known.str.replace(MARK, "").str.casefold().to_dict()
    alike = {
        code: [frozenset(plain[place] for place in ids) for ids in cells]
        for code, cells in same.items()
    }
    script = language_table(list(lexicon))["script"].to_dict()
    table = []
    for a, b in itertools.combinations(lexicon, 2):
        places = np.flatnonzero((length[a] > 0) & (length[b] > 0) & (spelt[a] != spelt[b]))
        score = vectors[a][places] @ vectors[b][places].T
        single = (length[a] == 1) & (length[b] == 1) & _disjoint(same[a], same[b])
        names = np.array([single, length[a] > 0, _disjoint(alike[a], alike[b])])[:, places]
        for source, target, nearness in ((a, b, score), (b, a, np.ascontiguousarray(score.T))):
            chosen = names & once[target][places]
            nearer = (nearness >= score.diagonal()[:, None]).astype(np.float32)
            ranks = chosen.astype(np.float32) @ nearer.T  # one candidate is the translation
            for reading, asked, rank in zip(READINGS, chosen, ranks, strict=True):
                if asked.sum() >= pool:
                    told = (source, target, script[source], script[target], asked.sum())
                    table.append((*told, *_expected_precision(rank[asked], pool), reading))
    columns = ["source", "target", "source_script", "target_script", "names"]
    found = pd.DataFrame(table, columns=[*columns, *(f"p@{n}" for n in RANKS), "reading"])
    order = {each: place for place, each in enumerate([*READINGS, *lexicon])}
    return found.sort_values(["reading", "source", "target"], key=lambda part: part.map(order))


def _disjoint(some, others):
    """Of each row, whether its two sets have nothing in common."""
    return np.fromiter(map(frozenset.isdisjoint, some, others), bool, len(some))


def _expected_precision(rank, pool):
    """Precision if pool − 1 of the other candidates, drawn at random, are ranked too."""
    others, drawn = len(rank) - 1, pool - 1
    each, times = np.unique(rank.astype(float), return_counts=True)
    nearer = each[:, None] - 1
    met = np.arange(max(RANKS))  # how many of those drawn are nearer than the translation
    # hypergeometric, by logarithms: scipy.stats' takes minutes for so many
    ways = _log_choose(nearer, met) + _log_choose(others - nearer, drawn - met)
    chance = np.exp(ways - _log_choose(others, drawn)).cumsum(axis=1)
    return (times @ chance / len(rank))[np.array(RANKS) - 1]


def _log_choose(n, k):
    """Logarithm of the number of ways to choose; −∞ where there is none."""
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def _means(rows, pieces):
    """Mean of the rows of each name's tokens, of length 1; zero where there is no name."""
    matrix, known = rows.values, rows["id"].values
    means = np.zeros((len(pieces), matrix.shape[1]), np.float32)
    for place, ids in enumerate(pieces):
        if ids:
            means[place] = matrix[np.searchsorted(known, ids)].mean(0)
    return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)


def gloss(pieces: Sequence[str], own: str | os.PathLike | None = None) -> pd.DataFrame:
    """What tokens mean in English, and in which language, where known.

    Parameters
    ----------
    pieces : list of str
        Tokens as text; case and the mark for a space are disregarded.
    own : path, optional
        A CSV of your own glosses with columns piece, language and gloss; it comes first, then
        ``glosses.csv`` (by hand, for the neighbours of the paper's words in the two packaged
        models), then the names of :func:`load_lexicon`.

    Returns
    -------
    pandas.DataFrame
        language and gloss (str), a row a piece; empty where not known. A name that several
        languages spell alike is tagged with the first, in the paper's order.
    """
    lexicon = load_lexicon()
    names = lexicon.melt(var_name="language", value_name="piece", ignore_index=False)
    names["language"] = names["language"].map(language_table(list(lexicon))["name"])
    names["gloss"] = lexicon["eng_Latn"].loc[names.index].values
    files = [path for path in (own, PACKAGE / "vocabulary" / "glosses.csv") if path]
    tables = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in files]
    known = pd.concat([*tables, names[names["piece"] != ""]])
    known = known.set_index(known["piece"].str.casefold())[["language", "gloss"]]
    wanted = [piece.replace(MARK, "").casefold() for piece in pieces]
    return known[~known.index.duplicated()].reindex(wanted, fill_value="").reset_index(drop=True)
