"""Columns are found where it is clear which they are, and asked for, with examples, where it is not."""

from dataclasses import replace
from pathlib import Path

import pytest

from frostline.data.columns import are_labels
from frostline.data.header import HEADER_EVIDENCE, _may_be_header
from frostline.data.options import Column, TableOptions
from frostline.data.tables import read_dataset, stream_texts
from frostline.errors import InputError


def table(folder: Path, content: str, name: str = "t.tsv") -> Path:
    path = folder / name
    path.write_text(content, "utf-8", newline="")
    return path


SENTENCES = ["a stirring , funny film", "one long string of cliches", "nothing to see", "a joy from end to end"]


def rows(header: str, order: str = "tl") -> str:
    pairs = [(text, str(number % 2)) for number, text in enumerate(SENTENCES)]
    lines = [f"{text}\t{label}" if order == "tl" else f"{label}\t{text}" for text, label in pairs]
    return "\n".join(([header] if header else []) + lines) + "\n"


@pytest.mark.parametrize(
    ("content", "name", "text", "label"),
    [
        (rows(""), "t.tsv", "column 1", "column 2"),
        (rows("", "lt"), "t.tsv", "column 2", "column 1"),
        (rows("sentence\tlabel"), "t.tsv", "sentence", "label"),
        (rows("Label\tReview_Text", "lt"), "t.tsv", "Review_Text", "Label"),
        (rows("phrase\tstimmung"), "t.tsv", "phrase", "stimmung"),
        (rows("satz\tclass"), "t.tsv", "satz", "class"),
        (rows("satz\tstimmung"), "t.tsv", "satz", "stimmung"),  # over numbers, a word is a name
        (rows("文本\t标签"), "t.tsv", "文本", "标签"),
        (rows("text\tlabel").replace(" ,", "").replace("\t", ";"), "t.csv", "text", "label"),
        (rows("text\tlabel").replace("\t", ","), "t.txt", None, None),  # a comma in a text: ragged, see below
        (rows("text\tlabel"), "t.csv", "text", "label"),
        (rows("text\tlabel"), "noname", "text", "label"),
        ("text,label,fine_label\na b,X,Y\nc,Z,Y\n", "t.csv", "text", "label"),
        ("id,title,text,category,label\n1,t,a b,X,Y\n2,t,c,Z,Y\n", "t.csv", "text", "label"),
        ('{"id": 1, "body": "a b", "stars": 4}\n{"id": 2, "body": "c", "stars": 1}\n', "t.txt", "body", "stars"),
        ('{"satz": "a b", "y": 4}\n{"satz": "c", "y": 1}\n', "t.jsonl", "satz", "y"),
    ],
)
def test_clear_cases_need_no_option(tmp_path: Path, content: str, name: str, text: str | None, label: str) -> None:
    path = table(tmp_path, content, name)
    if text is None:
        with pytest.raises(InputError, match="must have 2 cells"):
            read_dataset(path)
        return
    found = read_dataset(path)
    assert (found.source.text_column, found.source.label_column) == (text, label)
    assert len(found) == len(list(stream_texts(path)))
    assert len(found) in {2, 4}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("a b\tx\t1\nc d\ty\t2\n", "t.tsv"),
        ("who,what,why\na,b,c\n", "t.csv"),
        ("comment,review,label\na,b,c\n", "t.csv"),
        ('{"who": "a", "what": "b", "why": 1}\n', "t.jsonl"),
        ("good film\tbad film\nworse film\tbest film\nodd film\teven film\n", "t.tsv"),
    ],
)
def test_unclear_cases_list_the_columns_with_examples_and_ask(tmp_path: Path, content: str, name: str) -> None:
    with pytest.raises(InputError, match="not clear") as caught:
        read_dataset(table(tmp_path, content, name))
    assert "Its columns: 1" in caught.value.message
    assert "e.g. " in caught.value.message
    assert "--text N" in caught.value.hint
    assert "--label N" in caught.value.hint


def test_one_column_is_enough_for_texts_and_too_few_for_labels(tmp_path: Path) -> None:
    path = table(tmp_path, "one text\n\nanother, text\n", "lines.txt")
    with pytest.raises(InputError, match="there is one column"):
        read_dataset(path)
    kept = stream_texts(path, TableOptions(on_empty_text="keep"))
    assert [(row.line, row.text) for row in kept] == [(1, "one text"), (2, ""), (3, "another, text")]


@pytest.mark.parametrize(
    ("text", "label", "expected"),
    [(1, 2, ("a b", "X")), (3, 1, ("Y", "a b")), ("text", 3, ("a b", "Y")), ("text", "fine", ("a b", "Y"))],
)
def test_columns_by_name_and_by_number(tmp_path: Path, text: Column, label: Column, expected: tuple[str, str]) -> None:
    path = table(tmp_path, "text,label,fine\na b,X,Y\n", "t.csv")
    found = read_dataset(path, TableOptions(text=text, label=label))
    assert (found.texts[0], found.labels[0]) == expected


def test_a_name_implies_a_header(tmp_path: Path) -> None:
    path = table(tmp_path, "was\twie\tid\ngut\tsehr\t1\n")
    found = read_dataset(path, TableOptions(text="was", label="wie"))
    assert list(found.texts) == ["gut"]


def test_a_misspelt_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    path = table(tmp_path, "sentence\tlabel\na b\t1\n")
    with pytest.raises(InputError, match=r"no text column 'sentense'\. Did you mean 'sentence'") as caught:
        read_dataset(path, TableOptions(text="sentense"))
    assert "1 = 'sentence' (e.g. 'a b')" in caught.value.message
    with pytest.raises(InputError, match="no column 7"):
        read_dataset(path, TableOptions(text=7))
    with pytest.raises(InputError, match="cannot be one column"):
        read_dataset(path, TableOptions(text=1, label=1))


def test_a_name_that_occurs_twice_is_chosen_by_number(tmp_path: Path) -> None:
    path = table(tmp_path, "text,text,label\na,b,1\n", "t.csv")
    with pytest.raises(InputError, match="columns 1 and 2 are both named 'text'"):
        read_dataset(path, TableOptions(text="text"))
    assert list(read_dataset(path, TableOptions(text=2)).texts) == ["b"]


def test_a_first_row_that_repeats_below_is_no_header(tmp_path: Path) -> None:
    """A sentence may well be the word "review", a label the word "class"."""
    path = table(tmp_path, "so so\tclass\nreview\tnews\nfine by me\tclass\nreview\tnews\n")
    assert len(read_dataset(path)) == 4
    assert len(read_dataset(path, TableOptions(header=True, text=1, label=2))) == 3


def test_a_header_in_words_that_nobody_knows_is_asked_about(tmp_path: Path) -> None:
    """Thirty rows of two labels under a row whose label occurs once: a header, or a class of one."""
    body = "".join(f"ein Satz Nummer {number}\t{'gut' if number % 2 else 'schlecht'}\n" for number in range(30))
    path = table(tmp_path, "satsi\tmieli\n" + body)
    with pytest.raises(InputError, match="not clear") as caught:
        read_dataset(path)
    assert "--no-header" in caught.value.hint
    assert len(read_dataset(path, TableOptions(header=True))) == 30
    assert len(read_dataset(path, TableOptions(header=False))) == 31


def test_missing_values_of_other_tools_are_text(tmp_path: Path) -> None:
    words = ["NA", "null", "None", "nan", "NULL", "N/A"]
    found = read_dataset(table(tmp_path, "".join(f"{word}\t{word}\n" for word in words)), TableOptions(text=1, label=2))
    assert list(found.texts) == list(found.labels) == words


def test_limit_takes_the_first_rows(tmp_path: Path) -> None:
    path = table(tmp_path, rows("text\tlabel"))
    assert list(read_dataset(path, TableOptions(limit=3)).texts) == SENTENCES[:3]
    assert [row.text for row in stream_texts(path, TableOptions(limit=2))] == SENTENCES[:2]


def test_a_format_may_be_said(tmp_path: Path) -> None:
    path = table(tmp_path, 'a;"x y";1\nb;"z;w";2\n', "t.dat")
    found = read_dataset(path, TableOptions(format="csv", delimiter=";", text=2, label=3))
    assert list(found.texts) == ["x y", "z;w"]


def test_what_follows_a_quoted_cell_must_be_a_delimiter(tmp_path: Path) -> None:
    path = table(tmp_path, 'text,label\n"good" film,1\n5" screen,1\n"a ""b""",0\nodd,"1"0\n', "t.csv")
    found = read_dataset(path, TableOptions(max_bad_rows=2))
    assert list(found.texts) == ['5" screen', 'a "b"']
    assert [reject.line for reject in found.rejects] == [2, 5]
    assert all("followed by something other than a delimiter" in reject.reason for reject in found.rejects)


def test_a_ragged_first_row_does_not_set_the_width(tmp_path: Path) -> None:
    path = table(tmp_path, "one\ttoo\tmany\n" + rows(""))
    found = read_dataset(path, TableOptions(text=1, label=2, max_bad_rows=1))
    assert [reject.line for reject in found.rejects] == [1]
    assert len(found) == 4


def test_the_suffix_under_gz_counts(tmp_path: Path) -> None:
    """Without a header nothing but `.csv` says that commas part cells."""
    path = table(tmp_path, "a fine film,1\nno film,0\na film,1\n", "t.csv.gz")
    assert list(read_dataset(path).labels) == ["1", "0", "1"]


@pytest.mark.parametrize(
    ("content", "name", "text"),
    [
        ("a joy\tgut\n", "t.tsv", "column 1"),
        ("gut\ta joy\n", "t.tsv", "column 2"),
        ("a joy\tgut\na bore\tmies\nwhat\tunheard of\n", "t.tsv", "column 1"),
        ("1\tgut\n2\tmies\n", "t.tsv", "column 1"),  # numbers are labels too, unless others are known
        ('{"a": "a joy", "b": 1}\n', "t.jsonl", "a"),
        ('{"a": true, "b": "a joy"}\n', "t.jsonl", "b"),
    ],
)
def test_labels_known_from_elsewhere_tell_the_columns_apart(tmp_path: Path, content: str, name: str, text: str) -> None:
    """A few rows of a test file are enough, when the training rows have said which labels there are."""
    known = TableOptions(known_labels=frozenset({"gut", "mies", "1", "true"} - ({"1"} if "\t" in content else set())))
    assert read_dataset(table(tmp_path, content, name), known).source.text_column == text


def test_known_labels_in_both_columns_decide_nothing(tmp_path: Path) -> None:
    """Then it is as unclear as before."""
    path = table(tmp_path, "gut\tmies\nmies\tgut\n")
    with pytest.raises(InputError, match="not clear"):
        read_dataset(path, TableOptions(known_labels=frozenset({"gut", "mies"})))


@pytest.mark.parametrize(
    ("labels", "is_said"),
    [(["a", "b", "a"], True), (["a", "b", "c"], False), (list("abcabc"), True), (list("abcdab"), False)],
)
def test_labels_repeat(labels: list[str], *, is_said: bool) -> None:
    """There are two of them at most, or half as many as rows."""
    assert are_labels(labels, beside=[f"a text of its own {n}" for n in range(len(labels))]) == is_said


@pytest.mark.parametrize(("label", "may_be"), [(1, True), (2, False), (None, True)])
def test_a_first_row_may_be_a_header_by_the_label_that_is_named(label: int | None, *, may_be: bool) -> None:
    """Of the column named alone: that the other one's first cell occurs once says nothing."""
    body = [("ab"[row % 2], f"text {row}") for row in range(HEADER_EVIDENCE)]
    assert _may_be_header(("kind", "words"), body, options=TableOptions(label=label)) == may_be


NAMES_OR_TEXTS = "v1,v2,,\nham,The soup was lovely.,,\nspam,Win a car now!,,\n"


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (NAMES_OR_TEXTS, TableOptions(text=2)),
        ("huomautus\nhow do I pay\nwhere is it\n", TableOptions()),
        ("comment-body\nhow do I pay\nwhere is it\n", TableOptions(text=1)),
    ],
)
def test_a_row_of_names_above_texts_is_asked_about(tmp_path: Path, content: str, options: TableOptions) -> None:
    """Where only texts are wanted; said either way, there are as many answers as texts."""
    path = table(tmp_path, content, "t.csv")
    with pytest.raises(InputError, match="its text is one word, those below are several") as caught:
        list(stream_texts(path, options))
    assert caught.value.hint == "Pass --header or --no-header."
    assert len(list(stream_texts(path, replace(options, header=True)))) == 2
    assert len(list(stream_texts(path, replace(options, header=False)))) == 3


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("great\nhow do I pay\nfine\n", TableOptions()),  # another text of one word
        ("great!\nhow do I pay\nwhere is it\n", TableOptions()),  # no name
        ("great\nhow do I pay\n", TableOptions()),  # one text says nothing
        (NAMES_OR_TEXTS.replace("v1", "spam"), TableOptions(text=2, known_labels=frozenset({"spam"}))),
        (NAMES_OR_TEXTS.replace("v1", "v2"), TableOptions(text=2)),
        (NAMES_OR_TEXTS.replace("v1", "1"), TableOptions(text=2)),
    ],
)
def test_a_first_text_of_one_word_is_a_text_where_others_may_be(
    tmp_path: Path, content: str, options: TableOptions
) -> None:
    assert len(list(stream_texts(table(tmp_path, content, "t.csv"), options))) == len(content.splitlines())


def test_hundreds_of_labels_that_hardly_repeat_are_told_from_sentences(tmp_path: Path) -> None:
    """Of 600 labels the first rows hold few twice: words beside sentences are labels, names of each row are not."""
    many = "".join(f"text number {row} here\tintent_{row % 90}\n" for row in range(100))
    assert len(read_dataset(table(tmp_path, many)).targets.labels) == 90
    few = "".join(f"text number {row} here\tintent_{row % 19}\n" for row in range(20))
    with pytest.raises(InputError, match="is not clear"):
        read_dataset(table(tmp_path, few, "few.tsv"))
    own = "".join(f"text number {row} here\tintent_{row}\n" for row in range(100))
    with pytest.raises(InputError, match="is not clear"):
        read_dataset(table(tmp_path, own, "own.tsv"))
    words = "".join(f"word{row}longer\tintent_{row % 90}\n" for row in range(100))
    with pytest.raises(InputError, match="is not clear"):
        read_dataset(table(tmp_path, words, "words.tsv"))


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("Nr;Anfragetext;Kategorie", ("Anfragetext", "Kategorie")),
        ("Id;Texto;Categoría", ("Texto", "Categoría")),
        ("No;Commentaire;Catégorie", ("Commentaire", "Catégorie")),
        ("Message-ID;Body;Queue", ("Body", "Queue")),
    ],
)
def test_columns_have_names_in_other_languages_too(tmp_path: Path, header: str, columns: tuple[str, str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{header}\n" + "".join(f"{n};words number {n};{'ab'[n % 2]}\n" for n in range(12)), "utf-8")
    source = read_dataset(path).source
    assert (source.text_column, source.label_column) == columns


def test_where_names_do_not_tell_the_columns_that_look_so_are_named(tmp_path: Path) -> None:
    """The longest cells are the text, the fewest kinds the label, the last of them where two are alike."""
    path = tmp_path / "t.csv"
    rows = [f"{n},{'xyz'[n % 3]},all the words of number {n},{'ab'[n % 2]},{'cd'[n % 2]}" for n in range(12)]
    path.write_text("\n".join(["a,b,my words,d,the kind", *rows]) + "\n", "utf-8")
    with pytest.raises(InputError, match="not clear") as caught:
        read_dataset(path)
    assert caught.value.hint.endswith("(a number counts from 1). Probably --text 'my words' --label 'the kind'.")
    path.write_text("\n".join(["a,b", *[f"{n},word{n}" for n in range(12)]]) + "\n", "utf-8")
    with pytest.raises(InputError, match="not clear") as caught:
        read_dataset(path)
    assert "Probably" not in caught.value.hint
