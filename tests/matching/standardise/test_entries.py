"""Files of a hospital's own words: what is taken, and what is refused with where and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from matching.standardise.entries import BadEntries, check, read

HEAD = "dictionary,written,meaning\n"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_tsv_and_toml_say_the_same(tmp_path: Path) -> None:
    expected = {
        "abbreviations": {"fol": "foley catheter"},
        "units": {"fg": "fr*1", "zoll": "mm*25.4"},
        "packs": {"krt": "CT"},
        "placeholders": {"not on contract": ""},
    }
    rows = [
        ("dictionary", "written", "meaning"), ("abbreviations", "FOL", "Foley Catheter"), ("units", "fg", "1 fr"),
        ("units", "Zoll", "mm*25.4"), ("packs", "krt", "ct"), ("placeholders", "Not on contract!", ""),
    ]  # fmt: skip
    csv = written(tmp_path, "own.csv", "# Source: our buyers\n" + "".join(",".join(row) + "\n" for row in rows))
    tsv = written(tmp_path, "own.tsv", "".join("\t".join(row) + "\n" for row in rows))
    toml = written(
        tmp_path,
        "own.toml",
        '[abbreviations]\nFOL = "Foley Catheter"\n[units]\nfg = "1 fr"\nZoll = "25.4 mm"\n[packs]\nkrt = "CT"\n'
        '[placeholders]\n"Not on contract" = ""\n',
    )
    assert read(csv) == read(tsv) == read(toml) == expected


def test_a_file_may_be_named_after_its_dictionary(tmp_path: Path) -> None:
    assert read(written(tmp_path, "finance.csv", "written,meaning\nbh,behavioral health\n")) == {
        "finance": {"bh": "behavioral health"}
    }


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("own.csv", HEAD + "abbreviation,fol,foley\n", "line 2: there is no dictionary 'abbreviation'"),
        ("own.csv", HEAD + "abbreviations,,foley\n", "line 2: the written form is empty"),
        ("own.csv", HEAD + "abbreviations,fol,\n", "what does 'fol' stand for"),
        ("own.csv", HEAD + "abbreviations,fol cath,foley\n", "of several words"),
        ("own.csv", HEAD + "\n# next\nplaceholders,later,x\n", "line 4: placeholders is a list"),
        ("own.csv", HEAD + "units,fg,1 furlong\n", "in one of the units"),
        ("own.csv", HEAD + "units,fg,0 mm\n", "no quantity"),
        ("own.csv", HEAD + "packs,krt,carton\n", "code of two letters"),
        ("own.csv", HEAD + "variants,ribbed,ribbed\n", "no axis"),
        ("own.csv", HEAD + "abbreviations,fol,foley\nabbreviations,FOL,folate\n", "line 3: 'fol' stands for"),
        ("own.csv", HEAD + "abbreviations,fol,foley,more\n", "line 2: 4 fields"),
        ("own.csv", "a,b\n1,2\n", "must name the columns"),
        ("own.csv", "written,meaning\nfol,foley\n", "no column named dictionary"),
        ("own.csv", HEAD, "has no entries"),
        ("own.toml", "fol = 1\n", "fol is no table"),
        ("own.toml", "[abbreviations]\nfol = 1\n", "a text in quotes"),
        ("own.toml", "[abbreviations\n", "own.toml: "),
    ],
)  # fmt: skip
def test_what_can_not_be_used_is_refused_with_where_and_why(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(BadEntries, match=said.replace("(", r"\(")) as caught:
        read(written(tmp_path, name, text))
    assert name in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadEntries, match="missing"):
        read(tmp_path / "missing.csv")
    (tmp_path / "own.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadEntries, match=r"own\.csv"):
        read(tmp_path / "own.csv")


def test_a_meaning_must_mean_itself() -> None:
    check({"abbreviations": {"fol": "foley catheter"}})
    with pytest.raises(BadEntries, match="written out in full"):
        check({"abbreviations": {"fol": "foley cath"}})  # "cath" is an abbreviation itself
    with pytest.raises(BadEntries, match="means nothing else"):
        check({"abbreviations": {"catheter": "tube"}})  # what "cath" stands for
