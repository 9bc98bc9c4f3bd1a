"""The explorer's page for the book: its numbers, and the page itself in a real browser, offline.

What the page shows of the real study is held against the committed table of k and τ; no model runs.
"""

import base64
import gzip
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made import table
from test_explorer import made_study

from ilo_helpers import ilo_scores
from ilo_helpers.explorer import page as page_module
from ilo_helpers.explorer.moving import moving_maps
from ilo_helpers.explorer.page import bundle_page, write_page
from ilo_helpers.ilo import bridges
from ilo_helpers.keep.paths import ROOT
from ilo_helpers.validity.chance import expected_scores
from ilo_helpers.validity.intervals import jackknife_interval, leave_one_out_scores

FOLDER = ROOT / "figures/gemma-3-270m--udhr"
EVIL = "</script><img src=x onerror=alert(1)>"


def unpacked(path):
    """The numbers in a page."""
    packed = re.search(r'id="numbers">([A-Za-z0-9+/=]*)<', path.read_text(encoding="utf-8"))[1]
    return json.loads(gzip.decompress(base64.b64decode(packed)))


class Tags(HTMLParser):
    """How often each element opens in a page."""

    def __init__(self, path):
        super().__init__()
        self.found = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)


def evil_study():
    """Two languages of four sentences that are markup."""
    sentences = [EVIL, "<b>two</b>", "three", "four & <i>more"]
    return made_study(table({"eng_Latn": sentences, "deu_Latn": sentences[::-1]}), k=2, tau=1)


@pytest.fixture
def study(text):
    return made_study(text)


@pytest.fixture(scope="module")
def written(text, tmp_path_factory):
    """A page, made once: each has the curves of every k and τ."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ILO_DATA", str(tmp_path_factory.mktemp("data")))
        return write_page(made_study(text), tmp_path_factory.mktemp("page") / "page.html")


@pytest.fixture
def page(written, tmp_path):
    return Path(shutil.copy(written, tmp_path / "page.html"))


# the numbers in it


def test_curves_are_those_of_the_scores(study, page):
    data, near = unpacked(page), study.neighbors
    pairs = [(k, tau) for k in range(1, 11) for tau in range(1, 6) if tau <= k]
    assert list(data["curves"]) == [f"{k},{tau}" for k, tau in pairs]
    for k, tau in pairs:
        curve, scores = data["curves"][f"{k},{tau}"], ilo_scores(near, k, tau)
        means = scores.groupby("layer")[["ilo", "bridge", "reach"]].mean()
        for name in means:
            np.testing.assert_allclose(curve[name], means[name], atol=6e-6)
        left_out = leave_one_out_scores(near, k, tau)["ilo"].mean(axis=2)
        low, high = jackknife_interval(means["ilo"].to_numpy(), left_out)
        np.testing.assert_allclose(curve["low"], low, atol=6e-6)
        np.testing.assert_allclose(curve["high"], high, atol=6e-6)
        assert curve["chance"] == expected_scores(12, 6, k, tau)["ilo"]
        by_language = scores.pivot(index="layer", columns="language", values=["bridge", "reach"])
        counted = np.array(data["bridges"][f"{k},{tau}"]) / 12
        np.testing.assert_allclose(counted, by_language["bridge"][list(study.text)])
        np.testing.assert_allclose(np.array(data["met"][str(k)]) / 5,
                                   by_language["reach"][list(study.text)])  # fmt: skip


def test_points_have_their_neighbours_and_places(study, page, text):
    data = unpacked(page)
    near = np.array(data["near"]).reshape(3, 6, 12, 10)
    np.testing.assert_array_equal(near, study.neighbors["index"][..., :10])
    count = np.array(data["count"]).reshape(near.shape)
    for k, tau in ((3, 1), (7, 4)):
        bridging = count[..., k - 1] >= tau
        np.testing.assert_array_equal(bridging, bridges(study.neighbors, k, tau))
    places = np.array(data["places"]).reshape(-1, 2) / data["scale"]
    np.testing.assert_allclose(places, moving_maps(study.acts)[["x", "y"]], atol=6e-4)
    assert data["texts"] == [text[code].tolist() for code in text]
    assert data["start"] == {"k": 4, "tau": 2, "layer": study.peak}
    assert [each["code"] for each in data["languages"]] == list(text)
    assert set(data["hues"]) == {"family", "language", "script", "resources"}
    for hue in data["hues"].values():
        assert set(hue["groups"]) == set(hue["colors"]) and len(hue["groups"]) == 6


def test_the_same_numbers_are_the_same_page(study, page, tmp_path):
    again = write_page(study, tmp_path / "again.html")
    assert again.read_bytes() == page.read_bytes()


@pytest.mark.parametrize(
    ("part", "change", "left"),
    [
        ("places", lambda places: [[x + 1 for x in row] for row in places], True),
        ("places", lambda places: [[x + 2 for x in row] for row in places], False),
        ("precision", lambda shares: [share + 1e-5 for share in shares], False),
    ],
)
def test_a_page_is_left_as_it_is_but_for_what_rounding_moves(
    part, change, left, study, page, monkeypatch
):
    numbers = unpacked(page)
    monkeypatch.setattr(page_module, "page_data", lambda _: numbers | {part: change(numbers[part])})
    before = page.read_bytes()
    assert (write_page(study, page).read_bytes() == before) is left
    for damaged in (before[:-9], before[:2000] + before[4000:], before.replace(b"H4sI", b"H4sJ")):
        page.write_bytes(damaged)
        assert unpacked(write_page(study, page))[part] == change(numbers[part])


def test_a_small_corpus_has_short_sliders(tmp_path):
    data = unpacked(write_page(evil_study(), tmp_path / "page.html"))
    assert data["k"] == [1, 2, 3, 4, 5, 6, 7] and data["tau"] == [1]
    assert list(data["curves"]) == [f"{k},1" for k in data["k"]]


def test_a_sentence_cannot_break_out(page, tmp_path):
    evil = write_page(evil_study(), tmp_path / "evil.html")
    assert Tags(evil).found == Tags(page).found
    assert "onerror" not in evil.read_text()
    assert unpacked(evil)["texts"][0][0] == EVIL


def test_a_corpus_not_to_be_passed_on_gets_no_page(tmp_path):
    study, note = evil_study(), "its makers ask that it not be re-hosted as plain text"
    study.text.attrs |= {"name": "flores200-dev", "note": note}
    with pytest.raises(ValueError, match=f"no page of corpus 'flores200-dev'.*{note}.*udhr"):
        write_page(study, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_page_that_is_not_there_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no 03_explorer\.html.*NOTEBOOKS=03"):
        bundle_page(tmp_path / "03_explorer.html", tmp_path)


# in the browser


@pytest.fixture(scope="module")
def committed():
    """Mean ILO, B and R of the real study by k, τ and layer."""
    kept = pd.read_csv(FOLDER / "03_k_tau.csv")
    return kept.set_index(["k", "tau", "layer"])[["ilo", "bridge", "reach"]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return bundle_page(FOLDER / "03_explorer.html", tmp_path_factory.mktemp("book"))


def opened(browser, path, width):
    """A page by file://, all but itself and plotly's script blocked; ``wrong`` says what failed."""
    view = browser.new_page(viewport={"width": width, "height": 900})
    view.wrong = []
    view.on("console", lambda said: said.type == "error" and view.wrong.append(said.text))
    view.on("pageerror", lambda error: view.wrong.append(str(error)))
    view.on("dialog", lambda dialog: view.wrong.append(dialog.message) or dialog.dismiss())

    def only_these(route):
        wanted = route.request.url in (path.as_uri(), (path.parent / "plotly.min.js").as_uri())
        if not wanted:
            view.wrong.append(route.request.url)
        route.continue_() if wanted else route.abort()

    view.route("**/*", only_these)
    view.goto(path.as_uri())
    view.wait_for_selector("#map .point")
    return view


@pytest.fixture(params=[1280, 400])
def view(request, browser, bundle):
    view = opened(browser, bundle, request.param)
    yield view
    assert view.wrong == []
    view.close()


def shown(view):
    """Layer, k, τ, mean ILO, B, R and the layer of the peak, as the page says them."""
    told = view.inner_text(".ilo-status")
    found = re.fullmatch(
        r"layer (\d+), k = (\d+), τ = (\d+): mean ILO ([\d.]+) "
        r"\(95% interval [\d.-]+ to [\d.]+\), B ([\d.]+), "
        r"R ([\d.]+), by chance [\d.]+; greatest at layer (\d+)", told.strip())  # fmt: skip
    assert found, told
    layer, k, tau, ilo, bridge, reach, peak = found.groups()
    return (int(layer), int(k), int(tau)), [float(ilo), float(bridge), float(reach)], int(peak)


def click(view, target, x, y):
    """Click at a place in an element, in shares of its width and height."""
    target.scroll_into_view_if_needed()
    view.evaluate("scrollBy(0, -1)")  # from under the knobs, which stay at the top
    box = target.bounding_box()
    place = box["x"] + x * box["width"], box["y"] + y * box["height"]
    view.mouse.move(place[0] - 2, place[1] - 2)
    view.mouse.move(*place)  # plotly answers clicks on what is hovered
    view.wait_for_timeout(200)
    view.mouse.down()
    view.mouse.up()


@pytest.mark.browser
def test_the_page_is_small(bundle):
    assert sum(file.stat().st_size for file in bundle.parent.iterdir()) < 6e6
    assert {file.name for file in bundle.parent.iterdir()} == {"03_explorer.html", "plotly.min.js"}


@pytest.mark.browser
def test_nothing_is_cut_off(view):
    width = view.viewport_size["width"]
    assert view.evaluate("document.documentElement.scrollWidth") == width
    assert view.evaluate(
        "width => [...document.querySelectorAll('body *:not(svg *)')].filter("
        "  e => e.getClientRects().length && e.getBoundingClientRect().right > width + 0.5"
        ").map(e => e.outerHTML.slice(0, 200))", width) == []  # fmt: skip
    columns = {round(view.locator(each).bounding_box()["x"]) for each in ("#curves", "#map")}
    assert len(columns) == (2 if width == 1280 else 1)


@pytest.mark.browser
def test_every_setting_says_what_the_committed_table_says(view, committed):
    (layer, k, tau), *_ = shown(view)
    assert (layer, k, tau) == (11, 5, 3)
    steps = """k ArrowRight, tau ArrowLeft, layer ArrowLeft, k ArrowRight, layer Home, layer End,
        tau End, layer ArrowLeft"""
    for knob, key in map(str.split, steps.split(",")):
        view.locator(f"#{knob}").press(key)
        setting, numbers, peak = shown(view)
        assert [view.inner_text(f"#{each}-value") for each in ("layer", "k", "tau")] == [
            str(value) for value in setting
        ]
        layer, k, tau = setting
        np.testing.assert_allclose(numbers, committed.loc[k, tau, layer], atol=0.0006)
        assert peak == committed["ilo"].loc[k, tau].idxmax()
    assert (layer, k, tau) == (17, 7, 5)
    view.locator("#k").press("Home")
    assert shown(view)[0] == (17, 1, 1)  # τ follows k down
    view.locator("#tau").press("ArrowRight")
    assert shown(view)[0] == (17, 1, 1)


@pytest.mark.browser
def test_a_click_in_the_charts_sets_what_is_clicked(view, committed):
    click(view, view.locator("#curves .nsewdrag").first, 7 / 18, 0.5)
    assert shown(view)[0] == (7, 5, 3)
    cells = view.locator("#grids .nsewdrag")
    click(view, cells.first, 3.5 / 5, 1 - 8.5 / 10)  # τ = 4 of 1 to 5, k = 9 of 1 to 10
    assert shown(view)[0] == (7, 9, 4)
    click(view, cells.nth(1), 1.5 / 5, 1 - 9.5 / 10)
    assert shown(view)[0] == (7, 10, 2)
    np.testing.assert_allclose(shown(view)[1], committed.loc[10, 2, 7], atol=0.0006)
    click(view, cells.first, 4.5 / 5, 1 - 1.5 / 10)  # τ = 5 > k = 2: nothing lies there
    assert shown(view)[0] == (7, 10, 2)


@pytest.mark.browser
def test_a_click_on_a_point_reads_its_neighbours(view, bundle):
    data, k, tau = unpacked(bundle), 5, 3
    places = np.array(data["places"][11]).reshape(-1, 2)
    apart = np.linalg.norm(places[:, None] - places, axis=2) + 9e9 * np.eye(len(places))
    alone = int(apart.min(axis=1).argmax())  # none beside it to be hit instead
    click(view, view.locator("#map .points").first.locator(".point").nth(alone), 0.5, 0.5)
    own, sentence = divmod(alone, 49)
    assert view.input_value("#language") == str(own)
    assert view.input_value("#number") == str(sentence)
    assert view.inner_text("#sentence span") == data["texts"][own][sentence]
    near = data["near"][11][10 * alone : 10 * alone + k]
    kinds = ["own" if i // 49 == own else "translation" if i % 49 == sentence else "other"
             for i in near]  # fmt: skip
    told = view.locator("#near i").all_inner_texts()
    assert told == [
        f"{kind}, {data['tokens'][i]} tokens" for kind, i in zip(kinds, near, strict=True)
    ]
    texts = [data["texts"][i // 49][i % 49] for i in near]
    assert view.locator("#near li span").all_inner_texts() == texts
    others = len({i // 49 for i in near} - {own})
    verdict = f"≥ τ = {tau} → bridge" if others >= tau else f"< τ = {tau} → no bridge"
    tokens = data["tokens"][alone]
    assert view.inner_text("#told").startswith(
        f"{tokens} tokens. {others} other languages {verdict}"
    )
    drawn = view.evaluate("document.querySelector('#map').data.slice(1, 4).map(l => l.x.length)")
    assert drawn == [3 * kinds.count(kind) for kind in ("own", "translation", "other")]


@pytest.mark.browser
def test_points_travel_and_change_their_colours(view, bundle):
    data, first = unpacked(bundle), "#map .points >> nth=0 >> .point >> nth=0"
    view.select_option("#hue", "script")
    groups = view.locator("#legend span").all_inner_texts()
    assert set(groups) == set(data["hues"]["script"]["groups"])
    view.select_option("#hue", "bridge or not")
    assert view.locator("#legend span").all_inner_texts() == ["bridge", "no bridge"]
    colors = view.evaluate("document.querySelector('#map').data[0].marker.color")
    bridging = [row[4] >= 3 for row in np.array(data["count"][11]).reshape(-1, 10)]
    assert [color == data["looks"]["bridge"]["bridge"] for color in colors] == bridging
    before = view.get_attribute(first, "transform")
    view.click("#play")
    view.wait_for_function("document.querySelector('#layer').value > 12")
    view.click("#play")
    stopped = shown(view)[0]
    view.wait_for_timeout(1500)
    assert shown(view)[0] == stopped and view.inner_text("#play") == "Play"
    assert view.get_attribute(first, "transform") != before


@pytest.mark.browser
def test_a_sentence_is_shown_as_it_is_written(browser, tmp_path):
    (tmp_path / "book").mkdir()
    page = write_page(evil_study(), tmp_path / "page.html")
    view = opened(browser, bundle_page(page, tmp_path / "book"), 1280)
    assert view.inner_text("#sentence") == EVIL
    click(view, view.locator("#map .points").first.locator(".point").nth(1), 0.5, 0.5)
    assert view.inner_text("#sentence") == "<b>two</b>"
    assert "<b>two</b>" in view.text_content("#map .hoverlayer")
    assert view.locator("img").count() == 0 and view.wrong == []


@pytest.mark.browser
def test_a_page_without_its_script_says_so(browser, tmp_path, page):
    view = browser.new_page()
    view.goto(page.as_uri())
    view.wait_for_selector(".ilo-status.wrong")
    assert "plotly.min.js" in view.inner_text(".ilo-status")
