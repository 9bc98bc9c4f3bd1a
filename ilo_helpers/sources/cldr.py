"""Names in many languages, from Unicode CLDR through PyPI's babel."""

import langcodes

#: CLDR's locale for a FLORES code where it is not simply the language.
CLDR_LOCALES = {
    "zho_Hans": "zh_Hans", "yue_Hant": "yue_Hant", "srp_Cyrl": "sr_Cyrl", "tgl_Latn": "fil",
    "swh_Latn": "sw",
}  # fmt: skip
#: Of the paper's 31, those for which CLDR has no names, or (Sundanese) too few.
CLDR_LACKS = ("bjn_Latn", "ban_Latn", "min_Latn", "sun_Latn")


def cldr_names(code: str) -> dict[tuple[str, str], str]:
    """Names that CLDR has in a language.

    Parameters
    ----------
    code : str
        FLORES code.

    Returns
    -------
    dict
        (label, CLDR's key): name; labels territory, language, currency, script and unit.

    Raises
    ------
    babel.UnknownLocaleError
        For a language that CLDR lacks.
    """
    from babel import Locale

    locale = Locale.parse(CLDR_LOCALES.get(code) or langcodes.get(code[:3]).language)
    kinds = {
        "territory": locale.territories,
        "language": locale.languages,
        "currency": locale.currencies,
        "script": locale.scripts,
        # CLDR falls back from a unit's long name to its short and narrow ones
        "unit": {
            key: forms.get("long") or forms.get("short") or forms.get("narrow")
            for key, forms in locale.unit_display_names.items()
        },
    }
    return {
        (kind, key): name for kind, table in kinds.items() for key, name in table.items() if name
    }
