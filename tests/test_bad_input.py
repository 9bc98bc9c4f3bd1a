"""Every bad input of the table ends in one clear error, every odd but good one in its value."""

import collections
import os
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
from bad_input import CASES, try_case
from cases import Case

from ilo_helpers.keep import arguments


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.where}: {case.what}")
def test_what_is_promised_is_what_happens(case, tmp_path):
    kept, happened = try_case(case, tmp_path)
    assert kept, f"promised: {case.promised}\nhappened: {happened}"


def test_the_table_is_large_and_has_no_input_twice():
    assert len({(case.where, case.what) for case in CASES}) == len(CASES)
    places = collections.Counter(case.where for case in CASES if case.told)
    assert sum(places.values()) >= 300 and min(places.values()) >= 25, places
    assert sum(not case.told for case in CASES) >= 35
    assert not [case.what for case in CASES if len(case.told) == 1]
    assert {"corpus", "task", "model", "parameter", "activations", "command line"} == set(places)


def boom(_):
    raise KeyError("'k' of somebody else")


def says_k(_):
    arguments.whole("k", "3")


def says_k_and_ends_well(_):
    sys.stderr.write("k = 3: no")
    sys.exit(0)


def leaves_half(at):
    (at / "data" / "answers").mkdir(parents=True)
    (at / "data" / "answers" / "x.parquet").write_text("half")
    says_k(at)


@pytest.mark.parametrize(
    ("run", "told", "kept"),
    [
        (says_k, ("k = '3'", "whole number"), True),
        (says_k, ("k = '3'", "the remedy"), False),
        (says_k, (), False),
        (boom, ("'k'",), False),  # an error of another kind
        (lambda _: int("k"), ("k",), False),  # a ValueError that Python raised
        (lambda _: (1, 1), ("k",), False),  # taken without a word
        (lambda _: (1, 1), (), True),
        (lambda _: (1, 2), (), False),
        (lambda _: sys.exit("k = 3: no"), ("k = 3",), True),
        (lambda _: sys.exit(0), ("k = 3",), False),
        (says_k_and_ends_well, ("k = 3",), False),
        (leaves_half, ("k = '3'", "whole number"), False),
    ],
)
def test_a_promise_can_be_broken(run, told, kept, tmp_path):
    assert try_case(Case("parameter", "made", run, told), tmp_path)[0] == kept


def test_a_case_sees_no_other_data_folder(tmp_path):
    case = Case("parameter", "made", lambda at: (os.environ["ILO_DATA"], str(at / "data")))
    with mock.patch.dict(os.environ, ILO_DATA="elsewhere"):
        assert try_case(case, tmp_path / "new")[0]
        assert os.environ["ILO_DATA"] == "elsewhere"


def test_good_values_come_out_as_python_s_own():
    for value in (3, np.int64(3), np.uint8(3), np.array(3)):
        assert type(arguments.whole("k", value)) is int and arguments.whole("k", value) == 3
    assert arguments.wholes("k", (np.int64(3), 5)) == [3, 5] == arguments.wholes("k", [3, 5])
    assert arguments.wholes("k", np.int64(3)) == [3]
    assert arguments.positive("rate", np.float32(0.5)) == 0.5
    assert type(arguments.positive("rate", np.float32(0.5))) is float
    assert arguments.positive("rate", 2) == 2.0
    assert arguments.flag("bos", np.False_) is False and arguments.flag("bos", True) is True
    assert type(arguments.one_of("metric", np.str_("x"), ["x"])) is str
    assert arguments.several("codes", np.array(["x", "y"])) == ["x", "y"]
    assert type(arguments.several("codes", np.array(["x"]))[0]) is str


def test_an_error_is_short_whatever_was_given():
    for value in ("x" * 10**6, list(range(10**5)), np.zeros((1000, 1000)), b"x" * 1000):
        with pytest.raises(ValueError) as error:
            arguments.whole("k", value)
        assert len(str(error.value)) < 150


def test_nearly_right_names_are_told():
    hint = arguments.did_you_mean
    assert hint("cosin", ["cosine", "euclidean"]) == "; did you mean 'cosine'?"
    assert hint("manhattan", ["cosine", "euclidean"]) == ""


def test_the_command_itself_ends_with_a_message_and_no_traceback(tmp_path):
    command = [sys.executable, "-m", "ilo_helpers.reproduce", "K=2.5"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "argument --k: invalid int value: '2.5'" in done.stderr
    assert "Traceback" not in done.stderr
