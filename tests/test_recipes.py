"""Results of old code are never read again: a changed step has another recipe, or says why not."""

import re

import pandas as pd
import pytest

from ilo_helpers.keep import recipes, stores, tables
from ilo_helpers.keep.paths import PACKAGE, ROOT
from ilo_helpers.keep.recipes import CODE, RECIPES, code_digest, foreign_code

RECORD = ROOT / "tests/recipes.csv"
FILE = '''\
"""A module."""
import math  # a comment


def area(radius):
    """Of a circle."""
    return 3.14 * radius**2
'''


@pytest.mark.parametrize("step", RECIPES)
def test_a_step_s_code_is_that_of_its_recipe(step):
    code, number = code_digest(step), RECIPES[step]
    record = pd.read_csv(RECORD, dtype=str)
    known = record[(record["step"] == step) & (record["recipe"] == str(number))]
    assert code in set(known["code"]), (
        f"the code behind {step!r} ({', '.join(CODE[step])}) is not that of its recipe {number}. "
        f"If results may differ, raise the number to {number + 1} in ilo_helpers/keep/recipes.py "
        f"and add to tests/recipes.csv the line\n{step},{number + 1},{code},new recipe: …\n"
        f"If all results stay the same to the last bit, add the line\n"
        f"{step},{number},{code},why the results are the same"
    )


def test_the_record_is_of_steps_there_are_and_every_line_says_why():
    record = pd.read_csv(RECORD)
    assert list(record.columns) == ["step", "recipe", "code", "why"]
    assert set(record["step"]) == set(RECIPES) == set(CODE)
    assert not record.duplicated(["step", "recipe", "code"]).any()
    for row in record.itertuples():
        assert 1 <= row.recipe <= RECIPES[row.step], row
        assert re.fullmatch("[0-9a-f]{16}", row.code) and len(row.why) > 5, row


def test_every_file_behind_a_step_is_there():
    for files in CODE.values():
        assert all((PACKAGE / file).is_file() for file in files)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ('"""A module."""\n', "", True),
        ('"""A module."""', '"""Another text."""', True),
        ('    """Of a circle."""\n', "", True),
        ("  # a comment", "", True),
        ("3.14 * radius**2", "(3.14\n            * radius ** 2)", True),
        ("3.14", "3.15", False),
        ("radius", "r", False),
        ("radius**2", "radius**2.0", False),
        ("import math", "import cmath", False),
        ("return 3.14", 'return "text" and 3.14', False),
        ("(radius)", "(radius=None)", False),
    ],
)
def test_the_digest_sees_code_and_not_its_layout(old, new, same, tmp_path, monkeypatch):
    monkeypatch.setattr(recipes, "PACKAGE", tmp_path)
    monkeypatch.setitem(recipes.CODE, "neighbors", ["one.py", "two.py"])
    (tmp_path / "two.py").write_text("x = 1\n")
    (tmp_path / "one.py").write_text(FILE)
    before = code_digest("neighbors")
    (tmp_path / "one.py").write_text(FILE.replace(old, new))
    assert FILE.replace(old, new) != FILE and (code_digest("neighbors") == before) == same


def test_the_number_is_part_of_a_store_s_name(monkeypatch):
    def name():
        return stores.Store("neighbors", "x", {"layer": [0]}, {"index": "int32"}, "layer", {}).path

    first, calls = name(), []

    def make():
        calls.append(1)
        return pd.DataFrame({"x": [len(calls)]})

    kept = [tables.kept_table("answers", "x", {"k": 5}, make)["x"].item() for _ in range(2)]
    for step in ("neighbors", "answers"):
        monkeypatch.setitem(recipes.RECIPES, step, RECIPES[step] + 1)
    assert name() != first and name().parent == first.parent
    assert kept == [1, 1] and tables.kept_table("answers", "x", {"k": 5}, make)["x"].item() == 2
    assert tables.kept_table("answers", "x", {"k": 6}, make)["x"].item() == 3


def test_code_of_a_user_counts_and_the_package_s_own_is_in_the_recipe():
    assert foreign_code(code_digest) == {}
    own = foreign_code(test_every_file_behind_a_step_is_there)
    assert re.fullmatch("[0-9a-f]{16}", own["code"])
    assert own != foreign_code(test_the_number_is_part_of_a_store_s_name)
