"""Files as hospitals send them: every format, encoding and kind of damage."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from sync.inbound import workbook
from sync.inbound.errors import EmptyFile, NoTable, UnknownSheet
from sync.inbound.tabular import open_table
from tests.sync.inbound.kit import read, workbook_bytes, zipped

TEXT = 'Code,Name\n1,"Müller, Café"\n2,Plain\n'
ROWS = [["1", "Müller, Café"], ["2", "Plain"]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feed"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("wrap", [bytes, zipped])
def test_the_encoding_is_found_out(path: Path, encoding: str, wrap: type) -> None:
    assert read(path, wrap(TEXT.encode(encoding))) == (["Code", "Name"], ROWS, [], "")


def test_the_first_odd_name_may_be_far_down_the_file(path: Path) -> None:
    content = b"Code,Name\n" + b"".join(b"%d,Plain name of some length\n" % n for n in range(60_000)) + b"x,M\xfcller\n"
    assert read(path, content)[1][-1] == ["x", "Müller"]


def test_one_row_in_another_encoding_spoils_only_itself(path: Path) -> None:
    content = "Code,Name\n1,Müller\n2,Café für alle\n".encode() + b"3,M\xfcller\n"
    _columns, rows, _faults, _damage = read(path, content)
    assert rows[0] == ["1", "Müller"]
    assert rows[2][1] == "M\udcfcller"  # which mdm.values refuses with words


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_the_separator_is_found_out(path: Path, separator: str) -> None:
    lines = [["Code", "Name", "Price"], ["1", "Gauze, sterile; 4 x 4", "1.50"], ["2", "Tape", "2"]]
    content = "\n".join(separator.join(f'"{c}"' if separator in c else c for c in line) for line in lines).encode()
    columns, rows, faults, damage = read(path, content)
    assert [columns, *rows] == lines
    assert (faults, damage) == ([], "")


def test_a_file_of_one_column_is_a_table(path: Path) -> None:
    assert read(path, b"Name\nSurgery\nLinen\n")[:2] == (["Name"], [["Surgery"], ["Linen"]])


def test_headings_are_found_below_titles_and_notes(path: Path) -> None:
    content = b"Item master\nprinted 11/22/2026\n\nCode,Name,Price\n1,Gauze,2\n2,Tape,3\n"
    assert read(path, content)[0] == ["Code", "Name", "Price"]
    table = open_table(path)
    assert [row.number for row in table.rows()] == [5, 6]


def test_wanted_columns_decide_which_row_is_the_headings(path: Path) -> None:
    content = b"Region,Owner,Date\nNorth,Finance,2026\nCode,Name,Price\n1,Gauze,2\n"
    assert read(path, content, wanted=["code", "NAME"])[0] == ["Code", "Name", "Price"]


def test_columns_without_or_with_the_same_name_get_names_of_their_own(path: Path) -> None:
    assert read(path, b"Code,,Name,Name\n1,a,b,c\n")[0] == ["Code", "Column 2", "Name", "Name (2)"]


def test_line_breaks_within_quotation_marks_belong_to_the_value(path: Path) -> None:
    assert read(path, b'Code,Name\r\n1,"two\r\nlines"\r\n2,x\r\n')[1] == [["1", "two\r\nlines"], ["2", "x"]]


def test_old_mac_line_ends_are_line_ends(path: Path) -> None:
    assert read(path, b"Code,Name\r1,a\r2,b\r")[1] == [["1", "a"], ["2", "b"]]


def test_a_quotation_mark_that_is_never_closed_spoils_one_row(path: Path) -> None:
    content = b'Code,Name\n1,"12 inch drape\n' + b"".join(b"%d,x\n" % n for n in range(2, 200))
    _columns, rows, faults, damage = read(path, content)
    assert [row[0] for row in rows] == [str(n) for n in range(2, 200)]
    assert ["quotation mark" in fault for fault in faults] == [True]
    assert damage == ""


def test_an_inch_sign_is_no_quotation_mark(path: Path) -> None:
    assert read(path, b'Code,Name\n1,Tube 1/2"\n2,x\n')[1] == [["1", 'Tube 1/2"'], ["2", "x"]]


def test_rows_of_another_length_than_the_headings_are_faults(path: Path) -> None:
    _columns, rows, faults, _damage = read(path, b"Code,Name,Price\n1,a,2\n2,Gauze, sterile,3\n3,b\n4,c,5,,\n")
    assert [row[0] for row in rows] == ["1", "4"]
    assert "4 cells where the headings have 3" in faults[0]
    assert "2 cells where the headings have 3" in faults[1]


@pytest.mark.parametrize("last", [b"2", b"2,", b'2,"Tape', b'2,"Tape, silk"'])
def test_a_file_that_breaks_off_in_a_row_says_so_and_keeps_what_is_whole(path: Path, last: bytes) -> None:
    columns, rows, faults, damage = read(path, b"Code,Name,Price\n1,Gauze,10\n" + last)
    assert columns == ["Code", "Name", "Price"]
    assert rows == [["1", "Gauze", "10"]]
    assert len(faults) == 1
    assert "breaks off" in damage


def test_a_last_row_without_a_line_end_is_whole(path: Path) -> None:
    assert read(path, b"Code,Name\n1,a\n2,b")[1:] == ([["1", "a"], ["2", "b"]], [], "")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_gzip_file_that_is_cut_off_gives_what_it_has(path: Path, share: float) -> None:
    content = gzip.compress(b"Code,Name\n" + b"".join(b"%d,%d\n" % (n, n * 7919 % 10007) for n in range(50_000)))
    _columns, rows, _faults, damage = read(path, content[: int(len(content) * share)])
    assert "cut off" in damage
    assert 50_000 * (share - 0.2) < len(rows) < 50_000
    assert rows[100] == ["100", str(100 * 7919 % 10007)]


def test_a_gzip_file_with_a_wrong_checksum_is_damaged(path: Path) -> None:
    content = bytearray(zipped(TEXT.encode()))
    content[-6] ^= 0xFF
    assert "damaged" in read(path, bytes(content))[3]


@pytest.mark.parametrize("content", [b"", zipped(b"")])
def test_a_file_of_0_bytes_says_so(path: Path, content: bytes) -> None:
    with pytest.raises(EmptyFile, match="0 bytes"):
        read(path, content)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        *(
            (b"%PDF-1.7\n...", "PDF"),
            (b"\x89PNG\r\n", "PNG"),
            (b"<html><body>", "HTML"),
            (b'\xef\xbb\xbf {"a": 1}', "JSON"),
        ),
        *((b"\n\n  \n", "headings"), (b"PK\x03\x04 broken", "damaged"), (b"a" * (1 << 21), "line")),
    ],
)
def test_what_is_no_table_is_refused_with_a_remedy(path: Path, content: bytes, word: str) -> None:
    with pytest.raises(NoTable, match=word):
        read(path, content)


def test_nul_bytes_stay_in_their_cells(path: Path) -> None:
    assert read(path, b"Code,Name\n1,a\0b\n2,c\n")[1] == [["1", "a\0b"], ["2", "c"]]


def test_a_workbook_gives_typed_cells(path: Path) -> None:
    rows = [
        ("Code", "Date", "Count", "Flag"),
        ("0012", dt.datetime(2026, 11, 22), 4711, True),
        ("13", None, 1.5, False),
    ]
    for content in (workbook_bytes(*rows), zipped(workbook_bytes(*rows))):
        columns, found, faults, damage = read(path, content)
        assert columns == ["Code", "Date", "Count", "Flag"]
        assert found == [["0012", dt.date(2026, 11, 22), 4711.0, True], ["13", "", 1.5, False]]
        assert (faults, damage) == ([], "")


def test_errors_and_formulas_without_a_result_are_seen_in_a_workbook(path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for _ in range(3):
        sheet.append([])
    sheet.append(["Code", "Name", "Price"])
    sheet.append(["1", "#REF!", "=A1"])
    sheet.append(["2", "#N/A", 3])
    sheet["B5"].data_type = sheet["B6"].data_type = "e"
    book.save(path)
    table = open_table(path)
    assert [(row.number, list(row.cells)) for row in table.rows()] == [
        (5, ["1", "#REF!", "#NOT_CALCULATED!"]),
        (6, ["2", "", 3.0]),
    ]


def test_the_sheet_is_the_one_named_or_the_first_with_rows(path: Path) -> None:
    book = Workbook()
    book.create_sheet("Data").append(["Code"])
    book["Data"].append(["1"])
    book.create_sheet("More").append(["Other"])
    book.save(path)
    assert open_table(path).columns == ["Code"]
    assert open_table(path, sheet="More").columns == ["Other"]
    with pytest.raises(UnknownSheet, match="Sheet, Data, More"):
        open_table(path, sheet="Nope")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_workbook_that_is_cut_off_is_refused(path: Path, share: float) -> None:
    content = workbook_bytes(("Code", "Name"), *((str(n), "x") for n in range(500)))
    with pytest.raises(NoTable, match="damaged or cut off"):
        read(path, content[: int(len(content) * share)])


def test_a_workbook_that_would_fill_the_memory_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "LARGEST", 10 << 20)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as member:
            member.write(bytes(11 << 20))
    with pytest.raises(NoTable, match="1 GB"):
        read(path, out.getvalue())


def test_a_large_file_is_read_in_little_memory(path: Path) -> None:
    with gzip.open(path, "wt") as file:
        file.write("Code,Name,Text\n")
        file.writelines(f"{n},Name {n},{'x' * 180}\n" for n in range(50_000))
    tracemalloc.start()
    assert sum(1 for _ in open_table(path).rows()) == 50_000  # 10 MB
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6_000_000
