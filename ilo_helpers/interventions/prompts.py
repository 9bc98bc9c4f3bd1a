"""Few-shot prompts that ask for a name's translation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from ..languages import language_table
from ..vocabulary.tokens import find_pieces

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

#: The columns of a table of prompts that hold text.
TEXTS = ("prefix", "query", "word", "answer")


def known_items(
    lexicon: pd.DataFrame, tokenizer: "PreTrainedTokenizerBase", kinds: Sequence[str]
) -> list[str]:
    """Items of these kinds whose English name is one token of the vocabulary (our choice).

    A name that a tokenizer was given a token for is frequent, and a model may know it.

    Parameters
    ----------
    lexicon : pandas.DataFrame
        Of :func:`ilo_helpers.vocabulary.lexicon.load_lexicon`, English among its languages.
    tokenizer : transformers.PreTrainedTokenizerBase
    kinds : list of str
        ``"territory"``, ``"language"``, ``"currency"``.

    Returns
    -------
    list of str
        In the lexicon's order.

    Raises
    ------
    ValueError
        If the lexicon lacks English.
    """
    if "eng_Latn" not in lexicon:
        raise ValueError("the lexicon lacks eng_Latn, by which known names are chosen: add it")
    of_kind = lexicon.index.str.split("/").str[0].isin(list(kinds))
    names = lexicon.loc[of_kind, "eng_Latn"]
    pieces = find_pieces(tokenizer, names)
    return [item for item, ids in zip(names.index, pieces, strict=True) if len(ids) == 1]


def askable(lexicon: pd.DataFrame, source: str, target: str, items: Sequence[str]) -> list[str]:
    """Those items that have a name in both languages, not spelled alike: copying is no answer.

    Parameters
    ----------
    lexicon : pandas.DataFrame
    source, target : str
        FLORES codes.
    items : list of str

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        For a language that the lexicon lacks, one and the same twice, or where no item is left.
    """
    for code in (source, target):
        if code not in lexicon:
            raise ValueError(f"no names in {code!r}; the lexicon has {', '.join(lexicon)}")
    if source == target:
        raise ValueError(f"{source} into itself is no translation: choose two languages")
    names = lexicon.loc[list(items), [source, target]].apply(lambda column: column.str.casefold())
    there = (names != "").all(axis=1) & (names[source] != names[target])
    if not there.any():
        raise ValueError(f"no concept in common: none of {len(names)} has names in both "
                         f"{source} and {target}")  # fmt: skip
    return list(names.index[there])


def translation_prompts(
    lexicon: pd.DataFrame, source: str, target: str, items: Sequence[str], shots: Sequence[str],
    count: int = 5,
) -> pd.DataFrame:  # fmt: skip
    """Prompts that show some translations and ask for another, a row an item.

    Each line is ``Deutsch: "Japan" - français: "Japon"``, each language called by its own name;
    the last stops before the answer. The form is that of Wendler et al. 2024, the names CLDR's.

    Parameters
    ----------
    lexicon : pandas.DataFrame
    source, target : str
        FLORES codes.
    items : list of str
        Asked about.
    shots : list of str
        Items to show; not asked about.
    count : int
        How many are shown: the first of ``shots`` that can be asked about in these languages.

    Returns
    -------
    pandas.DataFrame
        item, source, target, prefix (the shots), query, word (the source name) and answer.

    Raises
    ------
    ValueError
        As :func:`askable`, or if nothing is shown, or an item is both shown and asked about.
    """
    shots, asked = (askable(lexicon, source, target, each) for each in (shots, items))
    if both := sorted(set(shots) & set(asked)):
        raise ValueError(f"{both[0]} is both shown and asked about")
    own = language_table([source, target])["own_name"]
    lines = {item: f'{own[source]}: "{lexicon.loc[item, source]}" - {own[target]}: "'
             for item in [*shots, *asked]}  # fmt: skip
    prefix = "".join(f'{lines[item]}{lexicon.loc[item, target]}"\n' for item in shots[:count])
    names = lexicon.loc[asked]
    return pd.DataFrame({
        "item": asked, "source": source, "target": target, "prefix": prefix,
        "query": [lines[item] for item in asked], "word": names[source].to_numpy(),
        "answer": names[target].to_numpy(),
    })  # fmt: skip


def with_words(prompts: pd.DataFrame, words: Sequence[str]) -> pd.DataFrame:
    """The same prompts with other words to translate, whatever language these are in.

    Parameters
    ----------
    prompts : pandas.DataFrame
        Of :func:`translation_prompts`.
    words : list of str
        One a prompt.

    Returns
    -------
    pandas.DataFrame
        As ``prompts``, with query and word changed; the answers are those of before.
    """
    put_in = zip(prompts["query"], prompts["word"], words, strict=True)
    queries = [query.replace(f'"{old}"', f'"{new}"') for query, old, new in put_in]
    return prompts.assign(query=queries, word=list(words))
