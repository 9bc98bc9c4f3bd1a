"""The project's own files: environment, layout, notebooks, the command that runs them."""

import ast
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib

import nbformat
import pandas as pd
import pytest
import yaml
from conftest import LANGUAGES
from packaging.specifiers import Specifier

from ilo_helpers import reproduce
from ilo_helpers.keep.checks import compare_tables
from ilo_helpers.keep.paths import PACKAGE, ROOT, data_dir

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
#: Tables of every notebook on a slice, as they came out; `make slice` writes them anew.
SLICE = ROOT / "tests/slice"
FILES = (".png", ".csv", ".json")
#: The house from the ground up: a module imports only what stands before it.
ORDER = """
keep.paths keep.messages keep.digest keep.arguments keep.labelled keep.registry keep.recipes
keep.captions keep.checks keep.stores keep.tables keep.cluster keep.fill keep.figures
languages sources.texts sources.udhr sources.flores sources.sib200 sources.files
sources.packaged sources.checkpoints
sources.cldr corpora arithmetic memory models pooling activations
_search.memory _search.products _search.kernels _search.gpu _search.knn _search.parts
neighbors ilo study
regions.fragments regions.rates regions.offsets regions.structure regions.maps
regions.length regions.confounds validity.cka validity.clouds validity.alignment
validity.intervals validity.chance validity.worlds validity.measures validity.prediction
validity.probes training.tasks training.objectives training.freezing training.finetuning
training.evaluation
training.runs training.sweep training.comparison validity.weights
validity.verdicts validity.claims validity.token_claims
vocabulary.tokens vocabulary.geometry vocabulary.compare vocabulary.lexicon
vocabulary.contrastive
 interventions.hooks interventions.prompts interventions.batches interventions.answers
 interventions.patching interventions.arms interventions.lens interventions.subspace
 interventions.ablation
 plots.style plots.corpus plots.atlas plots.schematics plots.grids plots.languages plots.layers
 plots.regions plots.maps plots.explorer plots.lessons plots.certainty plots.rivals plots.tokens
 plots.training plots.verdicts plots.interventions explorer.bundle
explorer.setting explorer.state explorer.reading explorer.moving explorer.scatter explorer.charts
explorer.toy explorer.views explorer.page reproduce
""".split()


def modules():
    """{'keep.paths': path, …} of every module but those that only name a room."""
    files = (path for path in PACKAGE.rglob("*.py") if path.stem != "__init__")
    return {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in files}


def imported(name, path):
    """Modules of the package that one imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            room = name.split(".")[: -node.level]
            target = ".".join([*room, *(node.module or "").split(".")]).strip(".")
            names = [f"{target}.{each.name}".strip(".") for each in node.names]
            yield from [target] if target in ORDER else names


def test_imports_run_one_way():
    assert sorted(modules()) == sorted(ORDER)
    for name, path in modules().items():
        for other in imported(name, path):
            assert ORDER.index(other) < ORDER.index(name), (name, other)


def test_plots_know_tables_and_no_models():
    for name, path in modules().items():
        if name.startswith("plots."):
            rooms = {other.split(".")[0] for other in imported(name, path)}
            assert rooms <= {"keep", "languages", "plots"}, (name, rooms)


def test_nothing_is_longer_than_it_should_be():
    for name, path in modules().items():
        source = path.read_text()
        assert len(source.splitlines()) <= 300, name
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                first = node.body[1] if ast.get_docstring(node) and node.body[1:] else node.body[0]
                assert node.end_lineno - first.lineno < 45, (name, node.name)


def test_importing_is_cheap():
    code = "import sys, ilo_helpers; print({'torch', 'transformers', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


def test_the_book_describes_every_module():
    page = (ROOT / "book/api.md").read_text()
    public = [name for name in ORDER if not name.startswith("_")]
    assert re.findall(r"automodule:: ilo_helpers\.([\w.]+)", page) == public


def test_environment_names_only_what_exists():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, packages = environment["dependencies"]
    assert pip == "pip" and Specifier(PROJECT["project"]["requires-python"]).contains(
        python.removeprefix("python=")
    )
    assert environment["channels"] == ["conda-forge"]
    assert packages == {"pip": ["-c constraints.txt", "-e .[offline]"]}
    assert (ROOT / "constraints.txt").exists()
    assert "offline" in PROJECT["project"]["optional-dependencies"]


def test_every_dependency_is_pinned():
    name = re.compile(r"[A-Za-z0-9._-]+")
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    extras = PROJECT["project"]["optional-dependencies"]
    for wanted in [*PROJECT["project"]["dependencies"], *extras["offline"], *extras["dev"]]:
        assert name.match(wanted)[0].lower().replace("_", "-") in pinned, wanted


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_notebook_is_executed_and_clean(path):
    notebook = nbformat.read(path, as_version=4)
    text = path.read_text()
    assert path.stat().st_size < 1.5e6
    assert "widgets" not in notebook.metadata and "widget-view" not in text
    assert "papermill" not in notebook.metadata
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert "PosixPath" not in text  # where it was executed
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1
    assert sum("solution" in cell.metadata.get("tags", []) for cell in code) >= 2
    set_up = next(cell.source for cell in code if "open_study(" in cell.source)
    assert len([line for line in set_up.split("\n") if line]) <= 12
    outputs = [output for cell in code for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert not re.search(r"Warning:|/home/|/root/|/tmp/|/Users/|site-packages", text)


#: Small settings, of which each notebook takes those it has.
SMALL = {
    "sentences": 6, "languages": LANGUAGES, "declarations": 40, "share": 0.0005, "most": 60,
    "map_tokens": 20, "matched": 3000, "table_steps": [2, 5], "table_seeds": [1],
    "epochs": 1, "train_items": 16, "test_items": 6, "loss_sentences": 1, "measured": 4,
    "draws": 100, "permutations": 20, "corpora": 10,
    "asked": 4, "concepts": 2, "turns": 2, "removal_step": 9, "removal_sentences": 2,
    "task_items": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def slice_folders(tmp_path_factory):
    """Data and figures of all notebooks on the slice, and who is done: the last reads all tables.

    Nothing is there but models and corpora, so no old result can pass for a new one. Processes of
    xdist share the folders.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "slice"
    for name in ("data", "done"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("models", "corpora"):
        with contextlib.suppress(FileExistsError):
            (folder / "data" / name).symlink_to(data_dir(name))
    return folder / "data", folder / "figures", folder / "done"


def wait_for_the_others(done):
    """Until another process is through with its notebook; not for ever, it may have died."""
    others = {path.stem for path in NOTEBOOKS[:-1]}
    for _ in range(1200):
        if others <= {path.name for path in done.iterdir()}:
            break
        time.sleep(1)


@pytest.mark.real
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_on_a_slice(path, monkeypatch, tmp_path, slice_folders, request):
    data, figures, done = slice_folders
    monkeypatch.setenv("ILO_DATA", str(data))
    monkeypatch.setenv("ILO_FIGURES", str(figures))
    if path == NOTEBOOKS[-1] and "PYTEST_XDIST_WORKER" in os.environ:
        wait_for_the_others(done)
    try:
        error = reproduce.run_notebook(path, tmp_path / path.name, SMALL)
    finally:
        (done / path.stem).touch()
    assert error is None, error
    drawn = list(figures.glob(f"*--udhr-6x6-*/{path.name[:2]}_*"))
    endings = {ending: {f.stem for f in drawn if f.suffix == ending} for ending in FILES}
    assert endings[".png"] and endings[".png"] <= endings[".csv"] == endings[".json"]
    made = sorted(figure for figure in drawn if figure.suffix == ".csv")
    if request.config.getoption("--keep-slice"):
        for table in made:
            shutil.copy(table, SLICE)
    kept = sorted(SLICE.glob(f"{path.name[:2]}_*.csv"))
    assert [table.name for table in kept] == [table.name for table in made]
    for old, new in zip(kept, made, strict=True):
        tolerance = json.loads(new.with_suffix(".json").read_text())["tolerance"]
        moved = compare_tables(pd.read_csv(old), pd.read_csv(new), old.stem, tolerance)
        assert moved.empty, moved.to_string()


@pytest.mark.real
def test_committed_numbers_come_out_again(capsys, monkeypatch):
    monkeypatch.setenv("ILO_FIGURES", str(ROOT / "figures"))
    assert reproduce.main(["--check", "01"]) == 0, capsys.readouterr().out
    assert ", 0 moved too far" in capsys.readouterr().out


@pytest.mark.slow  # it starts a kernel
def test_failing_notebook_is_named_with_its_cell(tmp_path, data, monkeypatch, capsys):
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("k = 5", metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell("print('kept', k)"),
            nbformat.v4.new_code_cell("raise ValueError('no such thing')"),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )
    nbformat.write(notebook, tmp_path / "01_broken.ipynb")
    nbformat.write(notebook, tmp_path / "02_never.ipynb")
    monkeypatch.setattr(reproduce, "NOTEBOOKS", tmp_path)
    assert reproduce.main(["--k", "7"]) == 1
    said = capsys.readouterr().out
    assert "notebook 01_broken.ipynb, cell [4] failed: ValueError: no such thing" in said
    assert "02_never" not in said.split("failed")[1]
    copy = next(data.glob("results/*/notebooks/01_broken.ipynb"))
    assert "kept 7" in copy.read_text()


def test_command_line_has_every_parameter_of_every_notebook(capsys):
    with pytest.raises(SystemExit, match="0"):
        reproduce.main(["--help"])
    said = capsys.readouterr().out
    names = {name for path in NOTEBOOKS for name in reproduce.notebook_parameters(path)}
    assert len(names) > 30
    for name in names:
        assert f"--{name.replace('_', '-')} " in said
        described = [reproduce.notebook_parameters(path).get(name) for path in NOTEBOOKS]
        types = {
            each["inferred_type_name"] for each in described if each and "None" in each["default"]
        }
        assert "None" not in types, f"{name}: say its type in the notebooks, {name}: int = None"


def test_command_line_takes_what_make_was_given(monkeypatch, tmp_path):
    seen = {}
    monkeypatch.setattr(
        reproduce, "_run", lambda paths, given: seen.update(paths=paths, given=given)
    )
    reproduce.main(["LEARNING_RATE=2e-5", "LANGUAGES=eng_Latn,tha_Thai", "NOTEBOOKS=01 05",
                    "SENTENCES=None", "--k", "7"])  # fmt: skip
    assert [path.name[:2] for path in seen["paths"]] == ["01", "05"]
    assert seen["given"] == {
        "learning_rate": 2e-5, "languages": ["eng_Latn", "tha_Thai"], "sentences": None, "k": 7,
    }  # fmt: skip


def test_a_parameter_that_is_not_there_is_an_error(capsys):
    with pytest.raises(SystemExit, match="no notebook begins with '99'; there are 01_corpus"):
        reproduce.main(["99"])
    with pytest.raises(SystemExit):
        reproduce.main(["TEMPERATURE=3"])
    assert "unrecognized arguments: --temperature=3" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        reproduce.main(["NOTEBOOKS=01", "K=7"])
    assert "k: the notebooks chosen have only corpus, languages" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no notebook has temperature; there are .*, k, "):
        reproduce.run_notebook(NOTEBOOKS[0], ROOT / "none.ipynb", {"temperature": 3})


def test_readme_commands_are_the_makefile_s():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    used = set(re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / "README.md").read_text(), re.M))
    assert {"reproduce", "test", "quick", "lab", "clean-cache"} <= used <= targets


def test_links_of_the_readme_lead_to_files():
    """Those of the notebooks and the book are checked where the book is built."""
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text())
    assert len(links) > 10
    for link in links:
        assert link.startswith("https://") or (ROOT / link).exists(), link
