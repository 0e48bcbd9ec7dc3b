"""A saved classifier goes to a hub and comes back, and no hub's lie gets through either way."""

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click import Abort
from huggingface_hub import HfApi, ModelCard, snapshot_download
from made_artifacts import RECORD, forge, saved

from conftest import Command
from encoder_fakes import make_checkpoint
from frostline.artifact import Neighbours, load_artifact
from frostline.artifact import hub as artifact_hub
from frostline.artifact.hub import find_classifier, spelled
from frostline.artifact.push import push_classifier
from frostline.classifier import SentenceClassifier
from frostline.cli import options, push
from frostline.encoder import hub as encoder_hub
from frostline.errors import (
    AccessError,
    ArtifactCorrupt,
    ConsentError,
    FrostlineError,
    InputError,
    MissingInputError,
    RetryError,
    UnavailableError,
    UsageError,
)
from frostline.store.upkeep import cache_info, cache_prune
from hub_server import Hub, hub_serving, is_large

TEXTS = [f"{word} film {letter}" for word in ("good", "bad") for letter in "abcdefghijklmnop"]
LABELS = [text.split()[0] for text in TEXTS]
NAME = "someone/films"
TOKEN = "hf_secret"  # noqa: S105 - of a hub on this machine


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved classifier whose encoder is in its folder."""
    folder = tmp_path_factory.mktemp("small")
    classifier = SentenceClassifier(encoder=str(make_checkpoint(folder / "encoder")), features="mean@all", store=False)
    classifier.fit(TEXTS, LABELS).save(folder / "model")
    return folder / "model"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub, a token for it, and a home in which nothing was fetched yet."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for limit in ("DEADLINE_S", "_ANSWER_S", "_READ_S"):  # a busy machine is no reason to fail
        monkeypatch.setattr(encoder_hub, limit, 60.0)
    with hub_serving(make_checkpoint(tmp_path / "encoder")) as serving:
        monkeypatch.setenv("HF_ENDPOINT", serving.endpoint)
        yield serving


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_pushed_comes_back_byte_for_byte(hub: Hub, classifier: Path) -> None:
    done = push_classifier(classifier, NAME)
    repository = hub.repositories[NAME]
    own = files_of(classifier)
    assert (done.hub_id, done.commit, done.is_new) == (NAME, repository.head, True)
    assert done.url == f"{hub.endpoint}/{NAME}/tree/{repository.head}"
    assert (done.n_files, done.size_bytes) == (len(own), sum(map(len, own.values())))
    assert {**repository.files, ".gitattributes": b""} == {**own, ".gitattributes": b""}
    assert repository.private
    large = [content for name, content in own.items() if is_large(name, len(content))]
    assert set(hub.stored) == {hashlib.sha256(content).hexdigest() for content in large}
    loaded = SentenceClassifier.load(NAME, revision=done.commit)
    assert files_of(find_classifier(NAME, revision=done.commit)) == own
    told = SentenceClassifier.load(classifier)
    assert (loaded.predict_proba(TEXTS) == told.predict_proba(TEXTS)).all()


def test_the_token_goes_to_the_hub_alone_and_nothing_is_told_of_this_machine(hub: Hub, classifier: Path) -> None:
    with hub_serving(classifier) as storage:
        hub.storage, storage.stored = storage.endpoint, hub.stored
        done = push_classifier(classifier, NAME)
        hub.elsewhere = storage.endpoint
        storage.repositories = hub.repositories
        find_classifier(NAME, revision=done.commit)
    assert {asked.split()[0] for asked in storage.asked} == {"PUT", "GET"}
    assert set(storage.tokens) == {None}
    assert set(hub.tokens) == {"Bearer hf_secret"}
    assert len(set(hub.agents + storage.agents)) == 1
    assert str(hub.agents[0]).startswith("frostline/")
    assert not any("agent-harnesses" in asked or "telemetry" in asked for asked in hub.asked)


def test_an_upload_is_not_confirmed_elsewhere_with_the_token(hub: Hub, classifier: Path) -> None:
    with hub_serving(classifier) as other:
        hub.confirming, other.stored = other.endpoint, hub.stored
        push_classifier(classifier, NAME)
    assert set(other.asked) == {"POST /verify"}
    assert set(other.tokens) == {None}


def test_large_files_go_in_the_parts_that_the_hub_names(hub: Hub, classifier: Path) -> None:
    hub.part_bytes = 1000
    push_classifier(classifier, NAME)
    own = files_of(classifier)
    assert {name: hub.repositories[NAME].files[name] for name in own} == own
    assert max(map(len, hub.parts.values())) == 1000
    assert len(hub.parts) > 10


def test_the_same_again_is_no_commit_and_another_one_leaves_nothing_of_the_first(
    hub: Hub, classifier: Path, tmp_path: Path
) -> None:
    rows = np.ones((3, 48), "float32")
    neighbours = Neighbours.of_rows(["one", "two", "three"], np.array([0, 1, 2]), rows)
    with_texts = saved(tmp_path, name="texts", record=replace(RECORD, neighbours=neighbours))
    first = push_classifier(with_texts, NAME, message="the first")
    n_asked = len(hub.asked)
    assert push_classifier(with_texts, NAME) == replace(first, is_new=False)
    assert [asked.split()[0] for asked in hub.asked[n_asked:]] == ["GET"]
    repository = hub.repositories[NAME]
    assert "neighbours.safetensors" in repository.files
    repository.commit(repository.files | {"notes.txt": b"mine"}, "by hand")
    second = push_classifier(classifier, NAME)
    assert second.commit != first.commit
    assert set(repository.files) == {*files_of(classifier), ".gitattributes", "notes.txt"}
    assert repository.messages == ["initial commit", "the first", "by hand", "A classifier of Frostline"]


def test_the_library_s_own_client_finds_what_was_pushed_and_we_what_it_pushes(
    hub: Hub, classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both speak the protocol: what one has sent the other receives, uploads as well as downloads."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)
    done = push_classifier(classifier, NAME)
    received = snapshot_download(
        NAME, revision=done.commit, local_dir=tmp_path / "received", endpoint=hub.endpoint, token=TOKEN
    )
    own = files_of(classifier)
    assert {name: content for name, content in files_of(Path(received)).items() if name in own} == own
    assert SentenceClassifier.load(received).predict(["good film a"]).tolist() == ["good"]
    api = HfApi(endpoint=hub.endpoint, token=TOKEN)
    api.create_repo("someone/other", private=True)
    sent = api.upload_folder(repo_id="someone/other", folder_path=classifier, commit_message="by the library")
    assert hub.repositories["someone/other"].files == hub.repositories[NAME].files
    assert files_of(find_classifier("someone/other", revision=sent.oid)) == own
    assert push_classifier(classifier, "someone/other").is_new is False


def test_a_name_is_fetched_on_consent_only_and_then_stays(hub: Hub, classifier: Path) -> None:
    with pytest.raises(ConsentError) as caught:
        SentenceClassifier.load(NAME)
    assert hub.asked == []
    assert caught.value.message == (
        "There is no saved model at 'someone/films', and none of that name of the hub is on this machine."
    )
    assert "--yes" in caught.value.hint
    assert "fetch=True" in str(caught.value)
    assert "someone/films@main" in caught.value.hint
    first = push_classifier(classifier, NAME).commit
    folder = find_classifier(NAME, fetch=True)
    assert folder.name == first
    n_asked = len(hub.asked)
    hub.repositories[NAME].commit(hub.repositories[NAME].files | {"notes.txt": b"later"}, "later")
    later = hub.repositories[NAME].head
    assert find_classifier(NAME) == find_classifier(NAME, revision=first) == folder
    assert len(hub.asked) == n_asked, "what was fetched is loaded without a question"
    assert find_classifier(f"{NAME}@main").name == later
    assert find_classifier(NAME).name == later
    assert find_classifier(f"{NAME}@{first}") == folder


def test_what_was_fetched_by_its_commit_is_had_by_it_alone(
    hub: Hub, classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name without a revision is `main`; the refusal names what is here, the newest of it."""
    first = push_classifier(classifier, NAME).commit
    older = find_classifier(NAME, revision=first)
    hub.repositories[NAME].commit(hub.repositories[NAME].files | {"notes.txt": b"later"}, "later")
    later = hub.repositories[NAME].head
    find_classifier(f"{NAME}@{later}")
    os.utime(older, (0, 0))
    n_asked = len(hub.asked)
    with pytest.raises(ConsentError) as caught:
        find_classifier(NAME)
    assert caught.value.message == (
        "There is no saved model at 'someone/films', and main of that name of the hub was not fetched to this machine "
        f"(commit {later} was)."
    )
    assert caught.value.hint == f"Fetch it by adding --yes, or name what is here: {NAME}@{later}"
    assert str(caught.value).endswith(f"Fetch it by adding fetch=True, or name what is here: {NAME}@{later}")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UnavailableError, match=r"someone/films@main is not on this machine"):
        find_classifier(NAME, fetch=True)
    assert len(hub.asked) == n_asked
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert find_classifier(NAME, fetch=True).name == later
    assert find_classifier(f"{NAME}@{first}") == older
    assert find_classifier(NAME).name == later, "a commit that was asked for is not what the name means"


def test_a_revision_is_the_hub_s_whatever_folder_is_here(hub: Hub, classifier: Path, tmp_path: Path) -> None:
    commit = push_classifier(classifier, NAME).commit
    (tmp_path / "someone").mkdir()
    assert find_classifier(NAME) == Path(NAME)
    assert find_classifier(f"{NAME}@main").name == commit


def test_a_folder_that_is_here_is_meant_before_the_hub(hub: Hub, classifier: Path, tmp_path: Path) -> None:
    shutil.copytree(classifier, tmp_path / "someone" / "films")
    assert find_classifier(NAME) == Path(NAME)
    assert find_classifier("someone/film") == Path("someone/film")
    with pytest.raises(MissingInputError, match=r"Did you mean 'someone/films'\?"):
        SentenceClassifier.load("someone/film", fetch=True)
    assert hub.asked == []
    with pytest.raises(UsageError, match="A revision belongs to a name of the hub; 'someone/films' is a folder's"):
        find_classifier(NAME, revision="main")
    with pytest.raises(UsageError, match="There must be one revision"):
        find_classifier("someone/film@main", revision="main")


def test_names_that_are_none_of_the_hub() -> None:
    assert spelled("owner/name") == ("owner/name", None)
    assert spelled(Path("owner/name@v1.0")) == ("owner/name", "v1.0")
    for name in ("name", "a/b/c", "/owner/name", "../name", "owner/..", "", "owner/na me", "owner/--x"):
        assert spelled(name) is None
    with pytest.raises(InputError, match="A revision must be a commit, a branch or a tag"):
        find_classifier("owner/name@../../etc")


def test_offline_what_is_here_is_loaded_and_nothing_else(
    hub: Hub, classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = push_classifier(classifier, NAME).commit
    folder = find_classifier(NAME, fetch=True)
    n_asked = len(hub.asked)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert find_classifier(f"{NAME}@main") == find_classifier(NAME) == find_classifier(f"{NAME}@{commit}") == folder
    with pytest.raises(
        UnavailableError, match=r"someone/else@main is not on this machine, and the hub may not be asked"
    ):
        find_classifier("someone/else", fetch=True)
    with pytest.raises(UnavailableError, match="was not pushed to: the hub may not be asked"):
        push_classifier(classifier, NAME)
    assert len(hub.asked) == n_asked


def test_a_hub_out_of_reach_is_told_with_what_helps(
    hub: Hub, classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match="is not on this machine, and the hub") as caught:
        find_classifier(NAME, fetch=True)
    assert caught.value.hint == "Without a network: copy the folder of the saved model here, and name it."
    with pytest.raises(UnavailableError, match=r"someone/films was not pushed to: the hub .* could not be used"):
        push_classifier(classifier, NAME)


@pytest.mark.parametrize(
    "name", ["head.safetensors", "manifest.json", "encoder/model.safetensors", "learned.safetensors"]
)
def test_a_file_that_arrives_altered_is_refused_and_the_next_try_is_whole(
    hub: Hub, classifier: Path, name: str
) -> None:
    commit = push_classifier(classifier, NAME).commit
    hub.damage = name
    known = name != "manifest.json"  # of which the hub says no digest
    with pytest.raises(FrostlineError, match="what came has not the sha256" if known else "manifest.json"):
        find_classifier(NAME, revision=commit)
    assert not (artifact_hub._place(NAME) / commit).exists()
    hub.damage = None
    assert files_of(find_classifier(NAME, revision=commit)) == files_of(classifier)


def test_a_lying_list_is_refused_before_anything_large_comes(hub: Hub, classifier: Path) -> None:
    commit = push_classifier(classifier, NAME).commit
    files = hub.repositories[NAME].files
    path = f"/api/models/{NAME}/revision/{commit}"

    def told(**sizes: Any) -> None:
        siblings = [{"rfilename": name, "size": sizes.get(name, len(content))} for name, content in files.items()]
        kept = [each for each in siblings if each["size"] is not None]
        hub.answers[path] = json.dumps({"sha": sizes.get("sha", commit), "siblings": kept}).encode()

    told(**{"encoder/model.safetensors": 10**12})
    with pytest.raises(ArtifactCorrupt, match=r"encoder/model.safetensors must be there and have [\d,]+ bytes, as its"):
        find_classifier(NAME, revision=commit)
    told(**{"head.safetensors": None})
    with pytest.raises(ArtifactCorrupt, match=r"head.safetensors must be there"):
        find_classifier(NAME, revision=commit)
    told(**{"manifest.json": 4 * 1024**2 + 1})
    with pytest.raises(ArtifactCorrupt, match=r"manifest.json must have at most 4,194,304 bytes"):
        find_classifier(NAME, revision=commit)
    told(**{"manifest.json": None})
    with pytest.raises(MissingInputError, match="holds no saved classifier") as caught:
        find_classifier(NAME, revision=commit)
    assert caught.value.hint == f"If it is an encoder: frostline train FILE --encoder {NAME}"
    told(sha="f" * 40)
    with pytest.raises(UnavailableError, match="it answered with another commit, ffff"):
        find_classifier(NAME, revision=commit)
    assert not any("safetensors" in asked for asked in hub.asked if "/resolve/" in asked)


def test_a_forged_classifier_is_not_kept(hub: Hub, classifier: Path, tmp_path: Path) -> None:
    commit = push_classifier(classifier, NAME).commit
    files = hub.repositories[NAME].files
    content = files["manifest.json"].replace(b'"good"', b'"evil"')
    forged = hub.repositories[NAME].commit(files | {"manifest.json": content}, "forged")
    with pytest.raises(ArtifactCorrupt):
        find_classifier(NAME, revision=forged)
    copied = tmp_path / "copied"
    shutil.copytree(classifier, copied)
    forge(copied, lambda manifest: manifest.update(n_features=manifest["n_features"] + 1))  # every digest is right
    forged = hub.repositories[NAME].commit(files | {"manifest.json": (copied / "manifest.json").read_bytes()}, "forged")
    with pytest.raises(ArtifactCorrupt, match=r"head.safetensors"):
        find_classifier(NAME, revision=forged)
    assert [path.name for path in artifact_hub._place(NAME).iterdir()] == []
    assert find_classifier(NAME, revision=commit).name == commit


def test_what_broke_off_is_taken_up(hub: Hub, classifier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = push_classifier(classifier, NAME).commit
    real = encoder_hub.receive

    def broken(url: str, where: str, partial: Path, announced: Any) -> None:
        real(url, where, partial, announced)
        if partial.name == "model.safetensors":
            partial.write_bytes(partial.read_bytes()[:1000])
            raise TimeoutError("the line went down")

    monkeypatch.setattr(encoder_hub, "receive", broken)
    with pytest.raises(UnavailableError, match="the line went down"):
        find_classifier(NAME, revision=commit)
    monkeypatch.setattr(encoder_hub, "receive", real)
    hub.asked.clear()
    hub.ranges.clear()
    assert files_of(find_classifier(NAME, revision=commit)) == files_of(classifier)
    assert "bytes=1000-" in hub.ranges
    assert not any("head.safetensors" in asked for asked in hub.asked), "what was whole is not fetched again"


def test_two_who_fetch_at_once_get_the_same(hub: Hub, classifier: Path) -> None:
    commit = push_classifier(classifier, NAME).commit
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(find_classifier(NAME, revision=commit))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert files_of(found[0]) == files_of(classifier)
    assert sum("resolve" in asked and "head.safetensors" in asked for asked in hub.asked) == 1
    assert [path.name for path in found[0].parent.iterdir()] == [commit]


def test_an_encoder_elsewhere_is_told_with_name_and_size_and_fetched_on_consent_only(hub: Hub, tmp_path: Path) -> None:
    """The classifier was asked for by its name; the encoder that it names was not."""
    checkpoint = hub.folder
    made = SentenceClassifier(encoder="owner/small", revision=hub.commit, features="mean@all", store=False)
    made.fit(TEXTS, LABELS).save(tmp_path / "model")
    push_classifier(tmp_path / "model", NAME)
    shutil.rmtree(tmp_path / "hf")
    hub.asked.clear()
    with pytest.raises(ConsentError) as caught:
        SentenceClassifier.load(NAME, revision="main")
    folder = find_classifier(NAME)
    size = sum((checkpoint / name).stat().st_size for name in ("model.safetensors", "config.json", "tokenizer.json"))
    size += (checkpoint / "tokenizer_config.json").stat().st_size
    assert caught.value.message == (
        f"{folder}: its encoder must be on this machine ('owner/small' at revision {hub.commit}, {size / 1e6:,.0f} MB)."
    )
    assert not any(asked.startswith("GET /owner/small/resolve") for asked in hub.asked)
    forge(tmp_path / "model", lambda manifest: manifest["files"].pop("README.md", None))
    assert SentenceClassifier.load(NAME, fetch=True).predict(["good film b"]).tolist() == ["good"]


def test_the_size_of_an_encoder_is_asked_for_fetched_classifiers_alone(hub: Hub, tmp_path: Path) -> None:
    path = saved(tmp_path)
    assert artifact_hub.encoder_bytes(load_artifact(path), "owner/small", None) is None
    assert hub.asked == []
    kept = tmp_path / "home" / "classifiers" / "x"
    kept.parent.mkdir(parents=True, mode=0o700)
    shutil.copytree(path, kept)
    assert artifact_hub.encoder_bytes(load_artifact(kept), "owner/gone", None) is None
    size = artifact_hub.encoder_bytes(load_artifact(kept), "owner/small", None)
    assert size == sum(path.stat().st_size for path in hub.folder.iterdir())


def test_who_may_not_write_is_told(hub: Hub, classifier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.status = 403
    with pytest.raises(AccessError, match=r"the hub \(http://127.0.0.1:\d+\) answered 403"):
        push_classifier(classifier, NAME)
    hub.status = None
    hub.asked.clear()
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(AccessError, match="To push to someone/films there must be a token of the hub") as caught:
        push_classifier(classifier, NAME)
    assert "HF_TOKEN" in caught.value.hint
    with pytest.raises(UsageError, match="A name of the hub is owner/name"):
        push_classifier(classifier, "films")
    assert hub.asked == []


def test_nothing_is_sent_to_a_repository_that_is_public_against_the_wish(hub: Hub, classifier: Path) -> None:
    hub.publishes = True
    with pytest.raises(AccessError, match="was to be private, and the hub has made it public: nothing was sent"):
        push_classifier(classifier, NAME)
    assert list(hub.repositories[NAME].files) == [".gitattributes"]
    del hub.repositories[NAME]
    push_classifier(classifier, NAME, public=True)
    assert "head.safetensors" in hub.repositories[NAME].files


def test_whoever_may_read_it_there_may_do_so_by_the_wish(hub: Hub, classifier: Path) -> None:
    """Of a repository that there is: nothing is sent where anybody could read it unasked, or could not though meant."""
    push_classifier(classifier, NAME)
    before = hub.repositories[NAME].head
    with pytest.raises(AccessError, match="someone/films is private on the hub: nothing was sent") as caught:
        push_classifier(classifier, NAME, public=True)
    assert caught.value.hint == "Leave --public out, or make it public there."
    hub.repositories[NAME].private = False
    with pytest.raises(AccessError, match="someone/films is public on the hub: nothing was sent") as caught:
        push_classifier(classifier, NAME)
    assert caught.value.hint == "Anybody may read it: add --public."
    assert hub.repositories[NAME].head == before


def test_only_files_of_an_earlier_classifier_are_removed(hub: Hub, classifier: Path) -> None:
    """Where there is no manifest, what bears the name of one of its files is somebody's own."""
    push_classifier(classifier, NAME)
    repository = hub.repositories[NAME]
    for is_earlier in (False, True):
        repository.files["cascade.json"] = b"{}"
        if not is_earlier:
            del repository.files["manifest.json"]
        push_classifier(classifier, NAME, message=f"again {is_earlier}")
        assert ("cascade.json" in repository.files) is not is_earlier


def test_a_revision_without_a_name_fetches_nothing(hub: Hub) -> None:
    with pytest.raises(UsageError, match="'someone/films@' names no revision behind the @") as caught:
        find_classifier(f"{NAME}@")
    assert caught.value.hint == "So: someone/films@main"
    assert hub.asked == []


def test_who_writes_meanwhile_is_not_overrun(hub: Hub, classifier: Path) -> None:
    hub.meanwhile = True
    with pytest.raises(RetryError, match="someone/films was written to by somebody else meanwhile"):
        push_classifier(classifier, NAME)
    assert set(hub.repositories[NAME].files) == {".gitattributes", "notes.txt"}
    hub.meanwhile = False
    push_classifier(classifier, NAME)
    assert "notes.txt" in hub.repositories[NAME].files


@pytest.mark.parametrize("name", ["head.safetensors", "manifest.json"])
def test_a_hub_that_keeps_something_else_is_found_out(hub: Hub, classifier: Path, name: str) -> None:
    hub.spoils = name
    with pytest.raises(UnavailableError, match=f"it does not hold what was sent \\('{name}'\\)"):
        push_classifier(classifier, NAME)


def test_answers_that_are_none_of_the_protocol_are_refused(hub: Hub, classifier: Path) -> None:
    push_classifier(classifier, "someone/other")
    hub.stored.clear()
    odd = "its answer is none that its protocol knows"
    path = f"/api/models/{NAME}/preupload/main"
    names = list(files_of(classifier))
    regular = [{"path": name, "uploadMode": "regular"} for name in names]
    for files in ("none", [], regular[1:], [*regular[1:], {"path": names[0], "uploadMode": "xet"}], [7]):
        hub.answers[path] = json.dumps({"files": files}).encode()
        with pytest.raises(UnavailableError, match=odd):
            push_classifier(classifier, NAME)
    hub.answers[path] = b'{"files": ['
    with pytest.raises(UnavailableError, match=odd):
        push_classifier(classifier, NAME)
    hub.answers[path] = b'{"files": "' + b"x" * 9 * 1024**2 + b'"}'
    with pytest.raises(UnavailableError, match="its answer has more than 8 MB"):
        push_classifier(classifier, NAME)
    del hub.answers[path]
    path = f"/{NAME}.git/info/lfs/objects/batch"
    large = [hashlib.sha256(content).hexdigest() for name, content in files_of(classifier).items() if is_large(name, 0)]
    for change, told in (
        ({"actions": {}}, odd),
        ({"actions": {"upload": {"href": 7}}}, odd),
        ({"actions": {"upload": {"href": f"{hub.endpoint}/put/x", "header": {"chunk_size": "1000"}}}}, odd),
        ({"actions": {"upload": {"href": "http://example.org/"}}}, "it has files sent to 'http://example.org/'"),
        ({"actions": {"upload": {"href": "file:///etc/passwd"}}}, "it has files sent to 'file:///etc/passwd'"),
        ({"error": {"code": 422, "message": "too large"}}, "it does not take a file: .*too large"),
    ):
        objects = [{"oid": oid, "size": 1, **change} for oid in large]
        hub.answers[path] = json.dumps({"objects": objects}).encode()
        with pytest.raises(UnavailableError, match=told):
            push_classifier(classifier, NAME)
    hub.answers[path] = b'{"objects": []}'
    with pytest.raises(UnavailableError, match=odd):
        push_classifier(classifier, NAME)
    assert list(hub.repositories[NAME].files) == [".gitattributes"]


def test_what_its_gitignore_leaves_out_is_told(hub: Hub, classifier: Path) -> None:
    hub.ignored = "head.safetensors"
    with pytest.raises(AccessError, match=r"its .gitignore leaves out head.safetensors"):
        push_classifier(classifier, NAME)


def test_a_damaged_classifier_is_not_pushed(hub: Hub, classifier: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(classifier, damaged)
    content = (damaged / "encoder" / "model.safetensors").read_bytes()
    (damaged / "encoder" / "model.safetensors").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ArtifactCorrupt, match=r"model.safetensors"):
        push_classifier(damaged, NAME)
    assert hub.asked == []


def test_python_pushes_and_its_card_is_one_that_the_hub_reads(hub: Hub, classifier: Path) -> None:
    commit = SentenceClassifier.load(classifier).push(NAME, message="from Python")
    repository = hub.repositories[NAME]
    assert (repository.head, repository.messages[-1]) == (commit, "from Python")
    card = ModelCard(repository.files["README.md"].decode())
    told: Any = card.data
    assert (told.library_name, told.pipeline_tag) == ("frostline", "text-classification")
    assert "'good'" not in card.text
    assert "Labels: `bad`, `good`. It learned from 32 texts." in card.text
    assert SentenceClassifier.load(NAME, revision=commit).predict(["bad film"]).tolist() == ["bad"]


def test_what_was_fetched_is_shown_and_pruned(hub: Hub, classifier: Path) -> None:
    push_classifier(classifier, NAME)
    folder = find_classifier(NAME, fetch=True)
    [entry] = [entry for entry in cache_info() if entry.kind == "classifiers"]
    assert entry.n_files == len(files_of(classifier)) + 1
    cache_prune(kinds=["classifiers"])
    assert not folder.exists()
    with pytest.raises(ConsentError):
        find_classifier(NAME)
    assert find_classifier(NAME, fetch=True) == folder


def test_the_verbs(frostline: Command, hub: Hub, classifier: Path) -> None:
    refused = frostline("push", classifier, NAME)
    assert refused.code == 69
    assert f"would be sent to {NAME} at {hub.endpoint} (a private one if it is new)." in refused.err
    assert "Send them by adding --yes." in refused.err
    assert hub.asked == []
    assert frostline("push", classifier, "films", "--yes").code == 2
    done = frostline("push", classifier, NAME, "--yes")
    assert done.code == 0
    commit = hub.repositories[NAME].head
    assert f"at {hub.endpoint}/{NAME}/tree/{commit}" in done.out
    assert f"frostline predict {NAME}@{commit} " in done.out
    again = frostline("push", classifier, NAME, "--yes", "--json").document
    assert (again["commit"], again["new"]) == (commit, False)
    assert frostline("predict", NAME, "good film a").code == 69
    told = frostline("predict", f"{NAME}@{commit}", "good film a")
    assert told.code == 0, told.err
    assert told.out.startswith("good\t")
    assert frostline("predict", NAME, "bad film", "--yes").out.startswith("bad\t")
    assert frostline("explain", NAME, "good film").code == 0
    assert frostline("predict", "someone/gone@main", "good film").code == 66


def test_the_card_of_a_training_has_what_the_hub_s_index_reads() -> None:
    """Task and metrics as its own library finds them; the interval stands in the metric's name."""
    card = ModelCard((Path(__file__).parents[1] / "golden" / "four-plain" / "card.md").read_text("utf-8"))
    told: Any = card.data
    assert (told.library_name, told.pipeline_tag) == ("frostline", "text-classification")
    results = told.eval_results
    assert [result.metric_type for result in results] == ["accuracy", "f1"]
    for result in results:
        assert result.task_type == "text-classification"
        assert 0 < result.metric_value < 1
        assert "95 % interval" in result.metric_name


def test_whoever_sits_at_the_terminal_is_asked_before_anything_is_fetched_or_sent(
    frostline: Command, hub: Hub, classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First for the classifier, then for the encoder that it names; and before anything leaves this machine."""
    made = SentenceClassifier(encoder="owner/small", revision=hub.commit, features="mean@all", store=False)
    made.fit(TEXTS, LABELS).push(NAME)
    shutil.rmtree(Path("hf"))
    hub.asked.clear()
    asked: list[str] = []
    answer = [False]

    def confirm(question: str, **_: Any) -> None:
        asked.append(question)
        if not answer[0]:
            raise Abort

    monkeypatch.setattr("click.confirm", confirm)
    monkeypatch.setattr(options, "is_conversation", lambda: True)
    monkeypatch.setattr(push, "is_conversation", lambda: True)
    assert frostline("predict", NAME, "good film").code == 130
    none = "There is no saved model at 'someone/films', and none of that name of the hub is on this machine."
    assert asked == [f"{none} Fetch it from the hub?"]
    assert hub.asked == []
    answer[0] = True
    told = frostline("predict", NAME, "good film")
    assert told.out.startswith("good\t"), told.err
    assert len(asked) == 3
    assert f"('owner/small' at revision {hub.commit}, 0 MB). Fetch it from the hub?" in asked[2]
    answer[0] = False
    n_asked = len(hub.asked)
    assert frostline("push", classifier, NAME).code == 130
    assert asked[3].endswith("(a private one if it is new). Send them?")
    assert len(hub.asked) == n_asked


def test_a_server_takes_names_of_the_hub() -> None:
    from frostline.serve.options import Named  # noqa: PLC0415 - of one test

    assert Named.of("someone/films@main") == Named(name="films", folder=Path("someone/films@main"))
    assert Named.of("someone/films") == Named(name="films", folder=Path("someone/films"))
    assert Named.of("reviews=someone/films@v1") == Named(name="reviews", folder=Path("someone/films@v1"))
