"""Corpora and tasks as they should not be."""

import gzip
import unicodedata

import numpy as np
import pandas as pd
from cases import GOOD, Case, files

from ilo_helpers import load_corpus
from ilo_helpers.corpora import duplicate_sentences
from ilo_helpers.training.tasks import load_task

BOM = "\ufeff"
TASK = [(code, split, f"{split}{i}", f"text {i}", "ab"[i])
        for code in ("eng_Latn", "deu_Latn") for split in ("train", "dev", "test")
        for i in range(2)]  # fmt: skip
COLUMNS = ["language", "split", "id", "text", "label"]


def folder(what, contents, *told):
    """A folder of text files."""
    return Case("corpus", what, lambda at: load_corpus(files(at, contents)), told)


def other(what, german, *told):
    """A folder whose German file holds something else."""
    return folder(what, {**GOOD, "deu_Latn.txt": german}, *told)


def taken(what, german, wanted):
    """The same, where it is to be accepted: the German sentences, and those that come out."""

    def run(at):
        corpus = load_corpus(files(at, {**GOOD, "deu_Latn.txt": german}))
        return corpus["deu_Latn"].tolist(), wanted

    return Case("corpus", what, run)


def one_file(what, name, content, *told):
    """A corpus in one file."""
    return Case("corpus", what, lambda at: load_corpus(files(at, {name: content}) / name), told)


def table(what, frame, wanted=None, *told):
    """A corpus in one parquet file; what comes out, if it is accepted."""

    def run(at):
        frame.to_parquet(at / "table.parquet")
        return load_corpus(at / "table.parquet").to_numpy().tolist(), wanted

    return Case("corpus", what, run, told)


def argument(what, options, *told):
    """Good files, with some argument."""
    return Case("corpus", what, lambda at: load_corpus(files(at, GOOD), **options), told)


def chosen(what, options, wanted):
    """The same, where it is to be accepted: the table of sentences that comes out."""

    def run(at):
        corpus = load_corpus(files(at, GOOD), **options)
        return corpus.to_numpy().tolist(), wanted

    return Case("corpus", what, run)


def named(what, name, *told):
    """Not a corpus at all."""
    return Case("corpus", what, lambda _: load_corpus(name), told)


def _directory(at):
    (files(at, GOOD) / "deu_Latn.txt").unlink()
    (at / "mine/deu_Latn.txt").mkdir()
    return load_corpus(at / "mine")


def _dangling(at):
    (files(at, GOOD) / "fra_Latn.txt").symlink_to(at / "nowhere")
    return load_corpus(at / "mine")


def _duplicates(at):
    corpus = load_corpus(files(at, {**GOOD, "deu_Latn.txt": "eins\neins\n"}))
    return (corpus["deu_Latn"].tolist(), len(duplicate_sentences(corpus))), (["eins"] * 2, 2)


def _flores(**options):
    contents = {f"dev/{code}.dev": "a\nb\n" for code in ("eng_Latn", "deu_Latn")}
    return lambda at: load_corpus(
        files(at, contents), **{"languages": ["eng_Latn", "deu_Latn"], **options}
    )


WIDE = pd.DataFrame({"eng_Latn": ["a", "b"], "deu_Latn": ["c", "d"]})
BOTH = [["one", "eins"], ["two", "zwei"]]

ENCODINGS = [
    other("UTF-16 with a BOM", "eins\nzwei\n".encode("utf-16"), "deu_Latn.txt", "iconv -f utf-16"),
    other("UTF-16 without one", "eins\nzwei\n".encode("utf-16-le"), "deu_Latn.txt", "utf-16"),
    other("UTF-32", "eins\nzwei\n".encode("utf-32"), "deu_Latn.txt", "iconv -f utf-32"),
    other("Latin-1", "eins\nz\xe4hlen\n".encode("latin1"), "deu_Latn.txt, line 2", "latin1"),
    other("UTF-8 cut within a letter", "eins\nzä".encode()[:-1], "deu_Latn.txt, line 2", "UTF-8"),
    other("a gzip named like a text", gzip.compress(b"eins\nzwei\n"), "deu_Latn.txt", "gunzip"),
    folder("gzip beside the texts", {**GOOD, "fra_Latn.txt.gz": gzip.compress(b"un\ndeux\n")},
           "fra_Latn.txt.gz", "gunzip"),
    other("line ends of the old Mac", "eins\rzwei\r", "deu_Latn.txt, line 1", "carriage return"),
    other("a lone CR within a line", "ei\rns\nzwei\n", "deu_Latn.txt, line 1", "carriage return"),
    other("NUL in a line", "eins\nzw\0ei\n", "deu_Latn.txt, line 2", "U+0000"),
    taken("a BOM and Windows line ends", f"{BOM}eins\r\nzwei\r\n", ["eins", "zwei"]),
    taken("no line end after the last line", "eins\nzwei", ["eins", "zwei"]),
    taken("U+2028, U+0085 and a vertical tab within a line", "ei\u2028ns\u0085x\vy\nzwei\n",
          ["ei ns x y", "zwei"]),
    taken("right-to-left marks: text is kept letter for letter", "\u200feins\u202e\nzwei\n",
          ["\u200feins\u202e", "zwei"]),
    taken("mixed normalisation: text is kept letter for letter",
          "".join(unicodedata.normalize(form, "zähl\n") for form in ("NFC", "NFD")),
          ["z\u00e4hl", "za\u0308hl"]),
    taken("emoji, and letters outside the first plane", "😀\n𝔷wei\n", ["😀", "𝔷wei"]),
    taken("a line of 1 MB", "x" * 10**6 + "\nzwei\n", ["x" * 10**6, "zwei"]),
    Case("corpus", "duplicate lines: kept, and duplicate_sentences tells them", _duplicates),
    taken("a sentence that is a script", "<script>alert(1)</script>\nzwei\n",
          ["<script>alert(1)</script>", "zwei"]),
]  # fmt: skip
LINES = [
    other("an empty file", "", "deu_Latn has 0", "must match"),
    other("a line less", "eins\n", "deu_Latn has 1", "must match"),
    other("a line more", "eins\nzwei\ndrei\n", "eng_Latn has 2", "others 3", "must match"),
    other("an empty line", "eins\n\n", "deu_Latn, sentence 2", "fill it"),
    other("a line of white space", "eins\n \u00a0\t\n", "deu_Latn, sentence 2", "fill it"),
    folder("two empty files", {"eng_Latn.txt": "", "deu_Latn.txt": ""}, "'mine'", "no sentences"),
    folder("one language", {"eng_Latn.txt": "one\n"}, "eng_Latn", "at least 2"),
    folder("no language", {"notes.md": "one\n"}, "mine", "eng_Latn.txt"),
    folder("a language that there is not", {**GOOD, "xxx_Latm.txt": "a\nb\n"}, "'xxx_Latm'",
           "ISO 639-3", "languages=["),
    folder("a name by two letters", {**GOOD, "fr.txt": "un\ndeux\n"}, "'fr'", "'fra_Latn'"),
    folder("a file of notes among the texts", {**GOOD, "readme.txt": "x\ny\n"}, "'readme'",
           "languages=["),
    Case("corpus", "a directory named like a text", _directory, ("deu_Latn.txt", "a folder")),
    Case("corpus", "a link that leads nowhere", _dangling, ("fra_Latn.txt", "cannot be read")),
]  # fmt: skip
TABLES = [
    one_file("a table with a row too long", "t.csv", "eng_Latn,deu_Latn\na,b\nc,d,e\n",
             "t.csv", "line 3"),
    one_file("a table with a row too short", "t.csv", "eng_Latn,deu_Latn\na,b\nc\n",
             "deu_Latn, sentence 2", "fill it"),
    one_file("a quotation mark that never closes", "t.csv", 'eng_Latn,deu_Latn\n"a,b\nc,d\n',
             "t.csv", "row"),
    one_file("a table without a row", "t.csv", "eng_Latn,deu_Latn\n", "'t'", "no sentences"),
    one_file("an empty table", "t.csv", "", "t.csv", "empty"),
    one_file("a table with a column twice", "t.csv", "eng_Latn,deu_Latn,deu_Latn\na,b,c\n",
             "t.csv", "deu_Latn", "twice"),
    one_file("a table of another separator", "t.csv", "eng_Latn;deu_Latn\na;b\n",
             "eng_Latn;deu_Latn", "did you mean 'eng_Latn'"),
    one_file("a table with an id twice", "t.csv", "id,eng_Latn,deu_Latn\nx,a,b\nx,c,d\n",
             "'x'", "must differ"),
    one_file("a table with an empty id", "t.csv", "id,eng_Latn,deu_Latn\n,a,b\nx,c,d\n",
             "row 1", "empty"),
    one_file("a table in UTF-16", "t.tsv", "eng_Latn\tdeu_Latn\na\tb\n".encode("utf-16"),
             "t.tsv", "utf-16"),
    one_file("a table in Latin-1", "t.csv", "eng_Latn,deu_Latn\na,\xe4\n".encode("latin1"),
             "t.csv, line 2", "latin1"),
    one_file("NUL in a table", "t.csv", "eng_Latn,deu_Latn\na,b\0c\n", "t.csv, line 2", "U+0000"),
    one_file("a file of another kind", "t.xlsx", "x", "t.xlsx", ".parquet"),
    one_file("a packed table", "t.csv.gz", gzip.compress(b"eng_Latn,deu_Latn\na,b\n"), "t.csv.gz",
             "gunzip"),
    one_file("a file without an ending", "corpus", "x", "corpus", ".parquet"),
    one_file("a parquet that is none", "t.parquet", "x" * 100, "t.parquet", "cannot be read"),
    table("numbers in a table", WIDE.assign(deu_Latn=[1, 2]), None, "deu_Latn, sentence 1",
          "1, not text"),
    table("a number among texts", pd.DataFrame({"eng_Latn": ["a", "b"], "deu_Latn": [1.5, np.nan]}),
          None, "deu_Latn, sentence 1", "1.5, not text"),
    table("lists in a table", WIDE.assign(deu_Latn=[["c"], ["d"]]), None, "deu_Latn, sentence 1",
          "not text"),
    table("a missing value in a table", WIDE.assign(deu_Latn=["c", None]), None,
          "deu_Latn, sentence 2", "fill it"),
    table("ids that are numbers", WIDE.assign(id=[7, 8]), [["a", "c"], ["b", "d"]]),
]  # fmt: skip
ARGUMENTS = [
    argument("languages: a string", {"languages": "eng_Latn"}, "'eng_Latn'", "pass a list"),
    argument("languages: an empty list", {"languages": []}, "languages", "empty"),
    argument("languages: one", {"languages": ["eng_Latn"]}, "eng_Latn", "at least 2"),
    argument("languages: one of them twice", {"languages": ["eng_Latn", "deu_Latn", "eng_Latn"]},
             "eng_Latn", "twice"),
    argument("languages: a number", {"languages": 2}, "languages", "2", "list"),
    argument("languages: a list of numbers", {"languages": [1, 2]}, "1", "eng_Latn"),
    argument("languages: None among them", {"languages": ["eng_Latn", None]}, "None", "eng_Latn"),
    argument("languages: a name", {"languages": ["English", "German"]}, "'English'", "'eng_Latn'"),
    argument("languages: one that is not there", {"languages": ["eng_Latn", "tha_Thai"]},
             "tha_Thai", "deu_Latn"),
    argument("languages: another place", {"languages": ["../eng_Latn", "deu_Latn"]},
             "'../eng_Latn'", "'eng_Latn'"),
    chosen("languages: a tuple", {"languages": ("eng_Latn", "deu_Latn")}, BOTH),
    chosen("languages: an array", {"languages": np.array(["eng_Latn", "deu_Latn"])}, BOTH),
    chosen("languages: an index", {"languages": pd.Index(["eng_Latn", "deu_Latn"])}, BOTH),
    argument("sentences: 0", {"sentences": 0}, "sentences = 0", "from 1 to 2"),
    argument("sentences: negative", {"sentences": -1}, "sentences = -1", "from 1 to 2"),
    argument("sentences: too many", {"sentences": 3}, "sentences = 3", "from 1 to 2"),
    argument("sentences: a fraction", {"sentences": 1.5}, "sentences = 1.5", "whole number"),
    argument("sentences: a string", {"sentences": "12"}, "sentences", "'12'", "list"),
    argument("sentences: True", {"sentences": True}, "sentences = True", "whole number"),
    argument("sentences: NaN", {"sentences": float("nan")}, "sentences = nan", "whole number"),
    argument("sentences: an empty list", {"sentences": []}, "sentences", "empty"),
    argument("sentences: an id twice", {"sentences": ["1", "1"]}, "sentences", "'1'", "twice"),
    argument("sentences: an id that is not there", {"sentences": ["1", "x"]}, "'x'", "'1', '2'"),
    argument("sentences: a number for an id", {"sentences": [1]}, "1", "'1', '2'"),
    chosen("sentences: numpy.int64", {"sentences": np.int64(1)}, BOTH[:1]),
    chosen("sentences: a tuple of ids", {"sentences": ("2",)}, BOTH[1:]),
    chosen("sentences: an array of ids", {"sentences": np.array(["2", "1"])}, BOTH[::-1]),
    argument("a split of a corpus that has none", {"split": "dev"}, "'dev'", "leave split out"),
    Case("corpus", "a split that is another place", _flores(split="../dev"),
         ("split", "'../dev'")),
    Case("corpus", "a split that is the folder above, another place", _flores(split=".."),
         ("split", "'..'")),
    Case("corpus", "a split that is not there", _flores(split="test"), ("test", "dev")),
    Case("corpus", "a split that is a number", _flores(split=1), ("split", "1")),
    argument("white space: a word", {"normalize_whitespace": "no"}, "normalize_whitespace", "'no'",
             "True or False"),
    named("a typing error in a name", "flores20", "'flores20'", "did you mean 'flores200'"),
    named("an empty name", "", "''", "'udhr'"),
    named("None for a corpus", None, "None", "'udhr'"),
    named("a number for a corpus", 7, "7", "'udhr'"),
    named("a list for a corpus", ["eng_Latn", "deu_Latn"], "['eng_Latn'", "one name"),
    named("a table for a corpus", WIDE, "DataFrame", "one name"),
    named("a folder that is not there", "no/such/folder", "'no/such/folder'", "folder or file"),
]  # fmt: skip


# -- tasks --------------------------------------------------------------------------------


def task(what, change, *told):
    """A task in one .csv, changed by a function of its table."""

    def run(at):
        change(pd.DataFrame(TASK, columns=COLUMNS)).to_csv(at / "task.csv", index=False)
        return load_task(at / "task.csv")

    return Case("task", what, run, told)


def cell(column, value, row=0):
    """Such a change of one cell."""

    def change(frame):
        frame.loc[row, column] = value
        return frame

    return change


def task_file(what, name, content, *told):
    """A task in a file made by hand."""
    return Case("task", what, lambda at: load_task(files(at, {name: content}) / name), told)


def task_argument(what, name, options, *told):
    return Case("task", what, lambda _: load_task(name, **options), told)


def _sib(change):
    """A folder in SIB-200's layout, changed by a function of it."""

    def run(at):
        rows = {split: f"index_id\tcategory\ttext\n{i}\ta\tx\n"
                for i, split in enumerate(("train", "dev", "test"))}  # fmt: skip
        contents = {f"{code}/{split}.tsv": text for code in ("eng_Latn", "deu_Latn")
                    for split, text in rows.items()}  # fmt: skip
        root = files(at, contents)
        change(root)
        return load_task(root)

    return run


def _numbers(at):
    frame = pd.DataFrame(TASK, columns=COLUMNS).assign(label=[1, 2] * 6)
    frame.to_csv(at / "task.csv", index=False)
    return load_task(at / "task.csv")["label"].tolist(), ["1", "2"] * 6


def _directory_for_split(root):
    (root / "deu_Latn/dev.tsv").unlink()
    (root / "deu_Latn/dev.tsv").mkdir()


HEAD = ",".join(COLUMNS) + "\n"
TASKS = [
    task("a column less", lambda t: t.drop(columns="label"), "'task'", "no column label"),
    task("an empty text", cell("text", " "), "row 1", "text is empty"),
    task("a split of another name", cell("split", "valid"), "valid", "dev"),
    task("no test split", lambda t: t[t["split"] != "test"], "test", "empty"),
    task("a split that one language lacks",
         lambda t: t[(t["split"] != "dev") | (t["language"] == "eng_Latn")], "dev", "deu_Latn"),
    task("an id in two splits", cell("id", "test0"), "'test0'", "two splits"),
    task("an id with two labels", cell("label", "b"), "'train0'", "two labels"),
    task("an id twice in a language", lambda t: pd.concat([t, t.iloc[:1]]), "'train0'", "eng_Latn",
         "twice"),
    task("a label that is not trained", lambda t: t.replace({"label": {"b": "c"}})
         .drop(index=[1, 7]), "'c'", "train"),
    task("a language that there is not", cell("language", "engl_Latn"), "'engl_Latn'",
         "'eng_Latn'"),
    task("NUL in a text", cell("text", "a\0b"), "task.csv, line 2", "U+0000"),
    task("no row", lambda t: t.iloc[:0], "'task'", "no rows"),
    task_file("an empty file", "t.csv", "", "t.csv", "empty"),
    task_file("a row too long", "t.csv", HEAD + "eng_Latn,train,1,a,b,c,d\n", "t.csv", "cannot"),
    task_file("Latin-1", "t.csv", (HEAD + "eng_Latn,train,1,\xe4,a\n").encode("latin1"),
              "t.csv, line 2", "latin1"),
    task_file("UTF-16", "t.csv", HEAD.encode("utf-16"), "t.csv", "utf-16"),
    task_file("another kind of file", "t.json", "[]", "t.json", ".csv"),
    Case("task", "a file that a folder lacks", _sib(lambda at: (at / "deu_Latn/dev.tsv").unlink()),
         ("deu_Latn/dev.tsv", "languages=[", "fetch it again")),
    Case("task", "a directory named like a file", _sib(_directory_for_split),
         ("dev.tsv", "folder")),
    Case("task", "a file without the columns",
         _sib(lambda at: (at / "deu_Latn/dev.tsv").write_text("id\ttext\n1\tx\n")),
         ("deu_Latn/dev.tsv", "category")),
    Case("task", "labels that are numbers", _numbers),
    task_argument("a typing error in a name", "clddr", {}, "'clddr'", "did you mean 'cldr'"),
    task_argument("None for a task", None, {}, "None", "'cldr'"),
    task_argument("languages: a string", "cldr", {"languages": "eng_Latn"}, "'eng_Latn'",
                  "pass a list"),
    task_argument("languages: an empty list", "cldr", {"languages": []}, "languages", "empty"),
    task_argument("languages: one of them twice", "cldr", {"languages": ["eng_Latn"] * 2},
                  "eng_Latn", "twice"),
    task_argument("languages: one that the task lacks", "cldr",
                  {"languages": ["eng_Latn", "ban_Latn"]}, "ban_Latn", "swe_Latn"),
]  # fmt: skip

CASES = [*ENCODINGS, *LINES, *TABLES, *ARGUMENTS, *TASKS]
