"""The book: ``make book`` writes it to ``build/book``."""

import re
from importlib import metadata
from pathlib import Path

import plotly

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


def interactive_map(app, error):
    """The map of notebook 4, with plotly's script beside it instead of from the network."""
    if error or app.builder.format != "html":
        return
    page = (ROOT / "figures/gemma-3-270m--udhr/04_map.html").read_text()
    page, found = re.subn(r'src="https://cdn[^"]*"[^>]*>', 'src="plotly.min.js">', page)
    if found != 1:
        raise ValueError(f"04_map.html: {found} scripts from the network, expected 1 to replace")
    (Path(app.outdir) / "interactive_map.html").write_text(page)
    script = Path(plotly.__file__).parent / "package_data/plotly.min.js"
    (Path(app.outdir) / "plotly.min.js").write_bytes(script.read_bytes())


def setup(app):
    app.connect("build-finished", interactive_map)
