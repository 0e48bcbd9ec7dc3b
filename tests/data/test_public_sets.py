"""A public set is fetched as published, verified, kept, and read row by row with nothing lost unsaid."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.data.dataset import Dataset
from frostline.data.public_sets import (
    PUBLIC_SETS,
    LineForm,
    Part,
    Patience,
    PublicSet,
    RemoteFile,
    fetch_public_set,
    load_public_set,
    public_set,
)
from frostline.errors import InputError, UnavailableError, UsageError
from local_server import Fault, LocalServer, local_server

SST2_TRAIN = 'a film \x85 like " no other\t1\nNA\t0\n'.encode()
TREC = b"DESC:manner How did serfdom develop ?\nLOC:city Which is the sister\xf0city of Los Angeles ?\n"
CR = b"0 it broke .\n1 \n1 i love it ! .\n"
GOEMOTIONS = "désolé :(\t25\tabc\nBoth at once\t4,27\tdef\nNothing much\t27\tghi\n".encode()
FILES: Mapping[str, bytes] = {
    "sst2/train.tsv": SST2_TRAIN,
    "sst2/dev.tsv": b"fine\t1\n",
    "sst2/test.tsv": b"dull\t0\n",
    "trec/TREC.train": TREC,
    "trec/TREC.test": b"NUM:dist How far is it ?\n",
    "cr/custrev.all": CR,
    "goemotions/train.tsv": GOEMOTIONS,
    "goemotions/dev.tsv": GOEMOTIONS,
    "goemotions/test.tsv": GOEMOTIONS,
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of our own, and no proxies."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server(FILES.items()) as running:
        yield running


def served(name: str, server: LocalServer) -> PublicSet:
    """The set of that name, its files replaced by the small ones that `server` has."""
    entry = PUBLIC_SETS[name]

    def small(remote: RemoteFile) -> RemoteFile:
        path = f"{entry.folder}/{remote.url.rsplit('/', 1)[1]}"
        return RemoteFile(
            url=server.url(path), sha256=hashlib.sha256(FILES[path]).hexdigest(), size_bytes=len(FILES[path])
        )

    return replace(entry, files={part: small(remote) for part, remote in entry.files.items()})


def rows(dataset: Dataset) -> list[tuple[int, str, str]]:
    return list(zip(dataset.lines, dataset.texts, dataset.labels, strict=True))


@pytest.mark.parametrize("entry", PUBLIC_SETS.values(), ids=PUBLIC_SETS)
def test_every_file_is_pinned(entry: PublicSet) -> None:
    """To a commit, a digest and a size, so that the same name is always the same rows."""
    assert "train" in entry.files
    for remote in entry.files.values():
        assert re.fullmatch(r"https://raw\.githubusercontent\.com/[\w-]+/[\w-]+/[0-9a-f]{40}/[\w./-]+", remote.url)
        assert re.fullmatch(r"[0-9a-f]{64}", remote.sha256)
        assert 10_000 < remote.size_bytes < 10_000_000
    for said in (entry.title, entry.licence, entry.citation):
        assert said


def test_no_two_files_are_taken_for_one() -> None:
    """Sets that share a folder share its files; no digest was copied from the line above."""
    places: dict[tuple[str, str], RemoteFile] = {}
    for entry in PUBLIC_SETS.values():
        for remote in entry.files.values():
            assert places.setdefault((entry.folder, remote.url.rsplit("/", 1)[1]), remote) == remote
    assert len({remote.sha256 for remote in places.values()}) == len(places)


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(UsageError, match="sst2, sst5, trec") as caught:
        public_set("SST-2")
    assert caught.value.hint == "Did you mean sst2?"


def test_files_are_kept_as_published(server: LocalServer, home: Path) -> None:
    paths = fetch_public_set(served("sst2", server))
    assert list(paths) == ["train", "dev", "test"]
    assert paths["train"] == home / "sets" / "sst2" / "train.tsv"
    assert paths["train"].read_bytes() == SST2_TRAIN


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_the_folder_is_private(server: LocalServer, home: Path) -> None:
    fetch_public_set(served("sst2", server))
    assert stat.S_IMODE((home / "sets" / "sst2").stat().st_mode) == 0o700


def test_a_second_time_asks_nobody(server: LocalServer) -> None:
    first = fetch_public_set(served("sst2", server))
    assert fetch_public_set(served("sst2", server)) == first
    assert len(server.requests) == 3


def test_a_damaged_file_is_fetched_again(server: LocalServer) -> None:
    paths = fetch_public_set(served("sst2", server))
    paths["dev"].write_bytes(b"fine\t0\n")
    fetch_public_set(served("sst2", server))
    assert paths["dev"].read_bytes() == FILES["sst2/dev.tsv"]
    assert len(server.requests) == 4


def test_only_the_parts_asked_for_are_fetched(server: LocalServer) -> None:
    assert list(fetch_public_set(served("sst2", server), parts=("test", "train"))) == ["train", "test"]
    assert [request.target for request in server.requests] == ["/sst2/train.tsv", "/sst2/test.tsv"]


def test_a_part_that_a_set_lacks_is_passed_over(server: LocalServer) -> None:
    assert list(load_public_set(served("cr", server), parts=("train", "test"))) == ["train"]


def test_sets_that_read_the_same_files_share_them(server: LocalServer) -> None:
    fetch_public_set(served("trec", server))
    fetch_public_set(served("trec-fine", server))
    assert len(server.requests) == 2


def test_progress_counts_all_parts(server: LocalServer) -> None:
    """One bar from nothing to everything, whether a part is fetched or there already."""
    total = sum(len(content) for path, content in FILES.items() if path.startswith("sst2/"))
    for _ in range(2):
        seen: list[tuple[int, int]] = []
        fetch_public_set(served("sst2", server), progress=lambda *now: seen.append(now))  # noqa: B023 - called at once
        assert seen == sorted(seen)
        assert seen[-1] == (total, total)
        assert {whole for _, whole in seen} == {total}


def test_files_put_there_by_hand_are_used(server: LocalServer, tmp_path: Path) -> None:
    """The way out that the message names must be one."""
    server.will(*[Fault(status=404)] * 3)
    entry = served("sst2", server)
    for name in ("train", "dev", "test"):
        with pytest.raises(UnavailableError) as caught:
            fetch_public_set(entry, folder=tmp_path)
        path = Path(re.search(r"as (\S+)\.$", caught.value.hint)[1])  # type: ignore[index]
        assert path == tmp_path / "sst2" / f"{name}.tsv"
        path.write_bytes(FILES[f"sst2/{name}.tsv"])
    assert len(load_public_set(entry, folder=tmp_path)["train"]) == 2


def test_no_network_is_one_error(home: Path) -> None:
    entry = PUBLIC_SETS["cr"]
    away = {part: replace(remote, url="https://127.0.0.1:1/custrev.all") for part, remote in entry.files.items()}
    with pytest.raises(UnavailableError, match="cannot be reached") as caught:
        load_public_set(replace(entry, files=away))
    assert str(home / "sets" / "cr" / "custrev.all") in caught.value.hint


def test_a_changed_file_is_refused(server: LocalServer) -> None:
    entry = served("sst2", server)
    server.files["sst2/train.tsv"] = SST2_TRAIN.replace(b"1", b"0")
    with pytest.raises(InputError, match="must have sha256"):
        fetch_public_set(entry, patience=Patience(first_wait_s=0.0))


def test_a_table_is_read_without_quoting(server: LocalServer) -> None:
    r"""A stray quote, \x85 within a line and the word NA are all text."""
    train = load_public_set(served("sst2", server))["train"]
    assert rows(train) == [(1, 'a film \x85 like " no other', "1"), (2, "NA", "0")]
    assert train.source.name == "sst2 (train)"


def test_trec_lines_are_latin_1(server: LocalServer) -> None:
    train = load_public_set(served("trec", server))["train"]
    assert rows(train) == [
        (1, "How did serfdom develop ?", "DESC"),
        (2, "Which is the sisterðcity of Los Angeles ?", "LOC"),
    ]
    fine = load_public_set(served("trec-fine", server))["train"]
    assert list(fine.labels) == ["DESC:manner", "LOC:city"]
    assert fine.texts == train.texts


def test_an_empty_review_is_rejected_with_its_line(server: LocalServer) -> None:
    train = load_public_set(served("cr", server))["train"]
    assert rows(train) == [(1, "it broke .", "negative"), (3, "i love it ! .", "positive")]
    assert [(reject.line, reject.reason) for reject in train.rejects] == [(2, "the text is empty")]


def test_a_row_of_two_labels_is_rejected_with_their_names(server: LocalServer) -> None:
    train = load_public_set(served("goemotions", server))["train"]
    assert rows(train) == [(1, "désolé :(", "sadness"), (3, "Nothing much", "neutral")]
    assert [(reject.line, reject.reason) for reject in train.rejects] == [
        (2, "carries 2 labels (approval, neutral), and one is needed")
    ]


def test_the_source_is_the_file_as_published(server: LocalServer) -> None:
    """By name, not by where it lies on this machine."""
    for name in ("trec", "goemotions"):
        entry = served(name, server)
        source = load_public_set(entry)["train"].source
        assert source.name == f"{name} (train)"
        assert (source.sha256, source.size_bytes) == (entry.files["train"].sha256, entry.files["train"].size_bytes)


LINES = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=30)


@given(st.lists(st.one_of(LINES, LINES.map("1 {}".format), LINES.map("0 {}".format)), min_size=1, max_size=20))
def test_no_line_is_lost(tmp_path_factory: pytest.TempPathFactory, given_lines: list[str]) -> None:
    """Lines in = rows out + rejects, each under its own number, whatever stands in them."""
    content = "".join(f"{line}\n" for line in [*given_lines, "1 good"]).encode()
    folder = tmp_path_factory.mktemp("sets")
    (folder / "cr").mkdir()
    (folder / "cr" / "custrev.all").write_bytes(content)
    remote = RemoteFile(
        url="https://127.0.0.1:1/custrev.all", sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content)
    )
    files: dict[Part, RemoteFile] = {"train": remote}
    found = load_public_set(replace(PUBLIC_SETS["cr"], files=files), folder=folder)["train"]
    numbers = [*found.lines, *(reject.line for reject in found.rejects)]
    assert sorted(numbers) == list(range(1, len(given_lines) + 2))
    for line, text, label in rows(found):
        assert [*given_lines, "1 good"][line - 1] == f"{['negative', 'positive'].index(label)} {text}"


@pytest.mark.data
def test_the_real_sst2_is_the_published_one(real_data: Path) -> None:
    """No request is made: the files there have the digests of the table."""
    found = load_public_set("sst2", folder=real_data)
    assert {part: len(dataset) for part, dataset in found.items()} == {"train": 6920, "dev": 872, "test": 1821}
    assert found["train"].counts() == {"0": 3310, "1": 3610}
    assert found["train"].texts[0].startswith("a stirring , funny and finally transporting re imagining")


@pytest.mark.data
def test_the_real_goemotions_keeps_its_count(real_data: Path) -> None:
    found = load_public_set("goemotions", folder=real_data, parts=("dev", "test"))
    assert {part: len(dataset) for part, dataset in found.items()} == {"dev": 4548, "test": 4590}
    assert {part: len(dataset.rejects) for part, dataset in found.items()} == {"dev": 878, "test": 837}


def test_the_sets_are_these_files() -> None:
    """Sizes in bytes, part by part; sets that read the same files share a folder."""
    assert {
        name: (entry.folder, {part: remote.size_bytes for part, remote in entry.files.items()})
        for name, entry in PUBLIC_SETS.items()
    } == {
        "sst2": ("sst2", {"train": 720_259, "dev": 92_057, "test": 188_749}),
        "sst5": ("sst5", {"train": 902_818, "dev": 117_239, "test": 233_634}),
        "trec": ("trec", {"train": 335_858, "test": 23_354}),
        "trec-fine": ("trec", {"train": 335_858, "test": 23_354}),
        "cr": ("cr", {"train": 374_094}),
        "goemotions": ("goemotions", {"train": 3_519_053, "dev": 439_059, "test": 436_706}),
    }


@pytest.mark.parametrize(
    ("name", "line", "text", "label"),
    [
        ("sst5", "4 a good film", "a good film", "4"),
        ("trec", "NUM:dist How far is it ?", "How far is it ?", "NUM"),
        ("trec-fine", "NUM:dist How far is it ?", "How far is it ?", "NUM:dist"),
        ("cr", "0 it broke", "it broke", "negative"),
        ("cr", "1 it works", "it works", "positive"),
        ("goemotions", "thanks a lot\t15\tid1", "thanks a lot", "gratitude"),
        ("goemotions", "so what\t27\tid1", "so what", "neutral"),
        ("goemotions", "well done\t0\tid1", "well done", "admiration"),
    ],
)
def test_a_line_of_a_set_is_this_text_and_label(tmp_path: Path, name: str, line: str, text: str, label: str) -> None:
    """A line of another form is left out with its number, and so is an empty text."""
    entry = PUBLIC_SETS[name]
    form = entry.form
    assert isinstance(form, LineForm)
    empty = line.replace(text, "")
    content = f"{line}\nno such form\n{empty}\n{line}\n".encode(form.encoding)
    remote = replace(entry.files["train"], sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    place = tmp_path / entry.folder / remote.url.rsplit("/", 1)[1]
    place.parent.mkdir()
    place.write_bytes(content)
    found = load_public_set(replace(entry, files={"train": remote}), folder=tmp_path)["train"]
    assert list(zip(found.lines, found.texts, found.labels, strict=True)) == [(1, text, label), (4, text, label)]
    assert [(reject.line, reject.reason) for reject in found.rejects] == [
        (2, "is not of the form of this set"),
        (3, "the text is empty"),
    ]
    assert (found.source.name, found.source.size_bytes) == (f"{name} (train)", len(content))
    place.write_bytes(b"\n" * 3)
    broken = replace(remote, sha256=hashlib.sha256(b"\n" * 3).hexdigest(), size_bytes=3)
    with pytest.raises(InputError) as caught:
        load_public_set(replace(entry, files={"train": broken}), folder=tmp_path)
    assert caught.value.message == f"{name} (train): no line of {place} is of the form of this set."
