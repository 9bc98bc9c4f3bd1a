"""The lens, and language subspaces taken out: closed forms, made worlds, tiny models."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from test_interventions import ITEMS, LAYOUTS, LEXICON, hand  # noqa: F401

from ilo_helpers import extract_activations, ilo_scores, nearest_neighbors
from ilo_helpers.interventions import (
    ablation,
    arms,
    batches,
    hooks,
    lens,
    patching,
    prompts,
    subspace,
)
from ilo_helpers.training.evaluation import lm_loss
from ilo_helpers.validity.alignment import alignment_scores
from ilo_helpers.validity.worlds import make_world

RECEIVER, DONORS = ("eng_Latn", "deu_Latn"), [("fra_Latn", "deu_Latn"), ("fra_Latn", "eng_Latn")]


# -- the arms of patching ------------------------------------------------------------------


def test_every_arm_but_the_mixed_one_brings_the_donor_s_concept(hand):  # noqa: F811
    lm, network = hand
    told = arms.patch_arms(lm, network, LEXICON, RECEIVER, DONORS, ITEMS[1:], ITEMS[:1], count=3)
    assert told["arm"].unique().tolist() == list(arms.ARMS)
    assert told.groupby("arm", sort=False)["donors"].first().tolist() == [
        "eng_Latn→deu_Latn", "fra_Latn→deu_Latn",
        *["fra_Latn→deu_Latn+fra_Latn→eng_Latn"] * 2, "eng_Latn→deu_Latn",
    ]  # fmt: skip
    at_1 = told[(told["layer"] == 1) & (told["cell"] == "donor's concept, receiver's language")]
    means = at_1.groupby("arm")["probability"].mean()
    assert np.allclose(means[list(arms.ARMS[:3])], 1) and np.isclose(means[arms.ARMS[3]], 0)
    assert np.isclose(means["own word"], 0)
    own = told[(told["arm"] == "own word") & (told["layer"] == 1)].groupby("cell")["probability"]
    assert np.isclose(own.mean()["receiver's concept, receiver's language"], 1)
    assert told["item"].nunique() == 3


def test_many_pairs_together_are_as_one_by_one(hand):  # noqa: F811
    lm, network = hand
    ask = [lm, network, LEXICON]
    receivers = [RECEIVER, ("fra_Latn", "deu_Latn"), RECEIVER]
    donors = [DONORS[1], ("fra_Latn", "eng_Latn"), ("fra_Latn", "eng_Latn")]
    pairs = pd.DataFrame({"role": list("xyz"), "receiver": receivers, "donor": donors})
    told = arms.patch_pairs(*ask, pairs, ITEMS[1:], ITEMS[:1], count=3, seed=1)
    assert told.groupby("role")["donors"].first().tolist() == [
        "fra_Latn→eng_Latn", "fra_Latn→eng_Latn", "fra_Latn→eng_Latn",
    ]  # fmt: skip
    key = ["source", "target", "item", "donor", "donors", "layer", "cell"]
    for role, receiver, donor in pairs.itertuples(index=False):
        alone = arms.patch_arms(*ask, receiver, [donor], ITEMS[1:], ITEMS[:1], ["another pair"],
                                count=3, seed=1).set_index(key)  # fmt: skip
        part = told[told["role"] == role].set_index(key).loc[alone.index]
        assert len(part) == len(alone) > 0
        for column in ("before", "probability"):
            assert np.allclose(part[column], alone[column], atol=1e-6)
    pairs["donor"] = [("fra_Latn", "deu_Latn"), *donors[1:]]
    with pytest.raises(ValueError, match="fra_Latn→deu_Latn asks for the receiver's language"):
        arms.patch_pairs(*ask, pairs, ITEMS[1:], ITEMS[:1], count=3, seed=1)


def test_a_donor_s_word_is_no_answer_in_any_of_the_arms(hand):  # noqa: F811
    """With German words put in, every German answer would be a copy."""
    with pytest.raises(ValueError, match="none of them the donor's word"):
        patching.pair_concepts(hand[0], LEXICON, RECEIVER, DONORS[0], ITEMS, words=["deu_Latn"])


def test_other_words_in_the_same_prompts():
    asked = prompts.translation_prompts(LEXICON, *RECEIVER, ITEMS[1:3], ITEMS[:1])
    other = prompts.with_words(asked, LEXICON.loc[ITEMS[1:3], "fra_Latn"])
    assert other["query"].tolist() == [
        'English: "pain" - Deutsch: "',
        'English: "chaise" - Deutsch: "',
    ]
    assert other["word"].tolist() == ["pain", "chaise"]
    assert other.drop(columns=["query", "word"]).equals(asked.drop(columns=["query", "word"]))


def test_bad_arms_are_errors(hand):  # noqa: F811
    lm, network = hand
    ask = [lm, network, LEXICON, RECEIVER]
    with pytest.raises(ValueError, match="arm 'mean': give a pair of languages, and arms of same"):
        arms.patch_arms(*ask, DONORS, ITEMS[1:], ITEMS[:1], ["mean"])
    with pytest.raises(ValueError, match="no donor: give a pair"):
        arms.patch_arms(*ask, [], ITEMS[1:], ITEMS[:1])
    with pytest.raises(ValueError, match="3 concepts in common are too few to mix 2 pairs"):
        arms.patch_arms(*ask, DONORS, ITEMS[2:], ITEMS[:1], ["mean, concepts mixed"])


# -- the lens ------------------------------------------------------------------------------


def read(lm, network, states, *maps):
    """What the lens reads, float32 (layer, prompt, vocabulary)."""
    told = {}
    for rows, layers, chances in lens.decoded(lm, network, states, *maps):
        keys = zip(layers, rows, strict=True)
        told |= {key: each.cpu() for key, each in zip(keys, chances, strict=True)}
    assert list(told) == [(layer, row) for row, layer in np.ndindex(states.shape[:2])]
    size = states.shape[1::-1]
    return torch.stack([told[key] for key in np.ndindex(size)]).reshape(*size, -1)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_the_lens_at_the_last_layer_is_the_model_and_before_it_norm_and_head(decoder, kind):
    lm, network = decoder(kind)
    texts = batches.encode_texts(lm, ["Everyone has the right to life.", "Jeder Mensch"])
    assert all(text.prefix == () and text.word == len(text.query) - 1 for text in texts)
    states = patching.token_states(lm, network, texts, "prompt's end")
    told = read(lm, network, states)
    with hooks.inference(lm):
        ids = [torch.tensor([text.query], device=lm.device) for text in texts]
        plain = [network(input_ids=each).logits[0, -1] for each in ids]
        norm = lens.final_norm(network, lm.layers)
        early = hooks.next_token_logits(network, norm(torch.tensor(states[:, 1], device=lm.device)))
    assert torch.allclose(told[lm.layers], torch.stack(plain).softmax(-1).cpu(), atol=1e-5)
    assert torch.allclose(told[1], early.softmax(-1).cpu(), atol=1e-6)
    many = read(lm, network, np.tile(states, (40, 1, 1)))  # in several parts, some across prompts
    assert torch.allclose(many, told.repeat(1, 40, 1), atol=1e-6)


def test_no_norm_beside_the_blocks_is_an_error():
    bare = torch.nn.Sequential(torch.nn.ModuleList([torch.nn.Linear(2, 2)]))
    with pytest.raises(ValueError, match="has no norm beside its blocks"):
        lens.final_norm(bare, 1)


def test_shares_by_group_and_by_category_are_sums_of_probabilities(decoder):
    lm, network = decoder("llama")
    states = patching.token_states(lm, network, batches.encode_texts(lm, ["a b", "c"]), "word")
    groups = pd.DataFrame({"one": [{3, 4}, set()], "two": [{5}, {3, 4, 5}]})
    told = lens.group_shares(lm, network, states, groups)
    assert told.sel(group="one")[1].sum() == 0
    assert np.allclose(told.sum("group"), 1)
    kinds = pd.Series({3: "x", 4: "x", 5: "y"})
    of = lens.category_shares(lm, network, states, kinds)
    assert np.allclose(of.sel(category="x")[0], told.sel(group="one")[0], atol=1e-6)
    assert np.allclose(of.sum("category"), told.sel(group=["one", "two"]).sum("group"), atol=1e-6)


def test_categories_are_those_of_the_own_script_of_latin_of_others_and_of_none():
    names = ["LATIN", "CYRILLIC", "THAI", "P", "SPECIAL"]
    shares = xr.DataArray(
        [[[0.1, 0.2, 0.3, 0.25, 0.15]]] * 2, {"layer": [0], "category": names},
        ("prompt", "layer", "category"),
    )  # fmt: skip
    told = lens.script_kinds(shares, ["CYRILLIC", "THAI"]).pivot(
        index="prompt", columns="kind", values="share"
    )
    assert np.allclose(told["own script"], [0.2, 0.3]) and np.allclose(told["Latin"], 0.1)
    assert np.allclose(told["other scripts"], [0.3, 0.2]) and np.allclose(told["no script"], 0.4)


def test_groups_of_a_concept_s_tokens(hand):  # noqa: F811
    lm, _ = hand
    lexicon = LEXICON.assign(
        spa_Latn=["pomme", "bread", "silla", "", "Ei"], ita_Latn=["", "egg", "chaise", "", "chair"]
    )
    lexicon = lexicon.replace("silla", "chair")
    asked = prompts.translation_prompts(lexicon, "fra_Latn", "deu_Latn", ITEMS[1:], ITEMS[:1])
    groups = lens.concept_groups(lm, lexicon, asked)
    vocabulary = lm.tokenizer.get_vocab()
    space = vocabulary[" "]  # before it, the names are two tokens: these begin with the space
    told = groups.map(lambda ids: {lm.tokenizer.decode([i]) for i in ids - {space}})
    assert list(groups.columns) == list(lens.GROUPS)
    assert told.iloc[0].tolist() == [{"Brot"}, {"bread"}, {"pain"}, {"egg"}]
    assert told.iloc[1].tolist() == [{"Stuhl"}, {"chair"}, {"chaise"}, set()]
    assert told.iloc[3].tolist() == [{"Ei"}, {"egg"}, {"œuf"}, {"chair"}]
    to_english = prompts.translation_prompts(lexicon, *RECEIVER[::-1], ITEMS[1:], ITEMS[:1])
    assert lens.concept_groups(lm, lexicon, to_english).empty
    with pytest.raises(ValueError, match="the lexicon lacks eng_Latn"):
        lens.concept_groups(lm, lexicon.drop(columns="eng_Latn"), asked)


def test_translators_find_a_linear_map_where_there_is_one(decoder, text):
    lm, network = decoder("llama")
    texts = batches.encode_texts(lm, text["eng_Latn"].tolist())
    maps = lens.fit_translators(lm, network, texts)
    assert maps.shape == (lm.layers, lm.hidden + 1, lm.hidden)
    states = patching.token_states(lm, network, texts, "word")
    errors = []
    for layer in range(lm.layers):
        guess = states[:, layer] @ maps[layer, :-1] + maps[layer, -1]
        errors.append(np.square(guess - states[:, -1]).mean() / states[:, -1].var())
    assert errors[-1] < 0.3 and errors[-1] == min(errors)  # one block and a norm are near to linear
    last, plain = read(lm, network, states, maps), read(lm, network, states)
    assert torch.equal(last[lm.layers], plain[lm.layers])
    assert not torch.allclose(last[1], plain[1], atol=1e-3)
    with pytest.raises(ValueError, match="tokens for 32 dimensions: give more texts"):
        lens.fit_translators(lm, network, texts[:1] and batches.encode_texts(lm, ["a b"]))


# -- subspaces -----------------------------------------------------------------------------


def space(points, *settings, **named):
    """:func:`find_subspace` of points without names."""
    points = xr.DataArray(np.asarray(points), dims=("language", "sentence", "hidden"))
    names = [f"l{place}" for place in range(len(points))]
    return subspace.find_subspace(points.assign_coords(language=names), *settings, **named)


@pytest.mark.parametrize("arm", subspace.ARMS[:4])
def test_what_is_left_is_orthogonal_to_what_was_taken_out(arm):
    points = make_world(5, 40, 32, noise=1, offset=3, seed=1).values[0]
    found = space(points, arm)
    left = found.without(points)
    assert np.allclose(found.basis.T @ found.basis, np.eye(4))
    assert np.allclose((left - found.centre) @ found.basis, 0)
    assert np.allclose(found.without(left), left)
    tensor = found.without(torch.tensor(points))
    assert tensor.dtype == torch.float32 and np.allclose(tensor, left, atol=1e-4)
    share = 1 - np.square(left - found.centre).sum() / np.square(points - found.centre).sum()
    assert found.variance == pytest.approx(share)


def test_the_means_of_all_languages_are_one_without_their_directions():
    points = make_world(5, 40, 32, noise=1, offset=3, seed=1).values[0].astype(float)
    left = space(points, "means").without(points)
    assert np.allclose(left.mean(1), left.mean((0, 1)))
    fewer = space(points, "means", 2)
    assert fewer.basis.shape == (32, 2) and 0 < fewer.variance < 1


def test_controls_hold_no_language_or_as_much_variance():
    points = make_world(5, 200, 64, noise=1, offset=0.35, seed=1).values[0].astype(float)
    means, like = (space(points, arm) for arm in ("means", "within languages"))
    assert np.abs(means.basis.T @ like.basis).max() < 1e-6
    assert like.variance == pytest.approx(means.variance, rel=0.2)
    chance = space(points, "random", seed=3)
    assert chance.variance < means.variance
    again = space(points, "random", seed=3)
    assert np.array_equal(chance.basis, again.basis)


def test_a_move_of_equal_size_leaves_the_languages_directions_alone():
    points = make_world(5, 40, 32, noise=1, offset=3, seed=1).values[0].astype(float)
    means, moved = (space(points, arm) for arm in ("means", "equal size"))
    gone, left = means.without(points), moved.without(points)
    far = [np.linalg.norm(points - each, axis=-1) for each in (gone, left)]
    assert np.allclose(*far) and far[0].mean() > 1
    assert np.allclose((left - points) @ means.basis, 0)
    assert moved.variance == means.variance
    tensor = moved.without(torch.tensor(points, dtype=torch.float32))
    assert np.allclose(tensor, left, atol=1e-4)


def test_another_s_mean_takes_each_language_to_where_another_lies():
    points = make_world(5, 40, 32, noise=1, offset=3, seed=1).values[0].astype(float)
    found = space(points, "another's mean", seed=2)
    names = list(found.shifts)
    rows = np.repeat(sorted(names), 40)
    moved = found.without(points.reshape(200, 32), rows).reshape(points.shape)
    means, after = points.mean(1), moved.mean(1)
    far = np.linalg.norm(after[:, None] - means[None], axis=-1)
    assert np.allclose(far.min(1), 0) and sorted(far.argmin(1)) == [0, 1, 2, 3, 4]
    assert (far.argmin(1) != np.arange(5)).all()  # no language keeps its own
    assert np.allclose(moved - after[:, None], points - means[:, None])
    tokens = torch.tensor(points[:, :3], dtype=torch.float32)  # as many tokens a row
    assert np.allclose(found.without(tokens, sorted(names)), moved[:, :3], atol=1e-4)
    with pytest.raises(ValueError, match="5 rows in l0, x: name one of l"):
        found.without(points, ["l0", "x"])
    with pytest.raises(ValueError, match="200 rows in no language: name one of l"):
        found.without(points.reshape(200, 32))


def test_lda_finds_the_direction_that_tells_languages_apart_not_the_longest():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(2, 400, 6)) * [20, 1, 1, 1, 1, 1]
    points[1] += [
        4,
        2,
        0,
        0,
        0,
        0,
    ]  # apart by 4 along a direction of spread 20, by 2 along one of 1
    told = np.abs(space(points, "LDA").basis[:, 0])
    assert told[1] > 0.95 and told[0] < 0.1
    assert np.abs(space(points, "means").basis[0, 0]) > 0.5


def test_ilo_of_a_made_world_comes_back_when_the_means_are_removed():
    world = make_world(6, 240, 32, noise=0.3, offset=8, seed=2)
    half = world.isel(layer=0, sentence=slice(0, 240, 2))
    other = world.isel(sentence=slice(1, 240, 2))
    found = {"as it is": other}
    codes = world.language.values.tolist()
    for arm in subspace.ARMS:
        left = subspace.find_subspace(half, arm).without(other.values[0], codes)[None]
        found[arm] = other.copy(data=left.astype(np.float32))
    ilo, right = {}, {}
    for arm, left in found.items():
        ilo[arm] = ilo_scores(nearest_neighbors(left, 5, keep=False), 5, 3)["ilo"].mean()
        right[arm] = alignment_scores(left, "P@1")["value"].mean()
    assert {ilo[arm] for arm in ("as it is", *subspace.ARMS[2:])} == {0}
    assert ilo["means"] > 0.99 and right["means"] > 0.99
    assert 0.3 < ilo["LDA"] < ilo["means"]  # oblique to the means, of which it leaves a part


def test_bad_subspaces_are_errors():
    points = np.ones((3, 4, 8))
    with pytest.raises(ValueError, match="arm 'mean': choose 'means', 'LDA', 'random', 'within"):
        space(points, "mean")
    for k in (0, -1, 3):
        with pytest.raises(ValueError, match=f"{k} directions of 3 languages with 4 sentences"):
            space(points, directions=k)
    with pytest.raises(ValueError, match="two sentences are needed"):
        space(points[:, :1])


# -- taken out while the model runs --------------------------------------------------------


@pytest.fixture(scope="module")
def ablated(decoder, text, tmp_path_factory):
    lm, network = decoder("llama")
    corpus, folder = text.iloc[:5], tmp_path_factory.mktemp("ablated")
    acts = extract_activations(lm, corpus, "mean_no_special", store=folder).load()
    nothing = subspace.Subspace(np.zeros((lm.hidden, 1)), np.zeros(lm.hidden), 0.0)
    spaces = {(layer, "nothing"): nothing for layer in (0, 2)}
    spaces |= {(layer, "means"): space(acts.values[layer]) for layer in (1, 3)}
    done = ablation.ablate(lm, network, corpus, spaces, "mean_no_special", list(corpus.index[:2]))
    return lm, corpus, acts, spaces, done


def test_without_nothing_the_vectors_and_the_loss_are_the_model_s_own(ablated):
    lm, corpus, acts, _, (vectors, places, losses) = ablated
    for arm in ("as it is", "nothing"):
        for (_, layers), part in places[places["arm"] == arm].groupby(["removed", "arm"]):
            assert layers == arm
            own = vectors.sel(layer=part.index.to_numpy()).values
            assert np.allclose(own, acts.sel(layer=part["layer"].to_numpy()).values, atol=1e-4)
    expected = lm_loss(lm, corpus.iloc[:2]).set_index("language")
    for _, part in losses[losses["arm"] != "means"].groupby("removed"):
        part = part.set_index("language").loc[expected.index]
        assert np.allclose(part["loss"], expected["loss"], atol=1e-4)
        assert (part["tokens"] == expected["tokens"]).all()


def test_at_its_layer_a_removed_subspace_is_gone_and_above_the_model_goes_on_from_there(ablated):
    lm, _, acts, spaces, (vectors, places, losses) = ablated
    for layer in (1, 3):
        part = places[(places["arm"] == "means") & (places["removed"] == layer)]
        assert part["layer"].tolist() == list(range(layer, lm.layers + 1))
        at = vectors.sel(layer=part.index[0]).values
        expected = spaces[layer, "means"].without(acts.sel(layer=layer).values)
        assert np.allclose(at, expected, atol=1e-4)  # a mean of tokens: removal is affine
        assert np.allclose(at.mean(1), at.mean((0, 1)), atol=1e-4)
    above = vectors.sel(layer=places.index[(places["removed"] == 1) & (places["layer"] == 2)])
    assert not np.allclose(above, acts.sel(layer=2), atol=0.1)
    means = losses[losses["arm"] == "means"]
    assert set(means["removed"]) == {1, 3} and np.isfinite(means["loss"]).all()


def test_each_language_is_moved_by_its_own_way_to_another_s_mean(ablated):
    lm, corpus, acts, *_ = ablated
    network = hooks.load_decoder(lm)[1]
    found = subspace.find_subspace(acts.sel(layer=2), "another's mean")
    some = corpus.iloc[:, [2, 0]]  # not all languages, nor in their order
    moved, places, _ = ablation.ablate(lm, network, some, {(2, "moved"): found}, "mean_no_special")
    at = places.index[places["removed"] == 2][0]
    for code in some:
        expected = acts.sel(layer=2, language=code).values + found.shifts[code]
        assert np.allclose(moved.sel(layer=at, language=code).values, expected, atol=1e-4)


def test_the_vectors_are_what_other_functions_take(ablated):
    *_, (vectors, places, _) = ablated
    assert isinstance(vectors, xr.DataArray) and vectors.dtype == np.float32
    scores = ilo_scores(nearest_neighbors(vectors, 3, keep=False), 3, 2)
    assert set(scores["layer"]) == set(places.index)


def test_a_language_probe_is_right_where_languages_are_apart():
    world = make_world(4, 40, 16, noise=1, offset=5, seed=1)
    apart = ablation.language_probe(world)
    assert apart["accuracy"].eq(1).all() and list(apart["language"]) == list(world.language.values)
    points = world.values[0]
    left = space(points, "means").without(points)
    mixed = ablation.language_probe(world.copy(data=left[None]))
    assert mixed["accuracy"].mean() < 0.5 and (mixed["layer"] == 0).all()
    with pytest.raises(ValueError, match="1 sentence a language: two are needed"):
        ablation.language_probe(world[:, :, :1])


def test_changes_are_those_of_the_layers_above():
    places = pd.DataFrame({"removed": [-1, -1, -1, 1, 1], "arm": ["as it is"] * 3 + ["means"] * 2,
                           "layer": [0, 1, 2, 1, 2]})  # fmt: skip
    scores = pd.DataFrame({"layer": [0, 1, 2, 3, 4], "language": "x", "value": [1, 2, 3, 4, 7.0]})
    (row,) = ablation.changes_above(scores, places).itertuples()
    assert (row.removed, row.arm, row.layer, row.language) == (1, "means", 2, "x")
    assert (row.value, row.change) == (7, 4)


def test_special_tokens_are_left_as_they_are(ablated, tiny):
    lm, corpus, acts, _, _ = ablated
    network = hooks.load_decoder(lm)[1]
    far = subspace.Subspace(np.eye(lm.hidden)[:, :1], np.full(lm.hidden, 9.0), 0.0)
    bare, places, _ = ablation.ablate(lm, network, corpus, {(0, "far"): far}, "mean_no_special")
    whole, *_ = ablation.ablate(lm, network, corpus, {(0, "far"): far}, "mean")
    at = places.index[(places["removed"] == 0) & (places["layer"] == 0)][0]
    assert np.allclose(bare.sel(layer=at)[..., 0], 9)
    counts = xr.DataArray([[len(lm.tokenizer(s)["input_ids"]) for s in corpus[c]] for c in corpus])
    plain = extract_activations(lm, corpus, "mean").sel(layer=0).values[..., 0]
    bos = plain * counts.values - acts.sel(layer=0).values[..., 0] * (counts.values - 1)
    assert np.allclose(whole.sel(layer=at)[..., 0], (9 * (counts - 1) + bos) / counts, atol=1e-3)


def test_bad_ablations_are_errors(ablated):
    lm, corpus, *_ = ablated
    with pytest.raises(ValueError, match="layer 4: the model has layers 0"):
        ablation.ablate(lm, None, corpus, {(4, "means"): None})
    with pytest.raises(ValueError, match="the corpus has no sentence 'x'"):
        ablation.ablate(lm, None, corpus, {}, read=["x"])
