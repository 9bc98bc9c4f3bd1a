"""Names and their translations, from CLDR: do token embeddings find the one from the other?"""

import numpy as np
import pandas as pd

from .languages import language_table
from .tasks import CLDR_LACKS, cldr_names
from .tokens import find_pieces

KINDS = ("territory", "language", "currency")
#: Names a pair of languages must have in common to be scored.
LEAST = 20


def load_lexicon(languages=None):
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
    columns = {
        code: {"/".join(key): name for key, name in cldr_names(code).items() if key[0] in KINDS}
        for code in chosen
    }
    return pd.DataFrame(columns).fillna("").sort_index().rename_axis("item")


def lexicon_pieces(tokenizer, lexicon):
    """Token ids of each name, as :func:`ilo_helpers.tokens.find_pieces` cuts it.

    Returns
    -------
    pandas.DataFrame
        Of the lexicon's shape; each cell a list of ids, empty where there is no name.
    """
    return lexicon.apply(lambda names: find_pieces(tokenizer, names))


def translation_retrieval(lexicon, pieces, rows, single=False, disjoint=False, at=(1, 5, 10)):
    """How often a name's translation is among the names nearest to it in another language.

    A name is the mean of its tokens' rows; nearest is by cosine among the names of the other
    language that are asked about. Left out: names spelled alike in both languages (copies), and
    those that two items share in the other language. Ties count against. Our definition.

    Parameters
    ----------
    lexicon, pieces : pandas.DataFrame
        Of :func:`load_lexicon` and :func:`lexicon_pieces`.
    rows : xarray.DataArray
        (token, hidden) with a coordinate ``id``; of length 1.
    single : bool
        Only names that are one token in both languages.
    disjoint : bool
        Only names that share no token with their translation: others may be found by spelling.
    at : tuple of int

    Returns
    -------
    pandas.DataFrame
        source, target (FLORES codes), their scripts, names (asked about), ``p@1`` … (0 to 1),
        ``chance@1`` …; pairs with fewer than ``LEAST`` names are left out, and
        ``attrs["pairs_left_out"]`` counts them.
    """
    vectors = {code: _means(rows, pieces[code]) for code in lexicon}
    folded = lexicon.apply(lambda names: names.str.casefold())
    length = pieces.map(len)
    usable = (length == 1) if single else (length > 0)
    script = language_table(list(lexicon))["script"]
    table, left_out = [], 0
    for source in lexicon:
        for target in lexicon.columns.drop(source):
            asked = usable[source] & usable[target] & (folded[source] != folded[target])
            asked &= ~folded[target].duplicated(keep=False)
            if single or disjoint:
                pairs = zip(pieces[source], pieces[target], strict=True)
                asked &= np.array([set(a).isdisjoint(b) for a, b in pairs])
            places = np.flatnonzero(asked)
            if len(places) < LEAST:
                left_out += 1
                continue
            score = vectors[source][places] @ vectors[target][places].T
            rank = (score >= np.diag(score)[:, None]).sum(1)  # 1: nothing else as near
            table.append(
                {"source": source, "target": target, "source_script": script[source],
                 "target_script": script[target], "names": len(places)}
                | {f"p@{n}": (rank <= n).mean() for n in at}
                | {f"chance@{n}": min(1, n / len(places)) for n in at}
            )  # fmt: skip
    found = pd.DataFrame(table)
    found.attrs["pairs_left_out"] = left_out
    return found


def _means(rows, pieces):
    """Mean of the rows of each name's tokens, of length 1; zero where there is no name."""
    matrix, known = rows.values, rows["id"].values
    means = np.zeros((len(pieces), matrix.shape[1]), np.float32)
    for place, ids in enumerate(pieces):
        if ids:
            means[place] = matrix[np.searchsorted(known, ids)].mean(0)
    return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
