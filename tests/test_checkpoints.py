"""A model's files, and its name on the hub, before anything is loaded."""

import json
import time

import huggingface_hub as hub
import numpy as np
import pytest
import torch
from huggingface_hub import constants, errors
from made import world
from safetensors.torch import save_file

from ilo_helpers import nearest_neighbors
from ilo_helpers.arithmetic import default_device, usable_device
from ilo_helpers.keep.labelled import in_order, nearest, places_of
from ilo_helpers.sources import checkpoints
from ilo_helpers.sources.checkpoints import check_files, check_hub_name, hub_revision


class Refused(errors.HfHubHTTPError):
    """The hub's answer to who may not see a model, or to one that is not there."""

    def __init__(self):
        pass


@pytest.fixture
def online(monkeypatch, tmp_path):
    """A hub whose answers are the test's, and an empty cache; what was asked for."""
    asked = []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_: None)

    def download(name, file):
        asked.append(("download", name, file))
        return str(tmp_path / "abc123" / file)

    monkeypatch.setattr(hub, "hf_hub_download", download)
    return asked


def answers(monkeypatch, asked, error=None):
    def metadata(url, **_):
        asked.append(("look", url))
        if error:
            raise error

    monkeypatch.setattr(hub, "get_hf_file_metadata", metadata)


def test_a_revision_is_asked_for_once_and_then_fetched(online, monkeypatch):
    answers(monkeypatch, online)
    assert hub_revision("someone/tiny") == "abc123"
    assert [each[0] for each in online] == ["look", "download"]
    assert online[0][1].endswith("someone/tiny/resolve/main/config.json")


def test_a_hub_that_does_not_answer_is_told_at_once(online, monkeypatch):
    answers(monkeypatch, online, ConnectionError("no route"))
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"'a/b' is no folder .* \(no route\): check name and net"):
        hub_revision("a/b")
    assert time.monotonic() - start < 1 and [each[0] for each in online] == ["look"]


@pytest.mark.parametrize("error", [errors.HFValidationError("no id"), Refused()])
def test_an_answer_that_is_no_is_left_to_the_client(error, online, monkeypatch):
    answers(monkeypatch, online, error)
    assert hub_revision("a/b") == "abc123" and online[-1] == ("download", "a/b", "config.json")


@pytest.mark.parametrize(("offline", "cached"), [(True, None), (False, "/cache/config.json")])
def test_what_is_cached_or_offline_asks_nobody(offline, cached, online, monkeypatch):
    answers(monkeypatch, online, ConnectionError("no route"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_: cached)
    assert hub_revision("a/b") == "abc123" and [each[0] for each in online] == ["download"]


def test_names_of_the_hub_are_let_through(tmp_path):
    known = ["gemma-3-270m"]
    for name in ("gpt2", "google/gemma-3-270m", "meta-llama/Llama-3.1-8B"):
        check_hub_name(name, known)
    for name in ("gemma-3-270", "a/b/c", "./x", "/x", "~/x"):
        with pytest.raises(ValueError, match="no such folder here"):
            check_hub_name(name, known)


def test_shards_are_those_of_the_index_and_of_this_folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    save_file({"x": torch.ones(2)}, folder / "a.safetensors")
    check_files("m", folder)
    save_file({"x": torch.ones(2)}, tmp_path / "b.safetensors")
    for shard in ("../b.safetensors", str(tmp_path / "b.safetensors"), "c.safetensors"):
        index = {"weight_map": {"x": shard}}
        (folder / checkpoints.INDEX).write_text(json.dumps(index))
        with pytest.raises(ValueError, match=f"no {shard.split('/')[-1]} in .*its index names"):
            check_files("m", folder)
    (folder / checkpoints.INDEX).write_text(json.dumps({"weight_map": {"x": "a.safetensors"}}))
    check_files("m", folder)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_floats_of_any_width_are_weights(dtype, tmp_path):
    save_file({"x": torch.ones(2, dtype=dtype)}, tmp_path / "model.safetensors")
    check_files("m", tmp_path)


def test_a_device_is_one_there_is():
    assert usable_device(None) == default_device() and usable_device("cpu") == "cpu"
    with pytest.raises(ValueError, match="device 'tpu': choose from 'cpu'"):
        usable_device("tpu")


def test_labelled_arrays_come_back_in_order():
    acts = world(np.random.default_rng(0).normal(size=(2, 3, 4, 5)))
    turned = in_order(acts.transpose("hidden", "sentence", "layer", "language"))
    np.testing.assert_array_equal(turned, acts)
    lists = nearest_neighbors(acts, 6, keep=False)
    np.testing.assert_array_equal(nearest(lists, 2)["index"], lists["index"][..., :2])
    empty = lists.assign(index=lists["index"].where(lists["index"] > 3, -1))
    assert nearest(empty, 6)["index"].min() == -1  # an empty place
    assert places_of("languages", None, 3).tolist() == [0, 1, 2]
    assert places_of("languages", (0, 2), 3).tolist() == [0, 2]
