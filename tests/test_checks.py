import nbformat
import pandas as pd
import pytest

from ilo_helpers import reproduce, save_table
from ilo_helpers.keep.captions import Caption
from ilo_helpers.keep.checks import compare_folders, compare_tables, same_but_for_rounding
from ilo_helpers.keep.figures import TOLERANCE

SCORES = pd.DataFrame({"layer": [0, 1, 2], "language": ["a", "b", "c"], "ilo": [0.1, 0.2, None]})


def test_a_number_within_the_tolerance_has_not_moved():
    assert TOLERANCE == 0.03
    assert compare_tables(SCORES, SCORES.assign(ilo=[0.1, 0.229, None]), "03_groups").empty
    found = compare_tables(SCORES, SCORES.assign(ilo=[0.1, 0.24, None]), "03_groups")
    assert found.to_dict("records") == [
        {"table": "03_groups", "column": "ilo", "row": 1, "kept": 0.2, "made": 0.24}
    ]
    assert compare_tables(SCORES, SCORES.assign(ilo=[0.1, 0.24, None]), "03_groups", 0.1).empty
    lost = compare_tables(SCORES, SCORES.assign(ilo=[0.1, None, None]), "03_groups")
    assert lost["row"].tolist() == [1]  # a number that became none has moved


def test_words_are_compared_and_maps_are_not():
    other = compare_tables(SCORES, SCORES.assign(language=["a", "x", "c"]), "03_groups")
    assert other[["column", "kept", "made"]].to_numpy().tolist() == [["language", "b", "x"]]
    assert compare_tables(SCORES, SCORES.assign(ilo=9.0), "03_maps_family", None).empty
    word = compare_tables(SCORES, SCORES.assign(language="x"), "03_maps_family", None)
    assert word["row"].tolist() == [0, 1, 2]
    shape = compare_tables(SCORES, SCORES.iloc[:2], "03_maps_family", None)
    assert shape["column"].tolist() == ["shape"]


@pytest.mark.parametrize(
    ("column", "value", "same"),
    [
        ("loss", 5.56984, True), ("loss", 5.56974, False),  # 2e-6 and 2e-5 of it
        ("share", 0.00341727, True), ("share", 0.00342, False),  # against 0.0975 beside it
        ("share", 0.0, False), ("share", None, False),
        ("tokens", 9_400_001, False),  # a whole number is exact
        ("belongs", False, False), ("language", "b", False),
    ],
)  # fmt: skip
def test_rounding_is_the_last_of_six_digits(column, value, same):
    table = pd.DataFrame({
        "language": ["a", "c"], "loss": [5.56985, 300.0], "share": [0.00341733, 0.0975],
        "tokens": [9_400_000, 1], "belongs": [True, False],
    })  # fmt: skip
    other = table.copy()
    other[column] = [value, table[column][1]]
    assert same_but_for_rounding(table, table.copy())
    assert same_but_for_rounding(table, other) is same
    assert not same_but_for_rounding(table, table.drop(columns="loss"))
    assert not same_but_for_rounding(table, table.iloc[:1])


def test_what_is_true_or_false_is_compared_as_a_word():
    table = pd.DataFrame({"belongs": [True, False]})
    for tolerance in (0.03, None):
        found = compare_tables(table, ~table, "10_scores", tolerance)
        assert found["row"].tolist() == [0, 1]


def test_folders_need_a_table_in_common(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "made").mkdir()
    with pytest.raises(ValueError, match="nothing to compare"):
        compare_folders(tmp_path / "kept", tmp_path / "made")


def test_folders_are_compared_by_the_tolerance_each_table_was_saved_with(tmp_path):
    kept, made, caption = tmp_path / "kept", tmp_path / "made", Caption("m", "c")
    for name, moved, rule in (
        ("03_groups", 0.9, {}),  # a table without a rule of its own has the strictest
        ("03_maps", 0.9, {"tolerance": None}),
        ("05_gains", 0.05, {"tolerance": 0.1}),
        ("06_tokens", 0.05, {"tolerance": 0.03}),
    ):
        save_table(name, SCORES, caption, kept)
        save_table(name, SCORES.assign(ilo=SCORES["ilo"] + moved), caption, made, **rule)
    save_table("07_only_here", SCORES, caption, kept)
    checked, moved = compare_folders(kept, made)
    assert checked.drop(columns="greatest").astype(object).where(checked.notna(), None).to_numpy(
    ).tolist() == [
        ["03_groups", 6, 0.03, 2], ["03_maps", 0, None, 0], ["05_gains", 6, 0.1, 0],
        ["06_tokens", 6, 0.03, 2],
    ]  # fmt: skip
    assert checked["greatest"].tolist() == pytest.approx([0.9, 0.9, 0.05, 0.05])
    assert moved["table"].tolist() == ["03_groups"] * 2 + ["06_tokens"] * 2


def test_check_command_finds_a_number_that_moved(tmp_path, data, monkeypatch, capsys):
    source = (
        "import pandas as pd\nfrom ilo_helpers import save_table\n"
        "from ilo_helpers.keep.captions import Caption\n"
        "save_table('03_x', pd.DataFrame({'ilo': [value]}), Caption('m', 'c'))"
    )
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("value = 0.5", metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell(source),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )
    nbformat.write(notebook, tmp_path / "03_one.ipynb")
    monkeypatch.setattr(reproduce, "NOTEBOOKS", tmp_path)
    monkeypatch.setenv("ILO_FIGURES", str(tmp_path / "figures"))
    assert reproduce.main([]) == 0
    assert reproduce.main(["--check"]) == 0
    assert "1 numbers compared, 0 moved too far" in capsys.readouterr().out
    kept = tmp_path / "figures/m--c/03_x.csv"
    kept.write_text("ilo\n0.6\n")
    assert reproduce.main(["--check"]) == 1
    assert "1 numbers compared, 1 moved too far" in capsys.readouterr().out
    assert kept.read_text() == "ilo\n0.6\n"  # nothing was written over it
