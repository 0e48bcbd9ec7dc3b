"""A file of fixes survives spreadsheets, and changes only the rows it is about."""

import csv
import io
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.data.dataset import Dataset, Source
from frostline.data.fixes import (
    COLUMNS,
    LONGEST,
    Action,
    Fix,
    Fixes,
    FixRow,
    apply_fixes,
    cell_of,
    read_fixes,
    text_check,
    value_of,
    write_fixes,
)
from frostline.errors import InputError
from frostline.targets import Targets

ODD = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "'quoted",
    '"quoted"',
    "a\tb",
    "a\nb\r",
    "\\n",
    "\0",
    "\u2028",
    "\uff1d1",
    "a,b;c",
    "",
]


def dataset_of(texts: Sequence[str], labels: Sequence[str]) -> Dataset:
    source = Source(name="data.tsv", sha256="0" * 64, size_bytes=1, text_column="1", label_column="2")
    return Dataset(
        texts=texts, targets=Targets.of_labels(labels), lines=[2 * row + 1 for row in range(len(texts))], source=source
    )


def row_of(data: Dataset, row: int, action: Action = "keep", suggested: str = "") -> FixRow:
    return FixRow(
        action=action,
        advice="look",
        line=data.lines[row],
        label=data.labels[row],
        suggested=suggested,
        score=0.5,
        reason="why",
        text=data.texts[row],
    )


def fix_of(data: Dataset, row: int, action: Action, suggested: str = "") -> Fix:
    check = text_check(data.texts[row])
    return Fix(
        action=action, line=data.lines[row], label=data.labels[row], suggested=suggested, check=check, row=row + 2
    )


def fixes_of(*items: Fix) -> Fixes:
    return Fixes("fixes.tsv", "f" * 64, items)


@given(st.text(st.characters(codec=None)))
def test_a_cell_gives_its_value_back(value: str) -> None:
    """Whatever a label holds, it comes back."""
    assert value_of(cell_of(value)) == value


@given(st.text(st.characters(codec=None)))
def test_a_cell_is_neither_a_formula_nor_more_than_one_cell(value: str) -> None:
    """No spreadsheet sees a formula, a quote, a tab or a line break."""
    cell = cell_of(value)
    assert not cell.startswith(("=", "+", "-", "@", '"', "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
    assert not set(cell) & {"\t", "\n", "\r", "\0", "\u2028", "\x85"}


def test_odd_texts_and_labels_survive_the_file(tmp_path: Path) -> None:
    """Written and read back, every label and every check is as it was."""
    data = dataset_of([f"{odd} text" for odd in ODD], [f"{odd}x" for odd in ODD])
    path = tmp_path / "fixes.tsv"
    assert write_fixes(path, [row_of(data, row, suggested=data.labels[0]) for row in range(len(ODD))]) == len(ODD)
    fixes = read_fixes(path)
    assert [fix.label for fix in fixes.items] == list(data.labels)
    assert {fix.suggested for fix in fixes.items} == {data.labels[0]}
    assert apply_fixes(data, fixes).labels == list(data.labels)


@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_a_spreadsheet_saved_is_read(tmp_path: Path, delimiter: str, encoding: str) -> None:
    """Quoted where it likes to, with CRLF, a byte-order mark, commas or semicolons, blank rows, columns moved."""
    data = dataset_of(['say "no", twice; now', "plain"], ["a,b", "c"])
    path = tmp_path / "fixes.tsv"
    write_fixes(path, [row_of(data, 0, "relabel", "c"), row_of(data, 1)])
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    saved = io.StringIO()
    csv.writer(saved, delimiter=delimiter, lineterminator="\r\n").writerows([[*reversed(row)] for row in rows])
    path.write_bytes((saved.getvalue() + delimiter * 8 + "\r\n").encode(encoding))
    assert apply_fixes(data, read_fixes(path)).labels == ["c", "c"]


def test_a_huge_text_is_cut_in_the_file_and_checked_whole(tmp_path: Path) -> None:
    """A spreadsheet's cell holds 32,767 characters: the check, not the text, says which row is meant."""
    data = dataset_of(["\0" * 3_000_000 + "end", "b"], ["x", "y"])
    path = tmp_path / "fixes.tsv"
    tracemalloc.start()
    write_fixes(path, [row_of(data, 0, "relabel", "y")])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max(len(cell) for cell in path.read_text("utf-8").split("\t")) <= LONGEST
    assert peak < 20_000_000
    assert apply_fixes(data, read_fixes(path)).labels == ["y", "y"]


def test_relabel_and_drop_keep_the_law_of_rows() -> None:
    """Rows in = rows out + rows dropped; lines, texts and labels stay together; what was done is recorded."""
    data = dataset_of(["a", "b", "c", "d"], ["x", "y", "x", "y"])
    fixes = fixes_of(fix_of(data, 0, "relabel", "y"), fix_of(data, 1, "drop"), fix_of(data, 2, "keep", "y"))
    fixed = apply_fixes(data, fixes)
    assert (fixed.texts, fixed.labels, fixed.lines) == (["a", "c", "d"], ["y", "x", "y"], [1, 5, 7])
    assert fixed.fixes is not None
    assert (fixed.fixes.relabelled, fixed.fixes.dropped, fixed.fixes.sha256) == ((1,), (3,), "f" * 64)
    assert len(data) == len(fixed) + len(fixed.fixes.dropped)
    assert data.labels == ["x", "y", "x", "y"]


def test_keeping_every_row_changes_nothing() -> None:
    """The file as it was written does nothing."""
    data = dataset_of(["a", "b"], ["x", "y"])
    fixed = apply_fixes(data, fixes_of(fix_of(data, 0, "keep", "y"), fix_of(data, 1, "keep")))
    assert (fixed.texts, fixed.labels, fixed.lines) == (list(data.texts), list(data.labels), list(data.lines))


def test_relabelling_to_the_same_label_counts_as_nothing() -> None:
    """Only what changes is counted."""
    data = dataset_of(["a", "b"], ["x", "y"])
    fixed = apply_fixes(data, fixes_of(fix_of(data, 0, "relabel", "x")))
    assert fixed.fixes is not None
    assert fixed.fixes.relabelled == ()


def test_a_shifted_file_is_refused() -> None:
    """One row more at the top, and every fix would hit the row before: even those that keep are checked."""
    data = dataset_of(["a", "b", "c"], ["x", "y", "x"])
    shifted = dataset_of(["new", "a", "b", "c"], ["x", "x", "y", "x"])
    with pytest.raises(InputError, match=r"row 2 is about another text in line 1 of data.tsv .*'new'"):
        apply_fixes(shifted, fixes_of(fix_of(data, 0, "keep")))


def test_a_line_that_is_not_there_is_refused() -> None:
    """A file that lost its end."""
    data = dataset_of(["a", "b"], ["x", "y"])
    fix = replace(fix_of(data, 0, "drop"), line=99)
    with pytest.raises(InputError, match="no row in that line"):
        apply_fixes(data, fixes_of(fix))


def test_a_label_that_was_rewritten_is_refused() -> None:
    """A spreadsheet made 1 of 01: said, not guessed."""
    data = dataset_of(["a", "b"], ["01", "02"])
    with pytest.raises(InputError, match=r"with the label '1', but data\.tsv has '01'") as caught:
        apply_fixes(data, fixes_of(replace(fix_of(data, 0, "relabel", "02"), label="1")))
    assert "spreadsheet" in caught.value.hint


@pytest.mark.parametrize("suggested", ["z", "X"])
def test_a_new_label_that_no_row_has_is_refused(suggested: str) -> None:
    """Likelier a slip than a new class."""
    data = dataset_of(["a", "b"], ["x", "y"])
    with pytest.raises(InputError, match="which no row of"):
        apply_fixes(data, fixes_of(fix_of(data, 0, "relabel", suggested)))


def test_relabelling_without_a_new_label_is_refused() -> None:
    """It says where to write one."""
    data = dataset_of(["a", "b"], ["x", "y"])
    with pytest.raises(InputError, match="row 2 relabels line 1, but says no new label"):
        apply_fixes(data, fixes_of(fix_of(data, 0, "relabel", "")))


def test_two_fixes_of_one_line_are_refused() -> None:
    """They may contradict each other."""
    data = dataset_of(["a", "b"], ["x", "y"])
    with pytest.raises(InputError, match="are both about line 1"):
        apply_fixes(data, fixes_of(fix_of(data, 0, "drop"), fix_of(data, 0, "keep")))


def test_dropping_every_row_is_refused() -> None:
    """Nothing would be left to learn from."""
    data = dataset_of(["a"], ["x"])
    with pytest.raises(InputError, match="drops every row"):
        apply_fixes(data, fixes_of(fix_of(data, 0, "drop")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be a file of fixes"),
        (b"a\tb\n1\t2\n", "column 'action' is missing"),
        (b"action\tline\tlabel\tsuggested\tcheck\ndelete\t1\tx\t\tt0\n", "must be one of keep, relabel, drop"),
        (b"action\tline\tlabel\tsuggested\tcheck\ndrop\tone\tx\t\tt0\n", "the line must be a number"),
        (b"action\tline\tlabel\tsuggested\tcheck\ndrop\t1\t\xff\t\tt0\n", "must be in UTF-8"),
        (b'action\tline\tlabel\tsuggested\tcheck\ndrop\t1\t"x\t\tt0\n', "cannot be parted into cells"),
        (b"action\tline\tlabel\tsuggested\tcheck\ndrop\t1\t" + b"x" * 200_000, "cannot be parted into cells"),
    ],
)
def test_a_file_that_is_no_file_of_fixes_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """One clear sentence each."""
    path = tmp_path / "fixes.tsv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_fixes(path)


def test_an_empty_action_keeps_the_row(tmp_path: Path) -> None:
    """Whoever empties a cell wants nothing done; case and blanks do not matter."""
    path = tmp_path / "fixes.tsv"
    cells = ["", "look", "1", "x", "", "0.5", "why", "a", text_check("a")]
    other = [" DROP ", "look", "3.0", "y", "", "0.5", "why", "b", text_check("b")]
    path.write_text("\n".join("\t".join(row) for row in (COLUMNS, cells, other)) + "\n", "utf-8")
    assert [(fix.action, fix.line) for fix in read_fixes(path).items] == [("keep", 1), ("drop", 3)]


def test_the_file_is_this_to_the_letter(tmp_path: Path) -> None:
    """What a spreadsheet would take for a formula is guarded; what is too long ends in an ellipsis."""
    path = tmp_path / "fixes.tsv"
    long = FixRow(
        action="drop",
        advice="look",
        line=3,
        label="-1",
        suggested="=x",
        score=2 / 3,
        reason="r" * LONGEST,
        text="t" * 5,
    )
    short = FixRow(advice="relabel", line=30, label="a\tb", score=1.0, reason="r" * (LONGEST - 1), text="a")
    assert write_fixes(path, [long, short]) == 2
    assert path.read_text("utf-8") == (
        "action\tadvice\tline\tlabel\tsuggested\tscore\treason\ttext\tcheck\n"
        f"drop\tlook\t3\t'-1\t'=x\t0.667\t{'r' * (LONGEST - 1)}…\tttttt\t{text_check('ttttt')}\n"
        f"keep\trelabel\t30\ta\\tb\t\t1.000\t{'r' * (LONGEST - 1)}\ta\ttca978112ca1bbdca\n"
    )
    assert LONGEST == 30_000
    assert [write_fixes(path, []), path.read_text("utf-8").count("\n")] == [0, 1]


HEADER = b"action\tline\tlabel\tsuggested\tcheck\n"


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (
            HEADER.replace(b"\tcheck", b""),
            "fixes.tsv must be a file of fixes (the column 'check' is missing).",
            "frostline review FILE --out fixes.tsv writes one.",
        ),
        (
            HEADER + b"keep\t1\tx\t\tt0\n\nswap\t1\tx\t\tt0\n",
            "fixes.tsv: row 4: the action must be one of keep, relabel, drop, add, remove (got 'swap').",
            "",
        ),
        (HEADER + b"drop\tone\tx\t\tt0\n", "fixes.tsv: row 2: the line must be a number (got 'one').", ""),
        (
            HEADER + b"drop\t" + b"1" * 20 + b"\tx\t\tt0\n",
            "fixes.tsv: row 2: the line must be a number (got '11111111111111111111').",
            "",
        ),
        (
            HEADER + b"drop\t1\t\xff\t\tt0\n",
            "fixes.tsv: must be in UTF-8 (byte 41 is not).",
            "Save it as UTF-8 text, parted by tabs.",
        ),
        (
            HEADER + b'drop\t1\t"x\t\tt0\n',
            "fixes.tsv: line 2 cannot be parted into cells (unexpected end of data).",
            "Save it as text parted by tabs.",
        ),
    ],
)
def test_a_file_that_cannot_be_read_as_fixes_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fixes.tsv").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_fixes("fixes.tsv")
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_short_rows_and_long_numbers_are_read(tmp_path: Path) -> None:
    """A spreadsheet drops the empty cells at a row's end; a blank row is none; a label keeps its blanks."""
    path = tmp_path / "fixes.tsv"
    path.write_bytes(b"Action,LINE,label, suggested ,check\n\n , \nkeep,7.0\nRELABEL,8, x ,'-1,t9 \n,"
                     + b"1" * 19 + b",x,,t0\n")  # fmt: skip
    assert read_fixes(path).items == (
        Fix(action="keep", line=7, label="", suggested="", check="", row=4),
        Fix(action="relabel", line=8, label=" x ", suggested="-1", check="t9", row=5),
        Fix(action="keep", line=int("1" * 19), label="x", suggested="", check="t0", row=6),
    )


def test_the_labels_there_are_are_listed_up_to_ten() -> None:
    names = [f"l{row:02}" for row in range(11)]
    for n, listed in ((10, ", ".join(map(repr, names[:10]))), (11, ", ".join(map(repr, names[:10])) + ", …")):
        data = dataset_of([f"t{row}" for row in range(n)], names[:n])
        with pytest.raises(InputError) as caught:
            apply_fixes(data, fixes_of(fix_of(data, 1, "relabel", "z")))
        assert caught.value.message == ("fixes.tsv: row 3 gives line 3 the label 'z', which no row of data.tsv has.")
        assert caught.value.hint == f"Labels: {listed}. To bring in a new one, edit the data file itself."


def test_what_was_changed_is_told_in_the_order_of_the_file() -> None:
    data = dataset_of(list("abcdef"), list("xyxyxy"))
    fixed = apply_fixes(
        data,
        fixes_of(
            fix_of(data, 4, "drop"),
            fix_of(data, 3, "relabel", "x"),
            fix_of(data, 0, "drop"),
            fix_of(data, 1, "relabel", "x"),
        ),
    ).fixes
    assert fixed is not None
    assert (fixed.name, fixed.relabelled, fixed.dropped) == ("fixes.tsv", (3, 7), (1, 9))


def test_two_fixes_of_one_line_are_named_by_their_rows() -> None:
    data = dataset_of(["a", "b"], ["x", "y"])
    with pytest.raises(InputError) as caught:
        apply_fixes(data, fixes_of(fix_of(data, 0, "drop"), replace(fix_of(data, 0, "keep"), row=9)))
    assert caught.value.message == "fixes.tsv: rows 2 and 9 are both about line 1."
    assert caught.value.hint == "Leave one of them out."
