"""Work handed out: the same bytes whoever does it, whoever dies, and however many ask."""

import asyncio
import contextlib
import functools
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
import xarray as xr
from conftest import CORPUS, save_tiny_model
from made import table, world
from parts import PARTS, Elsewhere, fatal, letters, slow, threads, value

from ilo_helpers import extract_activations, load_model, nearest_neighbors, reproduce
from ilo_helpers._search import parts
from ilo_helpers.keep import cluster as clusters
from ilo_helpers.keep.cluster import VARIABLE, current_client
from ilo_helpers.keep.fill import fill
from ilo_helpers.keep.paths import ROOT
from ilo_helpers.pooling import POOLINGS, mean_of_all
from ilo_helpers.training import evaluation, sweep
from ilo_helpers.training.evaluation import evaluate, lm_loss
from ilo_helpers.training.runs import read_tables
from ilo_helpers.training.tasks import load_task
from ilo_helpers.validity.alignment import alignment_scores
from ilo_helpers.validity.probes import probe_accuracy, task_corpus

WORDS = {"cue": "Kind", "unit": "maß", "script": "schrift"}


def started(log):
    """Times that each part was begun."""
    return {file.name: len(file.read_text().split()) for file in Path(log).iterdir()}


def wait_for(condition):
    deadline = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def files(folder):
    """What lies below a folder, byte by byte."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def check_letters(store):
    for part in PARTS:
        np.testing.assert_array_equal(store.open()["index"].sel(language=part), value(part))
    left = {name for name in files(store.path) if not name.startswith(("array.zarr/", ".lang"))}
    assert left == {f"language-{part}.json" for part in PARTS}


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").mkdir()
    return tmp_path / "log"


@pytest.fixture(scope="module")
def workers():
    """Two processes of one thread each, with time to start on a busy machine."""
    import dask
    from distributed import LocalCluster

    patience = {f"distributed.comm.timeouts.{name}": "300s" for name in ("connect", "tcp")}
    with (
        dask.config.set(patience | clusters.LOCAL),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as local,
    ):
        yield local


@pytest.fixture
def client(workers):
    from distributed import Client

    with Client(workers) as client:
        client.wait_for_workers(2, timeout=300)
        yield client


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# -- without a cluster -------------------------------------------------------------------


def test_here_parts_come_one_after_another_and_an_error_ends_them(tmp_path, log, capsys):
    store = letters(tmp_path)

    def make(part, progress):
        if part == "d":
            raise ValueError("no d")
        return slow(log, 0, part, progress)

    with pytest.raises(ValueError, match="no d"):
        fill([store], {part: part for part in PARTS}, make, "letters")
    assert store.missing() == ["d", "e", "f"] == letters(tmp_path).missing()
    with pytest.raises(RuntimeError, match=r"not complete: missing language \['d', 'e', 'f'\]"):
        store.open()
    fill([store], {part: part for part in PARTS}, functools.partial(slow, log, 0), "letters")
    assert started(log) == dict.fromkeys(PARTS, 1)  # those there are not made again
    check_letters(store)
    assert "letters f: 100%" in capsys.readouterr().out


def test_dask_is_not_imported_without_a_client(tiny, data):
    code = (
        "import sys; from ilo_helpers import *; "
        f"corpus = load_corpus({str(CORPUS)!r}, sentences=3); "
        f"nearest_neighbors(extract_activations({tiny('llama')!r}, corpus), 3); "
        "print({'distributed'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.endswith("set()\n"), done.stdout + done.stderr


def test_a_chunk_that_parts_share_is_refused(tmp_path):
    import zarr

    store = letters(tmp_path)
    store.create()
    array = zarr.open_group(store.path / "array.zarr", mode="r+")
    array.create_array("index", shape=(2, 6, 3), chunks=(1, 2, 3), dtype="int32", overwrite=True)
    with pytest.raises(RuntimeError, match="index: 2 languages share a chunk, so that two proc"):
        store.write("a", index=value("a"))


@pytest.mark.parametrize(("width", "lost"), [(2, True), (1, False)])
def test_what_is_lost_when_two_write_one_chunk(width, lost, tmp_path, monkeypatch):
    """Each reads the chunk, fills its half, and puts back the other's as it was."""
    import zarr
    from zarr.storage import LocalStore

    array = zarr.create_array(tmp_path / "x", shape=(2, 3), chunks=(width, 3), dtype="int32")
    put, both = LocalStore.set, asyncio.Barrier(2)

    async def set_together(self, key, *args):
        await both.wait()  # neither puts back before both have read
        await put(self, key, *args)

    monkeypatch.setattr(LocalStore, "set", set_together)

    def write(row):
        array[row] = row + 1

    writers = [threading.Thread(target=write, args=(row,)) for row in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert (0 in array[:]) == lost and array[:].any()


def test_blocks_of_texts_are_the_batches_that_there_were(tiny, small, data, monkeypatch):
    found = []
    for block in (1, 4, 1000):
        monkeypatch.setattr(evaluation, "BLOCK", block)
        monkeypatch.setenv("ILO_DATA", str(data / str(block)))
        found.append(lm_loss(tiny("llama"), small))
        assert not [each for each in (data / str(block) / "losses").iterdir() if each.is_dir()]
    assert found[0].equals(found[1]) and found[0].equals(found[2])


def test_a_model_travels_as_what_names_it(tiny, tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(tiny("llama"), folder)
    lm = load_model(folder)
    assert lm.model.dtype == torch.float32
    sent = pickle.dumps(lm)
    assert len(sent) < 1000 and pickle.loads(sent).attrs == lm.attrs
    assert pickle.loads(sent) is pickle.loads(sent)  # loaded once a process
    clusters_model = sys.modules["ilo_helpers.models"]._model_of_process
    clusters_model.cache_clear()
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    with pytest.raises(ValueError, match=r"model 'mine': revision is 'sha.* on a worker and 'sha"):
        pickle.loads(sent)
    shutil.rmtree(folder)
    with pytest.raises(FileNotFoundError, match=r"model 'mine': .*/mine is not to be seen here"):
        pickle.loads(sent)


@pytest.mark.parametrize("word", ["0", "many", "-2", "host:8786"])
def test_a_word_that_is_no_cluster(word, capsys):
    with pytest.raises(ValueError, match=f"CLUSTER={word}: give the address of a Dask"):
        clusters.cluster(word).__enter__()
    with pytest.raises(SystemExit):
        reproduce.main([f"CLUSTER={word}", "01"])
    assert f"CLUSTER={word}: give the address" in capsys.readouterr().err


def test_no_scheduler_at_the_address_and_no_dask(monkeypatch, capsys):
    monkeypatch.setattr(clusters, "_TIMEOUT", "1s")
    with pytest.raises(SystemExit):
        reproduce.main(["CLUSTER=tcp://127.0.0.1:9", "01"])
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match="a cluster needs Dask: pip install"):
        clusters.cluster("2").__enter__()


# -- on a cluster ------------------------------------------------------------------------


@pytest.fixture
def task(tmp_path):
    rows = ["language,split,id,text,label"]
    for split, items in {"train": 16, "dev": 4, "test": 10}.items():
        for i in range(items):
            for code in ("eng_Latn", "deu_Latn"):
                label = ("unit", "script")[i % 2]
                rows.append(f"{code},{split},{split}{i},{code[i % 3 :]} {label} {i},{label}")
    path = tmp_path / "toy.csv"
    path.write_text("\n".join(rows))
    return path


def everything(model, text, task):
    """All that is handed out, but the sweep."""
    acts = extract_activations(model, text, ["mean", "last"])
    nearest_neighbors(acts["mean"], 4)
    nearest_neighbors(acts["last"], 4, "euclidean")
    answers = load_task(task)
    evaluate(model, answers, WORDS)
    lm_loss(model, text)
    alignment_scores(acts["mean"])
    probe_accuracy(extract_activations(model, task_corpus(answers), "last"), answers)


@pytest.mark.cluster
def test_workers_write_the_bytes_of_one_process(
    workers, tiny, small, task, tmp_path, monkeypatch, one_thread, capsys
):
    from distributed import Client

    monkeypatch.setattr(evaluation, "BLOCK", 3)
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv("ILO_DATA", str(tmp_path / name))
        with Client(workers) if name == "there" else contextlib.nullcontext():
            everything(tiny("gemma3"), small, task)
    here, there = files(tmp_path / "here"), files(tmp_path / "there")
    assert len(here) > 100 and here == there
    told = capsys.readouterr().out
    assert told.count("2 workers of 1 threads at tcp://") == 1 and "/status" in told
    assert "activations: 100%" in told and "tok/s" in told


@pytest.mark.cluster
def test_a_pooling_of_a_notebook_reaches_the_workers(client, tiny, small, data, monkeypatch):
    code = "def mine(mask, special):\n    return mean(mask.flip(1), special).flip(1)\n"
    notebook = {"mean": mean_of_all, "__name__": "__main__"}
    exec(code, notebook)  # of no module that a worker could import
    monkeypatch.setitem(POOLINGS, "mine", notebook["mine"])
    monkeypatch.setattr("ilo_helpers.activations.foreign_code", lambda function: {"code": code})
    mine = extract_activations(tiny("llama"), small.iloc[:, :2], "mine")
    np.testing.assert_array_equal(mine, extract_activations(tiny("llama"), small.iloc[:, :2]))


@pytest.mark.cluster
@pytest.mark.parametrize("killed", [1, 2])
def test_workers_that_are_killed(killed, client, workers, tmp_path, log):
    store = letters(tmp_path)
    everyone = list(client.run(os.getpid).values())
    there, hit = set(), set()

    def just_begun():
        begun = [file for file in log.iterdir() if time.time() - file.stat().st_mtime < 0.5]
        missing = letters(tmp_path).missing()
        return {file.name: int(file.read_text()) for file in begun if file.name in missing}

    def kill():
        wait_for(lambda: len(letters(tmp_path).missing()) <= 4 and just_begun())
        there.update(set(PARTS) - set(letters(tmp_path).missing()))
        part, pid = just_begun().popitem()
        hit.add(part)
        for each in [pid] if killed == 1 else everyone:
            os.kill(each, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    fill([store], {part: part for part in PARTS}, functools.partial(slow, log, 1), "letters")
    thread.join()
    check_letters(store)
    # made again was what they were at, and nothing that was complete
    assert len(there) >= 2 and all(started(log)[part] == 1 for part in there)
    assert all(started(log)[part] == 2 for part in hit)
    assert sum(started(log).values()) <= len(PARTS) + killed


def dask(log, *words):
    """One of Dask's commands, as a process of its own."""
    paths = os.pathsep.join([str(Path(__file__).parent), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": paths}
    command = [sys.executable, "-m", "dask", *map(str, words), "--no-dashboard"]
    with open(log, "w") as file:
        return subprocess.Popen(command, env=environment, stdout=file, stderr=file)


@pytest.mark.cluster
def test_a_scheduler_that_is_killed(tmp_path, log, request):
    from distributed import Client

    address = tmp_path / "scheduler.json"
    options = ["--scheduler-file", address]
    scheduler = dask(tmp_path / "scheduler.log", "scheduler", "--port", "0", *options)
    request.addfinalizer(scheduler.kill)
    worker = dask(tmp_path / "worker.log", "worker", "--nthreads", "1", "--no-nanny", *options)
    request.addfinalizer(worker.kill)
    wait_for(address.exists)
    store = letters(tmp_path)

    def kill():
        wait_for(lambda: len(letters(tmp_path).missing()) <= 4)
        scheduler.kill()

    thread = threading.Thread(target=kill)
    with Client(scheduler_file=str(address)) as client:
        client.wait_for_workers(1, timeout=300)
        thread.start()
        make = functools.partial(slow, log, 0.5)
        with pytest.raises(ConnectionError, match="the Dask scheduler is gone. What was done is k"):
            fill([store], {part: part for part in PARTS}, make, "letters")
        thread.join()
    worker.kill()
    worker.wait()
    there = set(PARTS) - set(store.missing())
    make = functools.partial(slow, log, 0)
    fill([store], {part: part for part in store.missing()}, make, "letters")
    check_letters(store)
    assert len(there) >= 2 and all(started(log)[part] == 1 for part in there)


@pytest.mark.cluster
def test_a_part_that_kills_its_workers(client, workers, tmp_path, monkeypatch):
    monkeypatch.setattr(workers.scheduler, "allowed_failures", 0)
    store = letters(tmp_path)
    fill([store], {part: part for part in PARTS if part != "c"}, fatal, "letters")
    with pytest.raises(RuntimeError, match="letters c: 1 workers died of it, most often for want"):
        # alone: whatever else the worker held would be blamed as well
        fill([store], {"c": "c"}, fatal, "letters")
    assert list(store.missing()) == ["c"]


#: Fills six parts, slowly, on a cluster.
SCRIPT = """
import sys, functools
sys.path.insert(0, sys.argv[1])
from distributed import Client
from ilo_helpers.keep.fill import fill
from parts import PARTS, letters, slow
with Client(sys.argv[2]):
    make = functools.partial(slow, sys.argv[4], 0.5)
    fill([letters(sys.argv[3])], {part: part for part in PARTS}, make, "letters")
"""


def other_client(workers, folder, log):
    here = Path(__file__).parent
    command = [sys.executable, "-c", SCRIPT, here, workers.scheduler_address, folder, log]
    return subprocess.Popen(list(map(str, command)))


@pytest.mark.cluster
def test_a_client_that_is_killed_and_one_that_goes_on(client, workers, tmp_path, log, request):
    other = other_client(workers, tmp_path, log)
    request.addfinalizer(other.kill)
    wait_for(lambda: len(letters(tmp_path).missing()) <= 4)
    other.kill()
    assert other.wait() == -signal.SIGKILL
    store = letters(tmp_path)
    there = set(PARTS) - set(store.missing())
    make = functools.partial(slow, log, 0)
    fill([store], {part: part for part in store.missing()}, make, "letters")
    check_letters(store)
    # what its workers were at they finish, and nobody makes it a second time
    assert started(log) == dict.fromkeys(PARTS, 1) and len(there) >= 2


@pytest.mark.cluster
def test_two_clients_and_a_process_on_one_store(client, workers, tmp_path, log, request):
    other = other_client(workers, tmp_path, log)
    request.addfinalizer(other.kill)
    wait_for(lambda: log.exists() and started(log))
    make, jobs = functools.partial(slow, log, 0.3), {part: part for part in PARTS}
    alone = letters(tmp_path)
    script = SCRIPT.replace("with Client(sys.argv[2]):", "if True:")
    command = [sys.executable, "-c", script, Path(__file__).parent, "-", tmp_path, log]
    third = subprocess.Popen(list(map(str, command)))
    request.addfinalizer(third.kill)
    fill([alone], jobs, make, "letters")
    assert other.wait(60) == 0 and third.wait(60) == 0
    check_letters(alone)
    assert started(log) == dict.fromkeys(PARTS, 1)


@pytest.fixture
def poisoned(tmp_path, text):
    """A model whose numbers grow too large at a 'q', and three languages, one of which has one."""
    from safetensors.torch import load_file, save_file

    # Gemma multiplies what is read from the table: a weight is finite, and the state is not
    folder = save_tiny_model("gemma3", tmp_path / "poison", text.to_numpy().ravel())
    weights = load_file(folder / "model.safetensors")
    token = load_model(folder).tokenizer.convert_tokens_to_ids("q")
    weights["model.embed_tokens.weight"][token] = 3e38
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    corpus = {"eng_Latn": ["a", "b"], "deu_Latn": ["a", "q"], "fra_Latn": ["c", "d"]}
    return folder, table(corpus)


def failure(*args, **options):
    """Type, message and number of frames of an error."""
    with pytest.raises(Exception) as info:
        extract_activations(*args, **options)
    return info.type, str(info.value), len(info.traceback)


@pytest.mark.cluster
def test_bad_input_is_the_error_that_it_is_here(client, tiny, poisoned, tmp_path, monkeypatch):
    folder, corpus = poisoned
    kind, message, frames = failure(folder, corpus)
    assert kind is ValueError and frames < 10
    assert "language deu_Latn, sentence 2: hidden state of layer 0 is not finite" in message
    there = [path.name for path in (tmp_path / "data/activations").glob("*/*.json")]
    assert sorted(there) == ["language-eng_Latn.json", "language-fra_Latn.json"]  # of the others
    long = table({"eng_Latn": ["a", "b" * 400], "deu_Latn": ["a", "b"]})
    from_cluster = failure(tiny("xlm-roberta"), long)
    monkeypatch.setattr("ilo_helpers.keep.fill.current_client", lambda: None)
    assert failure(folder, corpus, store=tmp_path / "alone")[:2] == (kind, message)
    assert failure(tiny("xlm-roberta"), long)[:2] == from_cluster[:2]
    assert "eng_Latn, sentence 2" in from_cluster[1]


@pytest.mark.cluster
def test_a_worker_that_does_not_see_the_folder(client, data):
    store = Elsewhere("answers", "x", {}, [0])
    with pytest.raises(FileNotFoundError, match="is not to be seen here: the data folder") as info:
        fill([store], {0: "a"}, fatal, "letters")
    assert str(data / "answers") in str(info.value)


@pytest.mark.cluster
def test_a_large_layer_is_searched_by_all_workers_there_are(
    data, tmp_path, monkeypatch, one_thread, capsys
):
    from distributed import Client

    monkeypatch.setattr("ilo_helpers._search.parts.LARGE", 36)
    kept = world(np.random.default_rng(0).normal(size=(2, 4, 9, 12)).astype(np.float32))
    kept.to_dataset(name="acts").to_zarr(tmp_path / "acts.zarr", zarr_format=2)
    acts = xr.open_zarr(tmp_path / "acts.zarr", chunks=None)["acts"]
    one, broken = acts.isel(layer=[1]), kept.copy()
    broken[0, 2, 3] = np.nan
    broken.to_dataset(name="acts").to_zarr(tmp_path / "nan.zarr", zarr_format=2)
    broken = xr.open_zarr(tmp_path / "nan.zarr", chunks=None)["acts"]

    def left():
        return [path for path in (data / "neighbors").iterdir() if path.name[:4] == "rows"]

    with Client(processes=False, n_workers=3, threads_per_worker=1, dashboard_address=":0"):
        # one that was killed had two languages of four
        search, done = parts.search_points, []

        def watched(vectors, points, rows, *args):
            done.append(None if rows is None else rows[0] // 9)
            if len(done) == 3:
                raise RuntimeError("killed")
            return search(vectors, points, rows, *args)

        monkeypatch.setattr(parts, "search_points", watched)
        with pytest.raises(RuntimeError, match="killed"):
            nearest_neighbors(one, 5)
        assert len(left()) == 1 and sorted(done) == [0, 1, 2, 3]
        (vectors,) = (data / "neighbors").glob("*/.vectors-1")  # may still be read
        vectors.with_name("..vectors-1-half").touch()
        found = nearest_neighbors(one, 5)
        assert len(done) == 5 and left() == []  # the one that had failed
        assert not list(vectors.parent.glob(".*vectors*"))
        told = capsys.readouterr().out
        assert "neighbours, layer 1, language: 100%" in told and "neighbours, layer: 100%" in told
        nearest_neighbors(one.isel(sentence=slice(8)), 5)  # not large
        nearest_neighbors(acts, 5)  # a worker and a half a layer
        nearest_neighbors(kept.isel(layer=[1]), 4)  # in memory
        assert "language:" not in capsys.readouterr().out
        with pytest.raises(ValueError, match="layer 0, language l2, sentence 3: .* not finite"):
            nearest_neighbors(broken.isel(layer=[0]), 5)
        monkeypatch.setattr(parts, "worker_count", lambda _: 5)
        with pytest.raises(ValueError, match="layer 0, language l2, sentence 3: .* not finite"):
            nearest_neighbors(broken, 5)
        assert "neighbours, layer 1, language: 100%" in (told := capsys.readouterr().out)
        assert "neighbours, layer: 100%" in told  # the layer that is whole
    here = nearest_neighbors(one, 5, keep=False)
    for name in ("index", "distance"):
        np.testing.assert_array_equal(found[name], here[name])


@pytest.mark.cluster
def test_a_worker_has_the_threads_that_dask_gave_it(tmp_path, one_thread):
    """Here in this process, too, where a task that hands out work would wait for itself."""
    from distributed import Client

    store = letters(tmp_path)
    with Client(processes=False, n_workers=1, threads_per_worker=3, dashboard_address=":0"):
        assert current_client() is not None
        fill([store], {part: part for part in PARTS}, threads, "letters")
    assert (store.open()["index"] == 3).all()
    for part in PARTS:
        assert json.loads((store.path / f"language-{part}.json").read_text())["threads"] == 3
    assert current_client() is None


@pytest.mark.cluster
def test_runs_of_a_sweep_on_two_workers(
    client, tiny, task, data, tmp_path, monkeypatch, one_thread
):
    found = {}
    command = ["--model", tiny("llama"), "--corpus", str(CORPUS), "--task", str(task),
               "--epochs", "1", "--sentences", "5", "--loss-sentences", "1",
               "--learning-rate", "1e-2", "--freeze", "none", "table"]  # fmt: skip
    for name in ("there", "here"):
        monkeypatch.setenv("ILO_FIGURES", str(tmp_path / name))
        monkeypatch.setenv("ILO_DATA", str(data / name))
        sweep.main(command)
        tables = read_tables(next((tmp_path / name).iterdir()))
        found[name] = {
            key: each.sort_values(list(each), ignore_index=True).to_csv()
            for key, each in tables.items()
        }
        monkeypatch.setattr("ilo_helpers.keep.fill.current_client", lambda: None)
    assert found["here"] == found["there"] and found["here"]["runs"].count("\n") == 4


@pytest.mark.cluster
def test_a_notebook_finds_the_cluster_of_the_command(workers, tmp_path, data, monkeypatch, capsys):
    code = (
        "from ilo_helpers.keep.cluster import current_client\n"
        "assert len(current_client().scheduler_info()['workers']) == 2"
    )
    cells = [
        nbformat.v4.new_code_cell("k = 5", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(code),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "01_small.ipynb"
    )
    monkeypatch.setattr(reproduce, "NOTEBOOKS", tmp_path)
    address = workers.scheduler_address
    assert reproduce.main([f"CLUSTER={address}", "K=7"]) == 0, capsys.readouterr().out
    assert VARIABLE not in os.environ


@pytest.mark.cluster
def test_a_number_starts_so_many_processes_and_ends_them():
    with clusters.cluster("1"):
        client = current_client()
        (worker,) = client.scheduler_info()["workers"].values()
        assert worker["nthreads"] == os.cpu_count() and os.environ[VARIABLE].startswith("tcp://")
    assert current_client() is None and VARIABLE not in os.environ


@pytest.mark.cluster
def test_what_is_not_handed_out_keeps_its_threads(monkeypatch):
    """A notebook's kernel has the environment of this process; a worker's is its own."""
    threads = clusters.LOCAL["distributed.nanny.environ"]
    for name in threads:
        monkeypatch.delenv(name, raising=False)
    with clusters.cluster("1"):
        there = current_client().run(lambda: dict(os.environ))
        assert all(each[name] == "1" for each in there.values() for name in threads)
        assert not threads.keys() & os.environ.keys()


@pytest.mark.cluster
def test_a_worker_that_dies_again_and_again_comes_back():
    import dask

    # Dask looks at once, not 15 seconds later, whether another process stands in its place
    with dask.config.set({"distributed.deploy.lost-worker-timeout": 0}), clusters.cluster("1"):
        client = current_client()
        for _ in range(2):
            ((address, pid),) = client.run(os.getpid).items()
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda gone=address: gone not in client.scheduler_info()["workers"])
            client.wait_for_workers(1, timeout=60)
