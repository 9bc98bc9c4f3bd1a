"""Figures from tables: every function takes a table, returns a figure, and shows nothing.

Each draws in the suite's style by itself; :func:`use_style` sets it for drawing of one's own.
"""

# ruff: noqa: F401

from .grids import heatmap_by_layer, heatmaps, rates_between_languages
from .languages import bars_by_language, dots_by_language, ilo_by_group
from .layers import ablation, ilo_by_layer, models_by_depth, panels_by_layer
from .maps import interactive_map, sentence_maps
from .style import FAMILY_COLORS, MODEL_COLORS, alternating, language_label, use_style
from .tokens import accuracy_by_label, diversity_by_frequency, histogram, token_maps
from .training import changes_by_layer, dose_response, scatter_languages, scatter_runs
