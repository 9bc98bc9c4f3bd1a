import pandas as pd
import pytest

from ilo_helpers.sources.cldr import CLDR_LACKS
from ilo_helpers.training.objectives import label_words
from ilo_helpers.training.tasks import COLUMNS, TASKS, draw_items, load_task, same_as_english


def test_cldr_is_the_same_items_in_27_languages():
    task = load_task("cldr")
    assert list(task.columns) == COLUMNS and task["language"].nunique() == 27
    assert not set(CLDR_LACKS) & set(task["language"])
    items = task.groupby("language")["id"].apply(set)
    assert all(each == items.iloc[0] for each in items)
    assert task.groupby("id")[["split", "label"]].nunique().max().tolist() == [1, 1]
    assert set(task["label"]) == {"territory", "language", "currency", "script", "unit"}
    english = task[task["language"] == "eng_Latn"].set_index("id")["text"]
    assert english["currency/TND"] == "Tunisian Dinar"
    german = task[task["language"] == "deu_Latn"].set_index("id")["text"]
    assert german["currency/TND"] == "Tunesischer Dinar"


def test_no_name_has_two_labels():
    task = load_task("cldr")
    names = task.assign(text=task["text"].str.casefold()).groupby(["language", "text"])["label"]
    assert names.nunique().max() == 1


def test_copies_of_english_are_flagged():
    task = load_task("cldr")
    same = same_as_english(task)
    assert same[task["language"] == "tgl_Latn"].mean() > 0.5
    assert not same[task["language"].isin(["eng_Latn", "tel_Telu", "jpn_Jpan"])].any()


def rows(*changes):
    table = pd.DataFrame(
        [(c, s, f"{s}{i}", f"{c} {s} {i}", "ab"[i]) for c in ("eng_Latn", "deu_Latn")
         for s in ("train", "dev", "test") for i in range(2)], columns=COLUMNS,
    )  # fmt: skip
    for row, column, value in changes:
        table.loc[row, column] = value
    return table


def test_own_file_and_sib200_layout(tmp_path):
    rows().to_csv(tmp_path / "mine.csv", index=False)
    task = load_task(tmp_path / "mine.csv", languages=["deu_Latn"])
    assert len(task) == 6 and task.attrs["name"] == "mine"
    for code in ("eng_Latn", "deu_Latn"):
        (tmp_path / "sib" / code).mkdir(parents=True)
        for split in ("train", "dev", "test"):
            (tmp_path / "sib" / code / f"{split}.tsv").write_text(
                f'index_id\tcategory\ttext\n{split}1\tsports\tA "lone quote\n'
            )
    task = load_task(tmp_path / "sib")
    assert task.iloc[0].tolist() == ["eng_Latn", "train", "train1", 'A "lone quote', "sports"]
    (tmp_path / "sib" / "deu_Latn" / "dev.tsv").unlink()
    with pytest.raises(ValueError, match="no deu_Latn/dev.tsv"):
        load_task(tmp_path / "sib")


BAD = {
    "empty": ([(3, "text", " ")], "row 4: column text is empty"),
    "code": ([(0, "language", "engl_Latn")], "'engl_Latn'; did you mean 'eng_Latn'"),
    "split": ([(0, "split", "valid")], "split valid; use"),
    "leak": ([(0, "id", "test0")], "id 'test0' is in two splits"),
    "label": ([(4, "label", "c"), (10, "label", "c")], r"label \['c'\] is not in the train split"),
    "none": ([(i, "split", "dev") for i in (4, 5)], r"split test is empty in \['eng_Latn'\]"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_name_the_place(case, tmp_path):
    changes, message = BAD[case]
    rows(*changes).to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(ValueError, match=message):
        load_task(tmp_path / "bad.csv")


def test_bad_names(tmp_path):
    rows().drop(columns="label").to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(ValueError, match="no column label"):
        load_task(tmp_path / "bad.csv")
    with pytest.raises(ValueError, match="neither 'cldr', 'sib200'"):
        load_task("nothing")
    with pytest.raises(
        ValueError, match="'cldr' has no language ban_Latn; there are swe_Latn, nld"
    ):
        load_task("cldr", languages=["eng_Latn", "ban_Latn"])
    with pytest.raises(ValueError, match="'engl_Latn'; did you mean 'eng_Latn'"):
        load_task("cldr", languages=["engl_Latn"])


def test_the_text_decides_the_fingerprint():
    whole, part = load_task("cldr"), load_task("cldr", languages=["deu_Latn", "eng_Latn"])
    assert part["language"].unique().tolist() == ["eng_Latn", "deu_Latn"]  # the paper's order
    assert set(map(tuple, part.to_numpy())) < set(map(tuple, whole.to_numpy()))
    assert whole.attrs["fingerprint"] == "cd07d7bcc32ad09a" != part.attrs["fingerprint"]


def test_items_are_drawn_alike_in_every_language():
    whole = load_task("cldr", languages=["eng_Latn", "deu_Latn"])
    drawn = draw_items(whole, 20)
    test = drawn[drawn["split"] == "test"]
    assert test.groupby("id")["language"].nunique().eq(2).all() and test["id"].nunique() == 20
    rest = whole[whole["split"] != "test"]
    pd.testing.assert_frame_equal(drawn[drawn["split"] != "test"], rest)
    pd.testing.assert_frame_equal(draw_items(whole, 20), drawn)
    assert draw_items(whole, 1000).equals(whole) and draw_items(whole, None).equals(whole)
    assert draw_items(whole, 3, "train").query("split == 'train'")["id"].nunique() == 3


def test_a_task_of_your_own(monkeypatch):
    words = {"deu_Latn": {"cue": "Art", "a": "eins", "b": "zwei"}}

    def mine(languages):
        return rows(), {"source": "made here", "licence": "none", "words": words}

    monkeypatch.setitem(TASKS, "mine", mine)
    task = load_task("mine", languages=["deu_Latn"])
    assert len(task) == 6 and set(task["language"]) == {"deu_Latn"}
    assert task.attrs["name"] == "mine" and task.attrs["licence"] == "none"
    assert label_words(task, "deu_Latn") == words["deu_Latn"]
    with pytest.raises(ValueError, match="no words in eng_Latn for cue, a, b: pass words="):
        label_words(task)
