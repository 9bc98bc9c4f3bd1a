"""The explorer in a real browser: JupyterLab, Debian's Chromium, the network outside blocked.

Run by ``make test-browser``. Traps: a run before the kernel is idle opens a dialog; text selectors
match source cells too, so all that is read has a class of its own; a lasso that ends within three
pixels of its start is a click.
"""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
from conftest import LANGUAGES

from ilo_helpers import ilo_scores, open_study
from ilo_helpers.explorer.moving import moving_maps
from ilo_helpers.explorer.reading import neighbors_of, tell
from ilo_helpers.explorer.state import Explorer
from ilo_helpers.explorer.toy import Toy
from ilo_helpers.keep.paths import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.real]
SENTENCES = 12
IDLE = """(() => {
  const s = window.jupyterapp?.shell.currentWidget?.sessionContext;
  return s?.isReady && s.session?.kernel?.status === 'idle';
})()"""
SERVER = """
from jupyterlab.galata import configure_jupyter_server
c = get_config()
configure_jupyter_server(c)
c.ServerApp.port = {port}
c.ServerApp.allow_root = True
c.LabServerApp.notebook_starts_kernel = True
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Notebook 3 up to its explorer, on a slice, in a folder of its own."""
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.read(ROOT / "notebooks/03_ilo.ipynb", as_version=4)
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            if "parameters" in cell.metadata.get("tags", []):
                cell.source += f"\nsentences, languages = {SENTENCES}, {LANGUAGES}"
            cells.append(cell)
        if "explore(study)" in cell.source and cell.cell_type == "code":
            break
    notebook.cells = cells
    nbformat.write(notebook, folder / "notebook.ipynb")
    return folder


@pytest.fixture(scope="module")
def server(folder):
    """Address of a JupyterLab with that folder, and data and figures of its own."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    (folder / "config.py").write_text(SERVER.format(port=port))
    for name in ("models", "corpora"):
        shared = Path(os.environ.get("ILO_DATA", ROOT / "data")) / name
        shared.mkdir(parents=True, exist_ok=True)
        (folder / "data").mkdir(exist_ok=True)
        (folder / "data" / name).symlink_to(shared)
    settings = {"JUPYTERLAB_GALATA_ROOT_DIR": folder, "ILO_DATA": folder / "data",
                "ILO_FIGURES": folder / "figures", "HF_HUB_OFFLINE": "1"}  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if k != "ILO_STATIC"}
    environment |= {name: str(value) for name, value in settings.items()}
    with (folder / "lab.log").open("w") as log:
        lab = subprocess.Popen(
            [sys.executable, "-m", "jupyter", "lab", "--config", folder / "config.py"],
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        yield f"http://localhost:{port}"
        lab.terminate()
        lab.wait(30)


@pytest.fixture(scope="module")
def lab(browser, server, folder):
    """Notebook 3 in the browser, run as far as its explorer."""
    page = browser.new_page(viewport={"width": 1280, "height": 2600})
    page.blocked = []

    def only_here(route):
        inside = route.request.url.startswith((server, "data:", "blob:"))
        if not inside:
            page.blocked.append(route.request.url)
        route.continue_() if inside else route.abort()

    page.route("**/*", only_here)
    for _ in range(60):  # until the server answers
        try:
            page.goto(f"{server}/lab/tree/notebook.ipynb?reset")
            break
        except Exception:
            time.sleep(1)
    page.wait_for_function(IDLE, timeout=120_000)
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_selector(".ilo-status", timeout=300_000)
    page.wait_for_selector(".ilo-explorer canvas", timeout=60_000)
    return page


@pytest.fixture(scope="module")
def explorer(folder):
    """The same study in this process, on what the notebook has stored."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ILO_DATA", str(folder / "data"))
        patch.setenv("ILO_FIGURES", str(folder / "figures"))
        yield Explorer(open_study("gemma-3-270m", "udhr", sentences=SENTENCES, languages=LANGUAGES))


def shown(page):
    """What the explorer says of its setting: layer, k, τ, mean ILO."""
    told = page.inner_text(".ilo-status")
    found = re.search(r"layer (\d+), k = (\d+), τ = (\d+): mean ILO ([\d.]+)", told)
    return int(found[1]), int(found[2]), int(found[3]), float(found[4])


def turned(page, before):
    """What it says once it is no longer what it was."""
    for _ in range(100):
        if (now := shown(page)) != before:
            return now
        page.wait_for_timeout(100)
    raise AssertionError(f"the explorer still shows {before}")


def press(page, slider, key, times=1):
    """Move a slider by an arrow key; what is shown then."""
    handle = page.locator(f".ilo-explorer .widget-slider:has(label:text-is('{slider}'))")
    for _ in range(times):
        before = shown(page)
        handle.locator(".noUi-handle").first.press(key)
        now = turned(page, before)
    return now


def scored(explorer, layer, k, tau):
    """Mean ILO by the package's own function."""
    scores = ilo_scores(explorer.study.neighbors, k, tau)
    return scores.loc[scores["layer"] == layer, "ilo"].mean()


def test_sliders_show_what_ilo_scores_says(lab, explorer):
    start = shown(lab)
    assert start[:3] == (explorer.study.peak, 5, 3)
    for slider, key in (("k", "ArrowRight"), ("τ", "ArrowLeft"), ("layer", "ArrowLeft")):
        layer, k, tau, ilo = press(lab, slider, key)
        assert ilo == pytest.approx(scored(explorer, layer, k, tau), abs=0.0006)
    assert (layer, k, tau) == (start[0] - 1, 6, 2)
    assert not [url for url in lab.blocked if "jupyter" not in url], lab.blocked


def test_left_out_translations_are_left_out(lab, explorer):
    before = shown(lab)
    box = lab.locator(".ilo-explorer label:has-text('translations left out') input")
    box.check()
    layer, k, tau, ilo = turned(lab, before)
    explorer.move(layer=layer, k=k, tau=tau, translations=False)
    assert ilo == pytest.approx(explorer.curves().at[layer, "ilo"], abs=0.0006)
    box.uncheck()
    assert turned(lab, (layer, k, tau, ilo)) == before


def test_a_click_in_the_charts_sets_what_is_clicked(lab, explorer):
    before = shown(lab)
    curves, grid = (lab.locator(".ilo-explorer .js-plotly-plot").nth(i) for i in (0, 1))
    lines = curves.locator(".nsewdrag").first.bounding_box()
    explorer.move(layer=before[0], k=before[1], tau=before[2])
    height = explorer.curves().at[7, "ilo"]  # on the line, at layer 7 of 18
    click(lab, lines, 7 / 18, 1 - height / 1.03)
    assert turned(lab, before)[0] == 7
    before = shown(lab)
    cells = grid.locator(".nsewdrag").first.bounding_box()
    rows = 14  # k = 5 is the fifth from below, τ = 4 the fourth of five
    click(lab, cells, 3.5 / 5, 1 - 4.5 / rows)
    assert turned(lab, before)[1:3] == (5, 4)


def click(page, box, x, y):
    """Click at a place in a box, in shares of its width and height."""
    place = float(box["x"] + x * box["width"]), float(box["y"] + y * box["height"])
    page.mouse.move(place[0] - 3, place[1] - 3)
    page.mouse.move(*place)  # plotly answers clicks on what is hovered
    page.wait_for_timeout(300)
    page.mouse.down()
    page.mouse.up()


def test_a_click_reads_a_sentence_and_a_lasso_a_group(lab, explorer):
    layer, k, tau, _ = shown(lab)
    canvas = lab.locator(".ilo-map canvas").first
    canvas.scroll_into_view_if_needed()
    where = canvas.bounding_box()
    lab.locator(".ilo-map button[title*='lasso']").click()
    middle = where["x"] + where["width"] / 2, where["y"] + where["height"] / 2
    reach = min(where["width"], where["height"]) / 2 - 4
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -0.9)]
    lab.mouse.move(middle[0] - reach, middle[1] - reach)
    lab.mouse.down()
    for x, y in corners[1:]:
        lab.mouse.move(middle[0] + x * reach, middle[1] + y * reach, steps=15)
    lab.mouse.up()
    lab.wait_for_selector(".ilo-near table", timeout=10_000)
    told = lab.inner_text(".ilo-near")
    assert told.startswith(f"{SENTENCES * len(LANGUAGES)} sentences")
    explorer.move(layer=layer, k=k, tau=tau, translations=True)
    bridges = len(explorer.bridging())
    rows = [line.split() for line in told.splitlines() if line.startswith(tuple(LANGUAGES))]
    assert sum(int(row[2]) for row in rows) == bridges


def test_a_point_of_the_toy_can_be_dragged(lab):
    lab.locator(".ilo-toy").scroll_into_view_if_needed()
    before = lab.inner_text(".ilo-toy-scores")
    start = lab.locator("[data-point='C fog'] polygon").bounding_box()
    end = lab.locator("[data-point='A snow'] circle").last.bounding_box()
    lab.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    lab.mouse.down()
    lab.mouse.move(end["x"] + 40, end["y"] + 20, steps=8)
    lab.mouse.up()
    lab.wait_for_function(
        "before => document.querySelector('.ilo-toy-scores').textContent !== before", arg=before
    )
    toy = Toy()
    assert "C   B = 0.40   R = 0.50   ILO = 0.444" in before
    assert toy.scores()["ilo"].round(3).tolist() == [0.75, 0.571, 0.444]
    assert "C   B = 0.60   R = 1.00   ILO = 0.750" in lab.inner_text(".ilo-toy-scores")


def test_a_click_on_a_point_reads_its_neighbours(lab, explorer):
    """Points lie where the map's coordinates, −1.05 to 1.05, put them in the canvas."""
    layer, k, tau, _ = shown(lab)
    points = moving_maps(explorer.study.acts)
    points = points[points["layer"] == layer].reset_index(drop=True)
    xy = points[["x", "y"]].to_numpy()
    apart = np.linalg.norm(xy[:, None] - xy, axis=2) + 9 * np.eye(len(xy))
    alone = points.iloc[int(apart.min(axis=1).argmax())]  # none beside it to be hit instead
    lab.locator(".ilo-map button[title*='pan']").click()
    canvas = lab.locator(".ilo-map canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    side = min(box["width"], box["height"]) / 2 / 1.05
    x = (box["width"] / 2 + alone["x"] * side) / box["width"]
    y = (box["height"] / 2 - alone["y"] * side) / box["height"]
    click(lab, box, x, y)
    lab.wait_for_selector(".ilo-told", timeout=10_000)
    explorer.move(layer=layer, k=k, tau=tau, translations=True)
    cell = alone["language"], alone["sentence"]
    assert lab.inner_text(".ilo-told") == tell(explorer, *cell)
    kinds = neighbors_of(explorer, *cell)["kind"].tolist()
    rows = lab.locator(".ilo-near tr").all_inner_texts()
    assert [row.split()[0] for row in rows] == kinds
