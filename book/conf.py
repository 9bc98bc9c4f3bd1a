"""The book: ``make book`` writes it to ``build/book``."""

from importlib import metadata
from pathlib import Path

from ilo_helpers.explorer.page import bundle_page

ROOT = Path(__file__).parent.parent

project = "Do multilingual language models represent the same meaning in the same place?"
author = "the ilo-helpers authors"
release = version = metadata.version("ilo-helpers")
html_title = "The same meaning in the same place?"
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["notebooks/.ipynb_checkpoints"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks are committed executed
nb_merge_streams = True
napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"

html_theme = "sphinx_book_theme"
html_theme_options = {
    "show_toc_level": 2,
    "use_download_button": True,
    "home_page_in_toc": True,
    "navbar_persistent": [],  # one search field is enough
}


def add_explorer(app, error):
    """The explorer's page, with plotly's script beside it."""
    if not error and app.builder.format == "html":
        bundle_page(ROOT / "figures/gemma-3-270m--udhr/03_explorer.html", Path(app.outdir))


def setup(app):
    app.connect("build-finished", add_explorer)
