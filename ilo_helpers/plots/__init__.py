"""Figures from tables: every function takes a table, returns a figure, and shows nothing.

Each draws in the suite's style by itself; :func:`use_style` sets it for drawing of one's own.
"""

# ruff: noqa: F401

from .atlas import dots_by_group, groups_by_depth, language_map, searchable_table
from .certainty import (
    before_and_after,
    chance_and_alignment,
    coverage_dots,
    ilo_by_size,
    intervals_by_layer,
    left_out_dots,
    orders_of_parts,
)
from .corpus import languages_by_group, lengths_of_translations, world_map
from .grids import heatmap_by_layer, heatmaps, rates_between_languages
from .interventions import bands_by_layer, does_ilo_know_where, patch_drawn
from .languages import bars_by_language, dots_by_language, ilo_by_group
from .layers import ablation, ilo_by_layer, models_by_depth, panels_by_layer, weights_by_layer
from .lessons import confounds_by_layer, kinds_by_layer, score_bars, scores_by_size
from .maps import maps_and_quality, region_maps
from .regions import (
    bars_by_setting,
    groups_by_layer,
    lines_by_layer,
    shared_by_language,
    shares_by_layer,
)
from .rivals import (
    chosen_and_tried,
    correlations_by_layer,
    disturbances,
    predictions_by_layer,
)
from .schematics import crowded_and_centred, from_tokens_to_vectors, languages_by_tokens
from .style import FAMILY_COLORS, MODEL_COLORS, alternating, language_label, use_style
from .tokens import (
    accuracy_by_label,
    by_dose,
    diversity_by_frequency,
    dots_by_pair,
    histogram,
    neighbor_shares,
    token_maps,
)
from .training import ARMS, arms, changes_by_layer, differences, frozen_parts
from .verdicts import contact_sheet, verdict_board
