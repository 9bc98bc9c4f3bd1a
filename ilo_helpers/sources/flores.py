"""FLORES-200, from a local copy or the hub."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from ..languages import ALL, is_code, language_table, paper_order
from .texts import CORPORA, Text, check_there, read_lines, read_table

#: Hub repositories: the column of the text, and codes that are named otherwise there.
HUB = {
    "facebook/flores": ("sentence", {}),
    "openlanguagedata/flores_plus": ("text", {"zho_Hans": "cmn_Hans", "tgl_Latn": "fil_Latn"}),
}
LICENCE = "CC BY-SA 4.0 (NLLB Team, Meta AI; FLORES+: Open Language Data Initiative)"


def all_languages(split: str | None) -> list[str]:
    """Codes in the folder named by ``$FLORES_DIR``, otherwise on the hub, the paper's first."""
    if folder := os.environ.get("FLORES_DIR"):
        return paper_order(_files(Path(folder), split))
    return _on_hub("facebook/flores")


@CORPORA.add("flores200", everything=all_languages)
def read_flores200(languages: Sequence[str] | None, split: str | None) -> Text:
    """The folder named by ``$FLORES_DIR``; otherwise the hub's ``facebook/flores``."""
    if folder := os.environ.get("FLORES_DIR"):
        return read_layout(Path(folder), languages, split)
    return _read_hub("facebook/flores", languages, split)


@CORPORA.add("facebook/flores", everything=lambda _: _on_hub("facebook/flores"))
def read_facebook(languages: Sequence[str] | None, split: str | None) -> Text:
    """The hub's ``facebook/flores``."""
    return _read_hub("facebook/flores", languages, split)


@CORPORA.add(
    "openlanguagedata/flores_plus", everything=lambda _: _on_hub("openlanguagedata/flores_plus")
)
def read_flores_plus(languages: Sequence[str] | None, split: str | None) -> Text:
    """The hub's ``openlanguagedata/flores_plus``, which is gated."""
    return _read_hub("openlanguagedata/flores_plus", languages, split)


def read_layout(root: Path, languages: Sequence[str] | str | None, split: str | None) -> Text:
    """A folder in the official layout, ``<root>/<split>/<code>.<split>``.

    Its ``metadata_<split>.tsv``, if it is there, names the web page of each sentence.
    """
    files = _files(root, split)
    split = split or "dev"
    wanted = list(language_table().index) if languages is None else languages
    wanted = paper_order(files) if languages == ALL else wanted
    check_there("flores200", wanted, files)
    columns = {code: read_lines("flores200", files[code]) for code in wanted}
    pages = root / f"metadata_{split}.tsv"
    documents = None
    if pages.exists():
        table = read_table("corpus 'flores200'", pages, "\t", csv.QUOTE_NONE)
        documents = table["URL"].tolist()
    return _text(columns, f"local copy, split {split}", split, documents)


def _files(root, split):
    """Files of a split by code."""
    split = split or "dev"
    files = {path.stem: path for path in sorted((root / split).glob(f"*.{split}"))}
    if not files:
        there = sorted(path.name for path in root.glob("*") if path.is_dir())
        raise ValueError(
            f"corpus 'flores200': no files {root / split / ('*.' + split)}; "
            f"folders here: {', '.join(there) or 'none'} (pass split=…)"
        )
    return files


def _on_hub(repository):
    """Codes of a repository's configurations, by the names that they have in FLORES-200."""
    from datasets import get_dataset_config_names

    ours = {there: code for code, there in HUB[repository][1].items()}
    # there are also "all" and, of facebook/flores, pairs of languages
    single = (name for name in get_dataset_config_names(repository) if is_code(name))
    return paper_order(ours.get(name, name) for name in single)


def _text(columns, source, split, documents):
    return Text(
        columns, f"flores200-{split}", f"FLORES-200, {source}", LICENCE,
        list(language_table().index), "its makers ask that it not be re-hosted as plain text",
        documents=documents,
    )  # fmt: skip


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
    page = next((name for name in ("URL", "url") if name in table.column_names), None)
    documents = list(table[page]) if page else None  # the same in all languages
    return _text(columns, f"hub {repository}, split {split}", split, documents)
