"""Weights rounded anew: closed forms, and a table that says what the functions say."""

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import CORPUS

from ilo_helpers import extract_activations, ilo_scores, load_model, nearest_neighbors, open_study
from ilo_helpers.keep.figures import figures_folder, load_table
from ilo_helpers.training.evaluation import lm_loss
from ilo_helpers.training.objectives import causal_model
from ilo_helpers.validity import weights
from ilo_helpers.validity.weights import round_weights, write_variant


def matrices(model):
    """Every parameter by name, float64."""
    return {
        name: p.detach().cpu().double()
        for name, p in causal_model(load_model(model)).named_parameters()
    }


def test_rounding_by_hand():
    # 3 bits: levels −4 … 3 steps; the greatest, −8, is −4 of a step of 2
    row = torch.zeros(1, 32)
    row[0, :6] = torch.tensor([-8.0, 5.1, 2.9, 0.9, -0.9, 7.9])
    found = round_weights(row, 3)
    assert found[0, :6].tolist() == [-8, 6, 2, 0, 0, 6] and not found[0, 6:].any()  # 7.9: clipped
    assert round_weights(-row, 3).equal(-found)  # whichever sign the greatest has
    assert round_weights(torch.zeros(2, 64), 3).equal(torch.zeros(2, 64))
    with pytest.raises(ValueError, match="40 weights a row are no multiple of 32"):
        round_weights(torch.zeros(2, 40), 4)
    with pytest.raises(ValueError, match="bits = 1: at least 2"):
        round_weights(torch.zeros(2, 32), 1)


def test_rounding_again_changes_nothing_and_groups_do_not_share_a_scale():
    weight = torch.randn(8, 96, generator=torch.Generator().manual_seed(0))
    once = round_weights(weight, 4)
    torch.testing.assert_close(round_weights(once, 4), once)
    assert all(len(group.unique()) <= 16 for group in once.reshape(-1, 32))
    other = weight.clone()
    other[:, :32] *= 1000
    assert round_weights(other, 4)[:, 32:].equal(once[:, 32:])
    # a bit less doubles the step, and the error with it: within a tenth, for 768 weights
    errors = [float((round_weights(weight, bits) - weight).norm()) for bits in (8, 7, 6)]
    np.testing.assert_allclose(np.divide(errors[1:], errors[:-1]), 2, rtol=0.1)


@pytest.mark.parametrize("arm", weights.ARMS)
def test_only_the_blocks_matrices_move_and_noise_moves_them_as_far(arm, tiny, tmp_path):
    model = tiny("gemma3")
    error = write_variant(load_model(model), tmp_path / "variant", arm, bits=3, seed=1)
    old, new = matrices(model), matrices(tmp_path / "variant")
    moved = {name for name in old if not old[name].equal(new[name])}
    assert moved == {name for name, p in old.items() if ".layers." in name and p.ndim == 2}
    sizes = []
    for name in moved:
        rounded = round_weights(old[name].float(), 3).double()
        if arm == "rounding":
            torch.testing.assert_close(new[name], rounded, rtol=0, atol=1e-7)
        size = (new[name] - old[name]).norm()
        torch.testing.assert_close(size, (rounded - old[name]).norm(), rtol=1e-4, atol=0)
        sizes.append((size**2, old[name].norm() ** 2))
    added, total = np.sum(sizes, axis=0)
    assert error == pytest.approx((added / total) ** 0.5, rel=1e-4)


def test_sixteen_bits_change_nothing_beyond_rounding(tiny, small, tmp_path):
    lm = load_model(tiny("gemma3"))
    error = write_variant(lm, tmp_path / "variant", bits=16)
    assert 0 < error < 1e-4
    one, two = extract_activations(lm, small), extract_activations(tmp_path / "variant", small)
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-3 * float(abs(one).max()))
    with pytest.raises(ValueError, match="arm 'pruning': choose from 'rounding', 'noise'"):
        write_variant(lm, tmp_path / "none", "pruning")


@pytest.mark.slow
def test_the_table_says_what_the_functions_say(tiny, tmp_path):
    model = tiny("gemma3")
    command = ["--model", model, "--corpus", str(CORPUS), "--sentences", "8", "--bits", "3",
               "--loss-sentences", "1"]  # fmt: skip
    weights.main(command)
    study = open_study(model, CORPUS, sentences=8)
    folder = figures_folder(study.caption)
    table = load_table("07_weights", folder)
    assert list(table["arm"].unique()) == ["as it is", "rounding", "noise"]
    bare = table[table["arm"] == "as it is"].set_index("layer")
    pd.testing.assert_series_equal(bare["ilo"], study.by_layer, rtol=1e-5)
    assert not bare[["error", "change", "low", "high"]].any().any()
    assert bare["loss"].iloc[0] == pytest.approx(
        lm_loss(model, study.text.iloc[:1])["loss"].mean(), rel=1e-5
    )
    write_variant(study.model, tmp_path / "variant", bits=3)
    acts = extract_activations(tmp_path / "variant", study.text)
    scores = ilo_scores(nearest_neighbors(acts, 5, keep=False))
    found = table[table["arm"] == "rounding"].set_index("layer")
    expected = scores.groupby("layer")["ilo"].mean()
    pd.testing.assert_series_equal(found["ilo"], expected, rtol=1e-5)
    np.testing.assert_allclose(found["change"], expected - study.by_layer, rtol=1e-4, atol=1e-6)
    before = (folder / "07_weights.csv").read_text()
    weights.main([*command, "--seed", "0"])  # there already
    assert (folder / "07_weights.csv").read_text() == before
    weights.main([*command[:-3], "4", "--loss-sentences", "1", "--arms", "noise", "rounding"])
    order = load_table("07_weights", folder)[["arm", "bits"]].drop_duplicates()
    assert order.to_numpy().tolist() == [
        ["as it is", 0], ["rounding", 4], ["rounding", 3], ["noise", 4], ["noise", 3],
    ]  # fmt: skip
