import nbformat
import pandas as pd
import pytest

from ilo_helpers import checks, reproduce
from ilo_helpers.checks import compare_folders, compare_tables

SCORES = pd.DataFrame({"layer": [0, 1, 2], "language": ["a", "b", "c"], "ilo": [0.1, 0.2, None]})


def test_a_number_within_the_tolerance_has_not_moved():
    assert checks.tolerance("03_groups")[0] == 0.03
    assert compare_tables(SCORES, SCORES.assign(ilo=[0.1, 0.229, None]), "03_groups").empty
    found = compare_tables(SCORES, SCORES.assign(ilo=[0.1, 0.24, None]), "03_groups")
    assert found.to_dict("records") == [
        {"table": "03_groups", "column": "ilo", "row": 1, "kept": 0.2, "made": 0.24}
    ]
    lost = compare_tables(SCORES, SCORES.assign(ilo=[0.1, None, None]), "03_groups")
    assert lost["row"].tolist() == [1]  # a number that became none has moved


def test_words_are_compared_and_maps_are_not():
    other = compare_tables(SCORES, SCORES.assign(language=["a", "x", "c"]), "03_groups")
    assert other[["column", "kept", "made"]].to_numpy().tolist() == [["language", "b", "x"]]
    assert compare_tables(SCORES, SCORES.assign(ilo=9.0), "03_maps_family").empty
    shape = compare_tables(SCORES, SCORES.iloc[:2], "03_maps_family")
    assert shape["column"].tolist() == ["shape"]


def test_a_table_without_a_rule_of_its_own_has_the_strictest():
    assert checks.tolerance("09_mine")[0] == checks.tolerance("01_fertility")[0] == 0.03


def test_folders_need_a_table_in_common(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "made").mkdir()
    with pytest.raises(ValueError, match="nothing to compare"):
        compare_folders(tmp_path / "kept", tmp_path / "made")
    SCORES.to_csv(tmp_path / "kept/03_groups.csv", index=False)
    SCORES.assign(ilo=1.0).to_csv(tmp_path / "made/03_groups.csv", index=False)
    checked, moved = compare_folders(tmp_path / "kept", tmp_path / "made")
    assert checked.to_numpy().tolist() == [["03_groups", 6, 0.03, 3]] and len(moved) == 3


def test_check_command_finds_a_number_that_moved(tmp_path, data, monkeypatch, capsys):
    source = (
        "import pandas as pd\nfrom ilo_helpers import save_table\n"
        "save_table('03_x', pd.DataFrame({'ilo': [value]}), {'model': 'm', 'corpus': 'c'})"
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
