"""The project's own files: environment, layout, notebooks, the command that runs them."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib

import nbformat
import pandas as pd
import pytest
import yaml
from conftest import LANGUAGES

from ilo_helpers import reproduce
from ilo_helpers.checks import compare_tables
from ilo_helpers.paths import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
#: Tables of every notebook on a slice, as they came out; `make slice` writes them anew.
SLICE = ROOT / "tests/slice"
FILES = (".png", ".csv", ".json")
ORDER = (
    "paths packaged languages corpora models stores activations neighbors ilo fragments maps "
    "alignment statistics chance tasks probes objectives evaluation finetuning experiments "
    "tokens token_geometry lexicon figures plots token_plots training_plots checks reproduce"
).split()


def test_the_book_describes_every_module():
    page = (ROOT / "book/api.md").read_text()
    assert re.findall(r"automodule:: ilo_helpers\.(\w+)", page) == ORDER


def test_environment_names_only_what_exists():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, packages = environment["dependencies"]
    assert python.startswith("python=") and pip == "pip"
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


def test_modules_import_only_leftwards():
    for path in (ROOT / "ilo_helpers").glob("*.py"):
        if path.stem == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert ORDER.index(node.module) < ORDER.index(path.stem), (path.name, node.module)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_notebook_is_executed_and_clean(path):
    notebook = nbformat.read(path, as_version=4)
    text = path.read_text()
    assert path.stat().st_size < 1.5e6
    assert "widgets" not in notebook.metadata and "widget-view" not in text
    assert "papermill" not in notebook.metadata
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1
    assert sum("solution" in cell.metadata.get("tags", []) for cell in code) >= 2
    outputs = [output for cell in code for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert not re.search(r"Warning:|/home/|/root/|/tmp/|/Users/|site-packages", text)


@pytest.fixture(scope="module")
def slice_figures(tmp_path_factory):
    """One folder for the figures of all notebooks: the last one reads the others' tables."""
    return tmp_path_factory.mktemp("figures")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_on_a_slice(path, monkeypatch, tmp_path, slice_figures, request):
    # the ordinary caches, so that what one notebook computes the next one reads
    monkeypatch.setenv("ILO_FIGURES", str(slice_figures))
    parameters = {"sentences": 6, "languages": LANGUAGES, "epochs": 1, "loss_sentences": 1}
    parameters |= {"share": 0.0005, "most": 60, "map_tokens": 20}
    error = reproduce.run_notebook(path, tmp_path / path.name, parameters)
    assert error is None, error
    figures = list(slice_figures.glob(f"gemma-3-270m--udhr-6x6-*/{path.name[:2]}_*"))
    endings = {ending: {f.stem for f in figures if f.suffix == ending} for ending in FILES}
    assert endings[".png"] and endings[".png"] <= endings[".csv"] == endings[".json"]
    made = sorted(figure for figure in figures if figure.suffix == ".csv")
    if request.config.getoption("--keep-slice"):
        for table in made:
            shutil.copy(table, SLICE)
    kept = sorted(SLICE.glob(f"{path.name[:2]}_*.csv"))
    assert [table.name for table in kept] == [table.name for table in made]
    moved = [
        compare_tables(*map(pd.read_csv, pair), pair[0].stem)
        for pair in zip(kept, made, strict=True)
    ]
    assert all(table.empty for table in moved), pd.concat(moved).to_string()


def test_committed_numbers_come_out_again(capsys):
    assert reproduce.main(["--check", "01"]) == 0, capsys.readouterr().out
    assert ", 0 moved too far" in capsys.readouterr().out


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
    assert reproduce.main(["--k", "7", "--model", "some/model"]) == 1
    said = capsys.readouterr().out
    assert "notebook 01_broken.ipynb, cell [4] failed: ValueError: no such thing" in said
    assert "02_never" not in said.split("failed")[1]
    copy = next(data.glob("results/model*--udhr--*/notebooks/01_broken.ipynb"))
    assert "kept 7" in copy.read_text()


def test_command_line(capsys):
    done = subprocess.run(
        [sys.executable, "-m", "ilo_helpers.reproduce", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "--languages" in done.stdout
    with pytest.raises(SystemExit, match="no notebook begins with '99'; there are 01_corpus"):
        reproduce.main(["99"])


def test_readme_commands_are_the_makefile_s():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    used = set(re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / "README.md").read_text(), re.M))
    assert {"reproduce", "test", "lab", "clean-cache"} <= used <= targets


def test_links_of_the_readme_lead_to_files():
    """Those of the notebooks and the book are checked where the book is built."""
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text())
    assert len(links) > 10
    for link in links:
        assert link.startswith("https://") or (ROOT / link).exists(), link
