"""Hooks, prompts and patching: closed forms in a made network, and layouts of real ones."""

import itertools
import types

import numpy as np
import pandas as pd
import pytest
import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from torch import nn
from transformers import PreTrainedTokenizerFast

from ilo_helpers import load_model
from ilo_helpers.interventions import answers, batches, hooks, patching, prompts

LAYOUTS = ("llama", "qwen3", "bloom", "gemma3", "gpt2")
NAMES = {
    "eng_Latn": ["apple", "bread", "chair", "door", "egg"],
    "deu_Latn": ["Apfel", "Brot", "Stuhl", "Tür", "Ei"],
    "fra_Latn": ["pomme", "pain", "chaise", "porte", "œuf"],
}
ITEMS = [f"territory/{letter}" for letter in "ABCDE"]
LEXICON = pd.DataFrame(NAMES, index=pd.Index(ITEMS, name="item"))
WORDS = ['"', "\n", " ", ":", "-", "English", "Deutsch", "français"]
CODES = {"English": "eng_Latn", "Deutsch": "deu_Latn", "français": "fra_Latn"}


# -- a network made by hand ----------------------------------------------------------------


class Meaning(nn.Module):
    """First block: beside a name's token stands its concept, whatever the language."""

    def __init__(self, concepts):
        super().__init__()
        self.register_buffer("concepts", concepts)  # (token, concept)

    def forward(self, hidden_states, **_):
        size, concepts = self.concepts.shape
        state = hidden_states.clone()
        state[..., size : size + concepts] = state[..., :size] @ self.concepts
        return state


class Answer(nn.Module):
    """Second block: the latest concept, in the latest language that was named."""

    def __init__(self, size, say, languages):
        super().__init__()
        self.size, self.say, self.languages = size, say, languages  # (concept, language) → token

    def forward(self, hidden_states, past_key_values=None, **_):
        seen = hidden_states
        if past_key_values is not None:
            seen = past_key_values.update(hidden_states)
        before, state = seen.shape[1] - hidden_states.shape[1], hidden_states.clone()
        for row, text in enumerate(seen):
            tokens = text[:, : self.size].argmax(1).tolist()
            concepts = text[:, self.size : self.size + len(ITEMS)]
            for place in range(before, len(text)):
                named = [i for i in range(place + 1) if concepts[i].any()]
                spoken = [i for i in range(place + 1) if tokens[i] in self.languages]
                if named and spoken:
                    concept = concepts[named[-1]].argmax().item()
                    token = self.say[concept, self.languages[tokens[spoken[-1]]]]
                    state[row, place - before, self.size + len(ITEMS) + token] = 1
        return state


class Seen:
    """What the second block has seen, for the prefix; made like a cache of transformers."""

    def __init__(self):
        self.states = None

    def update(self, new):
        self.states = new if self.states is None else torch.cat([self.states, new], 1)
        return self.states

    def batch_repeat_interleave(self, times):
        self.states = self.states.repeat_interleave(times, 0)


class Body(nn.Module):
    """Embeddings, two blocks, a norm that does nothing."""

    def __init__(self, tokens, blocks):
        super().__init__()
        self.tokens, self.layers, self.norm = tokens, nn.ModuleList(blocks), NoNorm()

    def forward(self, input_ids, attention_mask=None, past_key_values=None, use_cache=False):
        wide = self.tokens * 2 + len(ITEMS)
        state = nn.functional.one_hot(input_ids, self.tokens).float()
        state = nn.functional.pad(state, (0, wide - self.tokens))
        cache = past_key_values or (Seen() if use_cache else None)
        for block in self.layers:
            state = block(state, past_key_values=cache)
        return types.SimpleNamespace(last_hidden_state=self.norm(state), past_key_values=cache)


class NoNorm(nn.Module):
    def forward(self, state):
        return state


class Hand(nn.Module):
    """A network that reads a name, knows its concept, and says it in the language asked for."""

    def __init__(self, vocabulary):
        super().__init__()
        size = len(vocabulary)
        concepts, say = torch.zeros(size, len(ITEMS)), {}
        for code, names in NAMES.items():
            for concept, name in enumerate(names):
                concepts[vocabulary[name], concept] = 1
                say[concept, code] = vocabulary[name]
        languages = {vocabulary[name]: code for name, code in CODES.items()}
        self.base_model = Body(size, [Meaning(concepts), Answer(size, say, languages)])
        self.head = nn.Linear(size * 2 + len(ITEMS), size, bias=False)
        self.head.weight.data.zero_()
        self.head.weight.data[range(size), size + len(ITEMS) + torch.arange(size)] = 30.0
        self.config = types.SimpleNamespace(num_hidden_layers=2)
        self.config.get_text_config = lambda: self.config
        self.device = torch.device("cpu")

    def get_output_embeddings(self):
        return self.head


@pytest.fixture(scope="module")
def hand():
    vocabulary = {word: i for i, word in enumerate([*WORDS, *itertools.chain(*NAMES.values())])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=" "))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\w+|\W"), "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=" ")
    network = Hand(vocabulary).eval()
    lm = types.SimpleNamespace(
        tokenizer=tokenizer, layers=2, hidden=network.head.in_features, max_tokens=None,
        attrs={"matmul": "float32"}, name="hand",
    )  # fmt: skip
    return lm, network


def test_the_made_network_translates_every_name(hand):
    lm, network = hand
    asked = prompts.translation_prompts(LEXICON, "eng_Latn", "deu_Latn", ITEMS[2:], ITEMS[:2])
    scores = answers.answer_scores(lm, network, asked)
    assert scores["right"].all() and scores["chance"].eq(1 / 3).all()
    assert np.allclose(scores["first"], 1) and np.allclose(scores["whole"], 0, atol=1e-6)
    assert not scores["exact"].any()  # it knows names, and no closing mark


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_patch_moves_the_answer_to_the_donor_s_concept_in_the_receiver_s_language(hand, layer):
    lm, network = hand
    receiver, donor = ("eng_Latn", "deu_Latn"), ("fra_Latn", "eng_Latn")
    cells = patching.pair_concepts(lm, LEXICON, receiver, donor, ITEMS[1:])
    states = patching.concept_states(lm, network, LEXICON, [donor], ITEMS[1:], ITEMS[:1])
    given = states[0].sel(item=cells["donor"].tolist()).values
    asked = prompts.translation_prompts(LEXICON, *receiver, cells["item"].tolist(), ITEMS[:1])
    told = patching.patch(lm, network, asked, given, cells[list(patching.CELLS)], layers=[layer])
    after = told.pivot(index="item", columns="cell", values="probability")
    before = told.pivot(index="item", columns="cell", values="before")
    moved, _, stayed, _ = patching.CELLS
    assert (cells["item"] != cells["donor"]).all() and len(after) == 4
    assert np.allclose(before[stayed], 1) and np.allclose(before.drop(columns=stayed), 0)
    came = stayed if layer == 2 else moved  # after the last block nothing reads the word
    assert np.allclose(after[came], 1) and np.allclose(after.drop(columns=came), 0)


def test_at_the_prompt_s_end_the_last_layer_brings_the_donor_s_language_too(hand):
    lm, network = hand
    receiver, donor = ("eng_Latn", "deu_Latn"), ("fra_Latn", "eng_Latn")
    with pytest.raises(ValueError, match="deu_Latn→fra_Latn have names that begin with diff"):
        copied = ("deu_Latn", "fra_Latn")  # its word would be the answer
        patching.pair_concepts(lm, LEXICON, receiver, copied, ITEMS[1:])
    cells = patching.pair_concepts(lm, LEXICON, receiver, donor, ITEMS[1:])
    states = patching.concept_states(
        lm, network, LEXICON, [donor], ITEMS[1:], ITEMS[:1], "prompt's end"
    )
    given = states[0].sel(item=cells["donor"].tolist()).values
    asked = prompts.translation_prompts(LEXICON, *receiver, cells["item"].tolist(), ITEMS[:1])
    told = patching.patch(lm, network, asked, given, cells[list(patching.CELLS)], "prompt's end")
    after = told.groupby(["cell", "layer"])["probability"].mean().unstack()
    assert np.allclose(after.loc["receiver's concept, receiver's language"], [1, 1, 0])
    assert np.allclose(after.loc["donor's concept, donor's language"], [0, 0, 1])


def test_all_tokens_of_a_word_are_patched_or_its_last_or_the_prompt_s(decoder, asked):
    lm, network = decoder("llama")
    coded = batches.encode_prompts(lm, asked)
    (batch,) = batches.prompt_batches(lm, network, coded)
    start = torch.tensor([len(coded[row].query) - 1 for row in batch.rows], device=lm.device)
    state = torch.zeros(4, int(start.max()) + 1, 1, device=lm.device)
    for at in patching.PLACES:
        put = patching._put(state, batch, start, at)[..., 0]
        for row, mask, end in zip(batch.rows, put, start, strict=True):
            prompt, places = coded[row], mask.nonzero()[:, 0].tolist()
            word = range(prompt.begin, prompt.word + 1)
            expected = {"word": word, "word's end": word[-1:], "prompt's end": [end]}[at]
            assert places == list(expected)
    assert any(prompt.begin < prompt.word for prompt in coded)


def test_a_mean_over_languages_keeps_the_concept(hand):
    lm, network = hand
    pairs = [("fra_Latn", "eng_Latn"), ("deu_Latn", "eng_Latn")]
    states = patching.concept_states(lm, network, LEXICON, pairs, ITEMS[1:], ITEMS[:1])
    assert list(states["pair"].values) == ["fra_Latn→eng_Latn", "deu_Latn→eng_Latn"]
    cells = patching.pair_concepts(lm, LEXICON, ("eng_Latn", "deu_Latn"), pairs[0], ITEMS[1:])
    given = states.mean("pair").sel(item=cells["donor"].tolist()).values
    asked = prompts.translation_prompts(
        LEXICON, "eng_Latn", "deu_Latn", cells["item"].tolist(), ITEMS[:1]
    )
    told = patching.patch(lm, network, asked, given, cells[list(patching.CELLS)[:1]], layers=[1])
    assert np.allclose(told["probability"], 1)


# -- real layouts --------------------------------------------------------------------------


@pytest.fixture
def asked():
    items = dict(source="eng_Latn", target="deu_Latn", items=ITEMS[1:], shots=ITEMS[:1])
    return prompts.translation_prompts(LEXICON, **items)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_hook_that_changes_nothing_leaves_every_logit_bit_equal(decoder, kind):
    lm, network = decoder(kind)
    ids = torch.tensor([[5, 6, 7, 8], [9, 10, 11, 12]], device=lm.device)
    seen = {}

    def look(layer):
        return lambda state: seen.update({layer: state.clone()})

    def hand_on(state):
        return state.clone()

    with hooks.inference(lm):
        plain = network(input_ids=ids, output_hidden_states=True)
        for change in (look, lambda _: hand_on):
            with hooks.hooked(network, {layer: change(layer) for layer in range(lm.layers + 1)}):
                assert torch.equal(network(input_ids=ids).logits, plain.logits)
        for layer, state in enumerate(plain.hidden_states):  # the suite's numbers are transformers'
            assert torch.equal(seen[layer], state), layer


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_a_run_from_a_layer_on_is_the_whole_run(decoder, kind, first):
    lm, network = decoder(kind)
    inputs = {"input_ids": torch.tensor([[5, 6, 7], [9, 10, 11]], device=lm.device)}
    with hooks.inference(lm):
        whole = hooks.layer_states(network, inputs)
        assert len(whole) == lm.layers + 1
        again = hooks.layer_states(network, inputs, first, whole[first])
        turned = hooks.layer_states(network, inputs, first, whole[first].flip(0))
        after = hooks.layer_states(network, inputs)
    for one, two in zip(whole[first:], again, strict=True):
        assert torch.equal(one, two)
    for one, two in zip(whole[first:], turned, strict=True):  # each text's states in the other's
        assert torch.allclose(one.flip(0), two, atol=1e-5)
    assert all(map(torch.equal, whole, after))  # nothing is left of it


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_shared_prefix_changes_no_number(decoder, kind, asked):
    lm, network = decoder(kind)
    coded = batches.encode_prompts(lm, asked)
    joined = [
        batches.Prompt((), p.prefix + p.query, len(p.prefix) + p.begin, len(p.prefix) + p.word)
        for p in coded
    ]
    assert len({p.prefix for p in coded}) == 1 and len({len(p.query) for p in coded}) > 1
    for at in patching.PLACES:
        states = patching.token_states(lm, network, coded, at)
        assert states.shape == (4, lm.layers + 1, lm.hidden)
        assert np.allclose(states, patching.token_states(lm, network, joined, at), atol=2e-4)
    for prompt, word in zip(coded, asked["word"], strict=True):
        upto = lm.tokenizer.decode(prompt.query[: prompt.word + 1])
        before = lm.tokenizer.decode(prompt.prefix + prompt.query[: prompt.begin])
        assert upto.endswith(word) and before[-1] == '"'
        assert prompt.prefix[0] == lm.tokenizer.bos_token_id
    firsts = {prompt.query[:1] for prompt in coded if prompt.begin}
    assert len(firsts) != 1  # what all have before the word is in the prefix
    assert lm.tokenizer.decode(coded[0].prefix) != asked["prefix"].iloc[0]


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_patch_is_what_the_network_says_with_that_state(decoder, kind, asked):
    lm, network = decoder(kind)
    coded = batches.encode_prompts(lm, asked)
    states = patching.token_states(lm, network, coded)
    at = "word's end"
    names = [ids for ids in answers.answer_tokens(lm.tokenizer, asked["answer"].tolist())]
    cells = pd.DataFrame({"own": names, "next": names[1:] + names[:1]})
    told = patching.patch(lm, network, asked, states, cells, at)
    assert np.allclose(told["probability"], told["before"], atol=1e-6)  # its own: nothing
    given = np.roll(states, 1, axis=0)
    for whole in (False, True):
        told = patching.patch(lm, network, asked, given, cells, at, whole, [1])
        for row, prompt in enumerate(coded):
            ids = prompt.prefix + prompt.query + names[row][:-1]
            ids = torch.tensor([ids], device=lm.device)
            place = len(prompt.prefix) + prompt.word

            def put(state, place=place, row=row):
                state = state.clone()
                state[:, place] = torch.tensor(given[row, 1]).to(state)
                return state

            with hooks.inference(lm), hooks.hooked(network, {1: put}):
                logs = network(input_ids=ids).logits[0].log_softmax(-1)
            start = len(prompt.prefix) + len(prompt.query) - 1
            steps = range(len(names[row]) if whole else 1)
            expected = sum(logs[start + step, names[row][step]].item() for step in steps)
            of = (told["item"] == asked["item"][row]) & (told["cell"] == "own")
            assert np.log(told.loc[of, "probability"].item()) == pytest.approx(expected, abs=1e-3)


def test_hooks_are_gone_after_an_error(tiny):
    lm, network = hooks.load_decoder(tiny("llama"))  # not the shared one: it has transformers' own
    ids = torch.tensor([[5, 6, 7]], device=lm.device)
    before = network(input_ids=ids).logits

    def fail(_):
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"), hooks.hooked(network, {2: fail}, 2):
        network(input_ids=ids)
    with (
        pytest.raises(ValueError, match=r"shape \(1, 3, 32\) .* \(1, 3, 16\)"),
        hooks.hooked(network, {3: lambda state: state[..., :16]}),
    ):
        network(input_ids=ids)
    blocks = hooks.find_blocks(network, lm.layers)
    assert not any(block._forward_pre_hooks or "forward" in vars(block) for block in blocks)
    assert not network.base_model._forward_hooks and not blocks[0]._forward_hooks
    assert torch.equal(network(input_ids=ids).logits, before)


@pytest.mark.parametrize("layer", [-1, 4, 1.5, "2"])
def test_a_layer_that_is_not_there_is_an_error(decoder, layer):
    _, network = decoder("llama")
    with (
        pytest.raises(ValueError, match=r"the model has layers 0 \(embeddings\) to 3"),
        hooks.hooked(network, {layer: lambda _: None}),
    ):
        pass


@pytest.mark.parametrize("kind", ["xlm-roberta", "bert", "mt5"])
def test_encoders_are_refused(tiny, kind):
    with pytest.raises(ValueError, match=f"tiny-{kind}.*choose a decoder, such as 'gemma-3-270m'"):
        hooks.load_decoder(tiny(kind))


def test_an_encoder_with_a_head_is_refused_too(tiny, tmp_path, monkeypatch):
    import transformers

    lm = load_model(tiny("xlm-roberta"))
    network = transformers.AutoModelForCausalLM.from_config(lm.config).eval()
    monkeypatch.setattr(hooks, "causal_model", lambda _: network)
    with pytest.raises(ValueError, match="is an encoder: what stands later changes"):
        hooks.load_decoder(lm)


def test_a_head_that_does_more_is_refused(tiny, monkeypatch):
    lm = load_model(tiny("llama"))
    network = hooks.causal_model(lm)
    network.lm_head.register_forward_hook(lambda *args: args[2] * 2)  # would be seen by both
    forward = network.forward

    def twice(*args, **kwargs):
        out = forward(*args, **kwargs)
        out.logits = out.logits + 1
        return out

    monkeypatch.setattr(network, "forward", twice)
    monkeypatch.setattr(hooks, "causal_model", lambda _: network)
    with pytest.raises(ValueError, match="does more with its last state"):
        hooks.load_decoder(lm)


def test_soft_cap_and_scale_are_the_configuration_s():
    network = types.SimpleNamespace(get_output_embeddings=lambda: lambda states: states * 10)
    config = types.SimpleNamespace(logit_scale=0.5, final_logit_softcapping=3.0)
    network.config = types.SimpleNamespace(get_text_config=lambda: config)
    logits = hooks.next_token_logits(network, torch.tensor([0.0, 1.0, -100.0]))
    assert torch.allclose(logits, torch.tensor([0.0, 3 * np.tanh(5 / 3), -3.0]).float())


# -- prompts -------------------------------------------------------------------------------


def test_a_prompt_reads_as_it_should():
    asked = prompts.translation_prompts(LEXICON, "deu_Latn", "fra_Latn", ITEMS[2:4], ITEMS[:2])
    assert asked["prefix"].nunique() == 1 and asked["prefix"][0] == (
        'Deutsch: "Apfel" - français: "pomme"\nDeutsch: "Brot" - français: "pain"\n'
    )
    assert asked["query"].tolist() == [
        'Deutsch: "Stuhl" - français: "', 'Deutsch: "Tür" - français: "',
    ]  # fmt: skip
    assert asked["answer"].tolist() == ["chaise", "porte"]
    assert asked["word"].tolist() == ["Stuhl", "Tür"]


def test_names_spelled_alike_and_lacking_ones_are_not_asked_about():
    lexicon = LEXICON.copy()
    lexicon.loc[ITEMS[1], "deu_Latn"] = "Bread"
    lexicon.loc[ITEMS[2], "eng_Latn"] = ""
    left = prompts.askable(lexicon, "eng_Latn", "deu_Latn", ITEMS)
    assert left == [ITEMS[0], ITEMS[3], ITEMS[4]]
    with pytest.raises(ValueError, match="no concept in common: none of 2 has names in both"):
        prompts.askable(lexicon, "eng_Latn", "deu_Latn", ITEMS[1:3])


def test_bad_prompts_are_errors():
    ask = prompts.translation_prompts
    with pytest.raises(ValueError, match="no names in 'ita_Latn'; the lexicon has eng_Latn, deu"):
        ask(LEXICON, "ita_Latn", "deu_Latn", ITEMS[1:], ITEMS[:1])
    shown = ask(LEXICON, "eng_Latn", "deu_Latn", ITEMS[4:], ITEMS[:4], 2)["prefix"][0]
    assert shown.count("\n") == 2 and "apple" in shown and "bread" in shown
    with pytest.raises(ValueError, match="deu_Latn into itself is no translation"):
        ask(LEXICON, "deu_Latn", "deu_Latn", ITEMS[1:], ITEMS[:1])
    with pytest.raises(ValueError, match="territory/A is both shown and asked about"):
        ask(LEXICON, "eng_Latn", "deu_Latn", ITEMS, ITEMS[:1])
    with pytest.raises(ValueError, match="no concept in common: none of 0"):
        ask(LEXICON, "eng_Latn", "deu_Latn", ITEMS, [])


def test_known_items_are_those_whose_english_name_is_one_token(hand, tiny):
    lexicon = LEXICON.rename(index={ITEMS[0]: "language/A"})
    known = prompts.known_items(lexicon, hand[0].tokenizer, ["territory"])
    assert known == ITEMS[1:]
    assert prompts.known_items(lexicon, load_model(tiny("llama")).tokenizer, ["language"]) == []
    with pytest.raises(ValueError, match="the lexicon lacks eng_Latn"):
        prompts.known_items(lexicon.drop(columns="eng_Latn"), hand[0].tokenizer, ["territory"])


def test_answers_are_read_as_they_stand_in_the_prompt(tiny):
    tokenizer = load_model(tiny("llama")).tokenizer
    for name, ids in zip(NAMES["fra_Latn"], answers.answer_tokens(tokenizer, NAMES["fra_Latn"]),
                         strict=True):  # fmt: skip
        assert tokenizer.decode(ids) == f'{name}"\n'


def test_chance_is_a_guess_among_first_tokens_and_weak_pairs_are_told():
    scores = pd.DataFrame({
        "item": range(20), "source": ["a"] * 10 + ["b"] * 10, "target": "c",
        "first": 0.5, "whole": 0.25, "right": [True] * 5 + [False] * 5 + [True] + [False] * 9,
        "exact": False, "chance": 0.1,
    })  # fmt: skip
    told = answers.beats_chance(scores).set_index("source")
    assert told.loc["a", "right"] == 0.5 and told.loc["a", "items"] == 10
    # 1 − P(X ≤ 4), X of 10 at 0.1; 1 − 0.9^10
    assert told.loc["a", "p"] == pytest.approx(0.0016349374)
    assert told.loc["b", "p"] == pytest.approx(1 - 0.9**10)
    assert told["above"].tolist() == [True, False]


def test_partners_begin_with_tokens_of_their_own(hand):
    lm, _ = hand
    cells = patching.pair_concepts(lm, LEXICON, ("eng_Latn", "deu_Latn"), ("fra_Latn", "deu_Latn"),
                                   ITEMS)  # fmt: skip
    assert list(cells) == ["item", "donor", "donor's concept, receiver's language",
                           "receiver's concept, receiver's language"]  # fmt: skip
    assert cells["donor"].is_unique and len(cells) >= 4
    lexicon = LEXICON.assign(deu_Latn=["Apfel"] * 5)
    with pytest.raises(ValueError, match="no two concepts of .* begin with different tokens"):
        patching.pair_concepts(lm, lexicon, ("eng_Latn", "deu_Latn"), ("fra_Latn", "deu_Latn"),
                               ITEMS)  # fmt: skip
    with pytest.raises(ValueError, match="1 concept in common to eng_Latn→deu_Latn and fra"):
        patching.pair_concepts(lm, LEXICON, ("eng_Latn", "deu_Latn"), ("fra_Latn", "deu_Latn"),
                               ITEMS[:1])  # fmt: skip


def test_bad_patches_are_errors(hand, asked):
    lm, network = hand
    cells = pd.DataFrame({"own": [(1,)] * 4})
    states = np.zeros((4, 3, lm.hidden))
    with pytest.raises(ValueError, match=r"states of shape \(4, 3, 2\) and 4 rows of cells"):
        patching.patch(lm, network, asked, states[..., :2], cells)
    with pytest.raises(ValueError, match="and 3 rows of cells for 4 prompts"):
        patching.patch(lm, network, asked, states, cells[:3])
    with pytest.raises(ValueError, match="layer 3: the model has layers 0"):
        patching.patch(lm, network, asked, states, cells, layers=[3])
    with pytest.raises(ValueError, match="at = 'end': choose 'word', "):
        patching.patch(lm, network, asked, states, cells, "end")
    with pytest.raises(ValueError, match="at = 'end': choose"):
        patching.token_states(lm, network, [], "end")
    lexicon = LEXICON.assign(deu_Latn=["apple", *NAMES["deu_Latn"][1:]])
    with pytest.raises(ValueError, match="territory/A has no name in eng_Latn or deu_Latn, or"):
        patching.concept_states(lm, network, lexicon, [("eng_Latn", "deu_Latn")], ITEMS, ITEMS[:1])


def test_too_long_a_prompt_is_an_error(tiny, asked):
    lm, network = hooks.load_decoder(tiny("llama"))
    coded = batches.encode_prompts(lm, asked)
    lm.max_tokens = 10
    with pytest.raises(ValueError, match="takes 10 tokens, prompt 1 has .* show fewer shots"):
        patching.token_states(lm, network, coded)
