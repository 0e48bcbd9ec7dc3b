"""Excel workbooks: which sheet, which rows, what a cell says; strangers' are bounded before they are parsed."""

import datetime as dt
import gzip
import io
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from frostline.data.options import TableLimits, TableOptions
from frostline.data.tables import read_labelled, stream_texts
from frostline.errors import InputError, UnavailableError

openpyxl = pytest.importorskip("openpyxl")  # the extra `frostline[xlsx]`, among what the tests need

HEADER = ["text", "label"]
ROWS = [["a fine film", "pos"], ["a bad one", "neg"], ['so, "so"', "pos"]]


def saved(path: Path, **sheets: list[Any]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def refused(path: Path, **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read_labelled(path, TableOptions(**options))
    return caught.value


def changed(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """The workbook with one part changed, or added."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as fresh:
        for info in old.infolist():
            content = old.read(info)
            fresh.writestr(info.filename, change(content) if info.filename == part else content)
        if part not in old.namelist():
            fresh.writestr(part, change(b""))
    path.write_bytes(out.getvalue())
    return path


@pytest.mark.parametrize("name", ["a.xlsx", "a.xlsm", "a.csv", "a"])
def test_a_sheet_is_a_table(tmp_path: Path, name: str) -> None:
    """Whatever the file is called; rows have the numbers that the spreadsheet shows."""
    data = read_labelled(saved(tmp_path / name, Reviews=[HEADER, *ROWS]))
    assert (data.texts, data.labels) == ([row[0] for row in ROWS], [row[1] for row in ROWS])
    assert (list(data.lines), data.source.text_column, data.source.sheet) == ([2, 3, 4], "text", "")
    assert data.source.remark == ""
    assert [row.text for row in stream_texts(tmp_path / name)] == [row[0] for row in ROWS]


def test_it_may_be_gzipped(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", Reviews=[HEADER, *ROWS])
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert read_labelled(path).texts == [row[0] for row in ROWS]


def test_cells_are_text(tmp_path: Path) -> None:
    """Whole numbers without a point, dates as ISO 8601 has them, booleans as Excel shows them."""
    values = [
        5,
        5.0,
        2.5,
        True,
        dt.date(2026, 5, 1),
        dt.datetime.fromisoformat("2026-05-01 13:30"),
        dt.time(9, 15),
        "007",
        1e300,
    ]
    path = saved(tmp_path / "a.xlsx", S=[HEADER, *([f"text {row}", value] for row, value in enumerate(values))])
    said = ["5", "5", "2.5", "TRUE", "2026-05-01", "2026-05-01 13:30:00", "09:15:00", "007", "1e+300"]
    assert read_labelled(path).labels == said


def test_blank_rows_and_cells_beyond_the_table_are_none(tmp_path: Path) -> None:
    rows = [[None], HEADER, ["a", "x"], [None, None, None], ["b", "y", None, " "], ["", ""]]
    data = read_labelled(saved(tmp_path / "a.xlsx", S=rows))
    assert (data.texts, data.labels, list(data.lines)) == (["a", "b"], ["x", "y"], [3, 5])


def test_cells_that_are_missing_at_the_end_are_empty(tmp_path: Path) -> None:
    error = refused(saved(tmp_path / "a.xlsx", S=[HEADER, ["a", "x"], ["b"], ["c", "y", "z"]]))
    assert "line 3: the label is empty; line 4: must have 2 cells (it has 3)" in error.message


def test_the_first_sheet_that_is_shown_is_read_and_said(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", Notes=[["what this is"]], Reviews=[HEADER, *ROWS], Old=[HEADER, ["x", "y"]])
    book = openpyxl.load_workbook(path)
    book["Notes"].sheet_state = "hidden"
    book.active = 1
    book.save(path)
    data = read_labelled(path)
    assert (data.texts, data.source.sheet) == ([row[0] for row in ROWS], "Reviews")
    said = "the sheet 'Reviews' is read, not 'Notes', 'Old' (--sheet NAME takes one of them)."
    assert data.source.remark == f"{path}: {said}"
    named = read_labelled(path, TableOptions(sheet="Old"))
    assert (named.texts, named.source.sheet, named.source.remark) == (["x"], "Old", "")
    error = refused(path, sheet="Alt")
    assert (error.message, error.hint) == (
        f"{path}: there is no sheet 'Alt'.",
        "Its sheets: 'Notes', 'Reviews', 'Old'.",
    )


def test_a_size_that_the_sheet_has_not_is_not_believed(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", S=[HEADER, *ROWS])
    changed(path, "xl/worksheets/sheet1.xml", lambda xml: re.sub(rb'ref="[^"]*"', b'ref="A1:B2"', xml, count=1))
    assert len(read_labelled(path)) == 3


def test_a_formula_is_what_was_last_shown(tmp_path: Path) -> None:
    """None was, where no spreadsheet program has computed it: an empty cell."""
    path = saved(tmp_path / "a.xlsx", S=[HEADER, ["a", "x"], ["b", "=CONCATENATE(1,2)"]])
    assert "line 3: the label is empty" in refused(path).message


def test_a_column_for_each_label(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", S=[["text", "toxic", "insult"], ["a", 1, False], ["b", 0.0, True]])
    assert read_labelled(path, TableOptions(labels="toxic,insult")).names == [("toxic",), ("insult",)]


def test_without_openpyxl_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.xlsx", S=[HEADER, *ROWS])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(UnavailableError, match=r"a\.xlsx: reading a workbook needs openpyxl") as caught:
        read_labelled(path)
    assert caught.value.hint == "pip install 'frostline[xlsx]'"


def archive(path: Path, **parts: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as written:
        for name, content in parts.items():
            written.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        ({"a.csv": b"text,label", "b.csv": b""}, "a zip archive of 'a.csv', 'b.csv'"),
        ({}, "an empty zip archive"),
        ({"[Content_Types].xml": b"", "word/document.xml": b""}, "a Word document"),
        ({"mimetype": b"", "content.xml": b""}, "an OpenDocument file"),
        ({"[Content_Types].xml": b"", "xl/workbook.bin": b""}, r"a binary Excel workbook \(\.xlsb\)"),
    ],
)
def test_other_archives_are_named(tmp_path: Path, parts: dict[str, bytes], what: str) -> None:
    error = refused(archive(tmp_path / "a.xlsx", **parts))
    assert re.search(rf"a\.xlsx must be a TSV, .* file \(it is {what}\)", error.message)
    assert error.hint == "Unpack it, or save the sheet as .xlsx or CSV (UTF-8)."


@pytest.mark.parametrize(
    "content", [b"<html><table><tr><td>text</td></tr></table>", b"\n<?xml version='1.0'?><Workbook/>"]
)
def test_a_page_that_calls_itself_a_workbook_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.xls"
    path.write_bytes(content)
    assert "it is a page of HTML or XML" in refused(path).message


@pytest.mark.parametrize("content", [b"PK\x03\x04 and no more", b"PK\x05\x06"])
def test_a_damaged_workbook_is_one_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.xlsx").write_bytes(content)
    assert "is not a workbook that can be read" in refused(tmp_path / "a.xlsx").message
    path = saved(tmp_path / "b.xlsx", S=[HEADER, *ROWS])
    changed(path, "xl/worksheets/sheet1.xml", lambda xml: xml[:-40])
    assert "is not a workbook that can be read" in refused(path).message


SHEET = "xl/worksheets/sheet1.xml"


def _in_row(xml: bytes, more: bytes) -> bytes:
    return xml.replace(b"</row>", more + b"</row>", 1)


@pytest.mark.parametrize(
    ("part", "change", "told"),
    [
        (SHEET, lambda xml: b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + xml, "defines entities"),
        (SHEET, lambda xml: b"<\0!\0D\0O\0" + xml, "defines entities"),
        (SHEET, lambda xml: b"<?xml version='1.0' encoding='cp037'?>" + xml, "defines entities"),
        (SHEET, lambda xml: _in_row(xml, b"<c/>" * 250_000), "its part 'xl/worksheets/sheet1.xml' holds too many"),
        (
            SHEET,
            lambda xml: xml.replace(b"<sheetData>", b"<cols/>" * 25_000 + b"<sheetData>"),
            "holds too many elements",
        ),
        ("xl/styles.xml", lambda xml: xml + b"<xf/>" * 250_000, "its part 'xl/styles.xml' holds too many elements"),
        (
            "xl/sharedStrings.xml",
            lambda xml: xml + b"<si/>" * 4_100_000,
            "'xl/sharedStrings.xml' holds too many elements",
        ),
        ("xl/sharedStrings.xml", lambda xml: xml + b"<row />", "'xl/sharedStrings.xml' holds too many elements"),
        ("xl/workbook.xml", lambda xml: xml + b"<sheet />" * 300, "'xl/workbook.xml' holds too many elements"),
        (
            "[Content_Types].xml",
            lambda xml: xml.replace(b"/xl/workbook.xml", b"/xl/worksheets/sheet1.xml"),
            "a sheet is called the workbook",
        ),
    ],
)
def test_what_would_take_too_much_is_refused_before_it_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, change: Callable[[bytes], bytes], told: str
) -> None:
    path = changed(saved(tmp_path / "a.xlsx", S=[HEADER, *ROWS]), part, change)
    monkeypatch.setattr("openpyxl.load_workbook", lambda *_, **__: pytest.fail("parsed"))
    assert told in refused(path).message


def test_a_bomb_is_refused_by_its_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.xlsx", S=[HEADER, *ROWS])
    changed(path, "xl/media/image1.png", lambda _: b"a" * 3_000_000)
    limits = TableLimits(expansion_free_bytes=1_000_000)
    assert len(read_labelled(path)) == 3
    monkeypatch.setattr("openpyxl.load_workbook", lambda *_, **__: pytest.fail("parsed"))
    assert re.search(
        r"asks for more .*\([\d,]+ bytes would become 3,0\d\d,\d\d\d\)", refused(path, limits=limits).message
    )


def test_a_workbook_that_needs_a_password_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", S=[HEADER, *ROWS])
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02")
    content[place + 8] |= 1
    path.write_bytes(content)
    assert refused(path).message.endswith("a.xlsx is encrypted.")


def test_a_row_far_below_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.xlsx", S=[HEADER, *ROWS])
    changed(path, SHEET, lambda xml: xml.replace(b'<row r="4"', b'<row r="2001"'))
    monkeypatch.setattr("frostline.data.workbook.MOST_ROWS", 2001)
    assert list(read_labelled(path).lines) == [2, 3, 2001]
    monkeypatch.setattr("frostline.data.workbook.MOST_ROWS", 2000)
    assert refused(path).message.endswith("a sheet must have at most 2,000 rows.")


def test_strings_of_excel_lie_in_a_part_of_their_own(tmp_path: Path) -> None:
    """With runs of letters formatted apart, and carriage returns as workbooks write them."""
    strings = (
        b"<sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><si><t>text</t></si><si><t>label</t></si>"
        b"<si><r><t>a </t></r><r><rPr><b/></rPr><t>fine</t></r></si><si><t>one_x000D_\ntwo</t></si></sst>"
    )
    sheet = b"".join(
        b"<row r='%d'><c t='s'><v>%d</v></c><c t='s'><v>%d</v></c></row>" % row
        for row in [(1, 0, 1), (2, 2, 2), (3, 3, 2)]
    )
    path = saved(tmp_path / "a.xlsx", S=[HEADER])
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = b'<Override PartName="/xl/sharedStrings.xml" ContentType="' + kind + b'"/></Types>'
    changed(path, "[Content_Types].xml", lambda xml: xml.replace(b"</Types>", override))
    changed(path, "xl/sharedStrings.xml", lambda _: strings)
    changed(path, SHEET, lambda xml: re.sub(rb"<row.*</row>", lambda _: sheet, xml, flags=re.DOTALL))
    data = read_labelled(path)
    assert (data.texts, data.labels) == (["a fine", "one\r\ntwo"], ["a fine"] * 2)


def test_more_columns_than_a_table_may_have_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", S=[HEADER, ["a", "x", *range(1100)]])
    assert "at most 1,000 columns" in refused(path).message


def test_formulas_without_saved_values_are_named(tmp_path: Path) -> None:
    """As programs write them that don't compute."""
    path = saved(tmp_path / "a.xlsx", one=[HEADER, *[[f'="a film "&{row}', "ab"[row % 2]] for row in range(9)]])
    assert refused(path).hint == (
        "Its formulas have no saved values: open it in a spreadsheet program and save it there."
    )


def test_merged_cells_are_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [HEADER, *[[f"film {row}", "ab"[row % 2]] for row in range(8)]]:
        book.active.append(row)
    book.active.merge_cells("B2:B4")
    book.save(tmp_path / "a.xlsx")
    assert refused(tmp_path / "a.xlsx").hint == (
        "Merged cells have their value in the first alone: unmerge them and fill each."
    )


def test_what_is_looked_for_may_lie_across_the_pieces_that_are_looked_at(tmp_path: Path) -> None:
    """In UTF-16 a declaration's beginning is five bytes; pieces are a megabyte."""
    path = saved(tmp_path / "a.xlsx", S=[HEADER, *ROWS])
    for before in range(5):
        content = [b" " * ((1 << 20) - before) + b"<\0!\0E\0N\0T\0I\0T\0Y\0"]
        changed(path, SHEET, lambda _: content.pop())  # noqa: B023 - called at once
        assert refused(path).message.endswith("holds XML that defines entities.")
