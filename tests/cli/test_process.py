"""The command as a process: what it imports, how it ends, what a closed pipe or a full disk does to it."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from encoder_fakes import make_checkpoint
from frostline.cli.main import VERBS, cli

HEAVY = ("numpy", "scipy", "sklearn", "onnx", "onnxruntime", "tokenizers", "rich", "matplotlib", "pyarrow")


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **environment},
    )


def frostline(*arguments: str, home: Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-m", "frostline", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "FROSTLINE_HOME": str(home)},
        **options,
    )


@pytest.mark.parametrize("what", ["import frostline", "from frostline.cli.main import run; run(['--help'])"])
def test_nothing_heavy_is_imported_at_start(what: str) -> None:
    """The guard of the start-up time, without timing."""
    found = python(f"{what}\nimport sys; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert found.stdout.strip().endswith("[]"), found.stdout + found.stderr


def test_predicting_a_sentence_needs_neither_scikit_learn_nor_onnx(model: Path, home: Path) -> None:
    """Nor scipy, pyarrow, matplotlib: the encoder's runtime and numpy do."""
    code = (
        "import sys; from frostline.cli.main import run; code = run(['predict', sys.argv[1], 'a joy']);"
        "print(code, [name for name in ('sklearn', 'scipy', 'onnx', 'pyarrow', 'matplotlib', 'huggingface_hub')"
        " if name in sys.modules])"
    )
    first = python(code, str(model), FROSTLINE_HOME=str(home))
    assert first.returncode == 0, first.stderr
    assert python(code, str(model), FROSTLINE_HOME=str(home)).stdout.endswith("0 []\n")


def test_reading_leaves_nothing_in_the_home(model: Path, home: Path, tmp_path: Path) -> None:
    """ONNX Runtime counts its use, in the home's cache and by asking its collector, unless it is told not to."""
    empty = tmp_path / "empty"
    empty.mkdir()
    code = "import sys; from frostline.cli.main import run; sys.exit(run(['predict', sys.argv[1], 'a joy']))"
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    ended = subprocess.run(
        [sys.executable, "-c", code, str(model)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**kept, "HOME": str(empty), "XDG_CACHE_HOME": str(empty / ".cache"), "FROSTLINE_HOME": str(home)},
    )
    assert ended.returncode == 0, ended.stderr
    assert sorted(empty.rglob("*")) == []


def test_the_list_of_verbs_is_that_of_the_commands() -> None:
    """The table that saves the imports says what the commands themselves say."""
    context = cli.make_context("frostline", ["--help"], resilient_parsing=True)
    for name in VERBS:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.epilog is not None
        assert "Example: frostline" in command.epilog


def test_blas_is_held_to_one_thread_before_numpy_loads() -> None:
    """Two spinning BLAS threads on two cores can be a hundred times slower than one."""
    code = (
        "import sys, frostline.cli.main as m, os; sys.argv = ['frostline', '--version']\n"
        "try: m.main()\nexcept SystemExit: print(os.environ['OPENBLAS_NUM_THREADS'], 'numpy' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("NUM_THREADS")}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.endswith("1 False\n")


def test_a_closed_pipe_ends_quietly(model: Path, home: Path) -> None:
    """`frostline predict ... | head -1`: no traceback, no message."""
    process = subprocess.Popen(
        [sys.executable, "-m", "frostline", "predict", str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "FROSTLINE_HOME": str(home)},
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    with contextlib.suppress(BrokenPipeError):  # it may have gone already: that is the point
        process.stdin.write(b"a joy\n" * 6_000)
        process.stdin.close()
    assert process.wait(timeout=120) == 0
    assert process.stderr.read() == b""
    process.stderr.close()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()


def test_a_closed_pipe_ends_a_report_quietly_too(model: Path, home: Path, tmp_path: Path) -> None:
    """`frostline explain ... | head -1`: a table's reader may go as well as a list's, and the page is whole."""
    page = tmp_path / "why.html"
    process = subprocess.Popen(
        [sys.executable, "-m", "frostline", "explain", str(model), "a joy to watch", "--html", str(page)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "FROSTLINE_HOME": str(home)},
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=120) == 0
    assert page.read_text("utf-8").rstrip().endswith("</html>")


@pytest.mark.parametrize("closed", ["", "2>&-", ">&-", ">&- 2>&-"])
def test_outputs_closed_from_the_start_are_no_bug(model: Path, home: Path, closed: str) -> None:
    """An answer that cannot be written is an error, as on a full disk; words that cannot be are none."""
    command = f'"{sys.executable}" -m frostline predict "{model}" "a joy" {closed}'
    found = subprocess.run(
        ["/bin/sh", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "FROSTLINE_HOME": str(home)},
    )
    assert found.returncode == (74 if ">&-" in closed.split() else 0), found.stderr
    said = (
        "error: Standard output could not be written: Bad file descriptor.\n       Make room, or send it elsewhere.\n"
    )
    assert found.stderr == (said if closed == ">&-" else "")


def in_shell(command: str, home: Path) -> subprocess.CompletedProcess[str]:
    """A shell's command with `frostline` in it."""
    return subprocess.run(
        ["/bin/sh", "-c", command.replace("frostline", f'"{sys.executable}" -m frostline')],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "FROSTLINE_HOME": str(home)},
    )


FULL = (
    "error: Standard output could not be written: No space left on device.\n       Make room, or send it elsewhere.\n"
)


@pytest.mark.parametrize("verb", ["--help", "train --help", "encoders", "predict {} joy"])
def test_a_full_disk_behind_the_output_is_told(model: Path, home: Path, verb: str) -> None:
    """Also of what is only shown: 74, as for a file."""
    ended = in_shell(f"frostline {verb.format(model)} >/dev/full", home)
    assert (ended.returncode, ended.stderr) == (74, FULL)


def test_words_that_nobody_can_read_change_nothing(model: Path, home: Path) -> None:
    """A full disk behind standard error: the answer and the exit code are the same."""
    assert in_shell("frostline predict missing joy 2>/dev/full", home).returncode == 66
    assert in_shell(f"frostline predict {model} joy >/dev/full 2>/dev/full", home).returncode == 74
    ended = in_shell(f"frostline predict {model} 'a joy' 2>/dev/full", home)
    assert ended.returncode == 0
    assert ended.stdout.startswith("positive")


@pytest.mark.parametrize("line", ["{} a.txt >> a.txt", "{} - < a.txt >> a.txt", "{} a.txt > a.txt"])
def test_answers_are_not_written_into_what_is_read(model: Path, home: Path, tmp_path: Path, line: str) -> None:
    """They would be read as texts, again and again."""
    (tmp_path / "a.txt").write_text("a joy\n" * 3)
    line = line.replace("a.txt", str(tmp_path / "a.txt"))
    ended = in_shell(f"frostline predict {line.format(model)}", home)
    name = "standard input" if "<" in line else str(tmp_path / "a.txt")
    assert (ended.returncode, ended.stderr) == (
        2,
        f"error: Standard output is {name}, which is read.\n       Send the answers to another file, then move it.\n",
    )


def test_a_pipe_with_a_name_is_a_file(model: Path, home: Path, tmp_path: Path) -> None:
    """As `<(…)` of a shell; it was taken for a text."""
    pipe, out = tmp_path / "pipe", tmp_path / "out.tsv"
    for wish in ("", f"--out {out}"):
        ended = in_shell(
            f"rm -f {pipe}; mkfifo {pipe}; (printf 'a joy here\\na grief there\\n' > {pipe} &) ; "
            f"frostline predict {model} {pipe} --text 1 --no-header {wish}",
            home,
        )
        assert (ended.returncode, ended.stderr.count("2 texts labelled in")) == (0, bool(wish))
        told = out.read_text("utf-8") if wish else ended.stdout
        assert len(told.splitlines()) == 2 + bool(wish)


@pytest.mark.parametrize("verb", ["predict {}", "predict {} -", "explain {} -", "train -"])
def test_a_closed_input_is_told(model: Path, home: Path, verb: str) -> None:
    """As cron and services start programs."""
    ended = in_shell(f"frostline {verb.format(model)} <&-", home)
    assert (ended.returncode, ended.stderr) == (
        66,
        (
            "error: Standard input is closed: there is nothing to read.\n"
            "       Give texts or a file, or send lines to it.\n"
        ),
    )


@pytest.mark.parametrize("verb", ["predict {model} 'a joy'", "train {file} -C 1 --features words --folds 2"])
def test_what_reads_no_input_goes_on_without_one(model: Path, home: Path, tmp_path: Path, verb: str) -> None:
    """Nobody is asked, not even where labels differ by case."""
    file = tmp_path / "t.csv"
    file.write_text("text,label\n" + "".join(f"word{n % 2} and {n} more,{('a', 'A', 'b')[n % 3]}\n" for n in range(30)))
    ended = in_shell(f"frostline {verb.format(model=model, file=file)} <&-", home)
    assert (ended.returncode, "closed" in ended.stderr) == (0, False), ended.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("module", ["frostline.cli.main", "click", "numpy"])
def test_a_signal_while_modules_load(model: Path, home: Path, module: str, number: signal.Signals, code: int) -> None:
    """Before `main` is there, and within a verb, where the module that loads may make an ImportError of it."""
    script = f"""
import os, sys, importlib.abc
class Struck(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            try:
                os.kill(os.getpid(), {int(number)})
                for _ in range(1000): pass
            except KeyboardInterrupt as error:
                raise ImportError("as numpy says it") from error
sys.meta_path.insert(0, Struck())
sys.argv = ["frostline", "predict", {str(model)!r}, "a joy"]
from frostline.__main__ import main
main()
"""
    ended = python(script, FROSTLINE_HOME=str(home))
    assert ended.returncode == code, ended.stderr
    assert ended.stderr == ("stopped; what was finished is kept: the same command continues.\n" * (module == "numpy"))
    assert not ended.stdout


def test_a_signal_while_a_dataclass_is_made(model: Path, home: Path, tmp_path: Path) -> None:
    """Python remembers a KeyboardInterrupt that left `exec` of a string, and ended by SIGINT though it was caught."""
    (tmp_path / "sitecustomize.py").write_text(f"""
import os, sys, importlib.abc
class Struck(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "numpy":
            exec("os.kill(os.getpid(), {int(signal.SIGTERM)})\\nfor _ in range(1000): pass")
sys.meta_path.insert(0, Struck())
""")
    places = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        [sys.executable, "-m", "frostline", "predict", str(model), "a joy"],
        env={**os.environ, "FROSTLINE_HOME": str(home), "PYTHONPATH": places},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (143, "")
    assert ended.stderr.strip() == "stopped; what was finished is kept: the same command continues."


def test_the_installed_command_answers_signals_from_its_first_instruction_on() -> None:
    """It begins where `python -m frostline` does, and nothing is loaded before."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["scripts"] == {"frostline": "frostline.__main__:main"}
    loaded = python("import sys; before = set(sys.modules); import frostline; print(sorted(set(sys.modules) - before))")
    assert loaded.stdout == "['frostline', 'frostline.version']\n"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_a_signal_stops_soon_and_keeps_what_was_read(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """Within five seconds, with a word on how to go on; the same command then reads only the rest."""
    words = ["quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "while", "seven", "wizards", "box"]
    path = tmp_path / "many.tsv"
    rows = (f"{' '.join(words[n % 7 :])} {words[n % 12]} {n}\t{n % 2}\n" for n in range(20_000))
    path.write_text("".join(rows), "utf-8")
    home = tmp_path / "home"
    process = subprocess.Popen(
        [sys.executable, "-m", "frostline", "embed", str(path), "--out", str(tmp_path / "rows.npy"), "--text", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FROSTLINE_HOME": str(home)},
    )
    deadline = time.monotonic() + 90
    while not list(home.rglob("*.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "the same command continues" in err
    assert "Traceback" not in err
    assert not (tmp_path / "rows.npy").exists()
    assert list(home.rglob("*.safetensors"))


def test_a_full_disk_is_an_error_and_leaves_nothing_half_written(model: Path, home: Path, tmp_path: Path) -> None:
    """Exit code 74, naming the path; the limit on file size stands in for the full disk."""
    path = tmp_path / "texts.tsv"
    path.write_text("".join(f"sentence number {n}, one of many\n" for n in range(400)), "utf-8")
    out = tmp_path / "scored.jsonl"

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    arguments = ("predict", str(model), str(path), "--out", str(out), "--text", "1", "--no-header")
    ended = frostline(*arguments, home=home, preexec_fn=small_files)
    assert ended.returncode == 74, ended.stderr
    assert "scored.jsonl" in ended.stderr
    assert list(tmp_path.iterdir()) == [path]
    assert frostline(*arguments, home=home).returncode == 0


def test_a_limit_on_file_size_stops_training_without_loss(tmp_path: Path) -> None:
    """Keeping a graph, keeping rows, saving: 74 and no death by signal, nothing half-written; the rerun finishes."""
    encoder = make_checkpoint(tmp_path / "encoder")
    path, out, home = tmp_path / "rows.tsv", tmp_path / "model", tmp_path / "home"
    path.write_text("".join(f"good film {n % 7}\tgood\nbad film {n % 7}\tbad\n" for n in range(20)), "utf-8")
    arguments = ("train", str(path), "--encoder", str(encoder), "-C", "0.1", "--out", str(out), "--json")

    def ended(limit_bytes: int) -> subprocess.CompletedProcess[str]:
        return frostline(
            *arguments,
            home=home,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes)),
        )

    first = ended(60)  # nothing can be kept, not even the 70 bytes that remember a tokenizer
    assert first.returncode == 74, first.stderr
    assert "The graph cannot be kept" in first.stderr
    assert "features" in first.stderr
    assert [entry.name for entry in home.rglob("*") if entry.is_file()] == []
    kept = frostline(*arguments[:-3], home=home)  # the same without --out
    assert kept.returncode == 0, kept.stderr
    second = ended(3500)  # rows are kept, those of the self-test too; the classifier cannot be saved
    assert second.returncode == 74, second.stderr
    assert "model: writing failed (File too large" in second.stderr
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["encoder", "home", "rows.tsv"]
    assert frostline(*arguments, home=home).returncode == 0
    assert (out / "manifest.json").exists()


def test_a_terminal_that_is_not_utf_8_is_served(model: Path, home: Path, tmp_path: Path) -> None:
    """What it cannot show is escaped; JSON stays JSON."""
    rows = tmp_path / "rows.tsv"
    rows.write_text("a joy \u2603\tpositive\nd\xfcll\tnegative\n" * 6, "utf-8")
    environment = {**os.environ, "FROSTLINE_HOME": str(home), "PYTHONIOENCODING": "ascii"}
    for arguments in (["evaluate", str(model), str(rows)], ["predict", str(model), "--json", "d\xfcll"]):
        ended = subprocess.run(
            [sys.executable, "-m", "frostline", *arguments], capture_output=True, check=False, env=environment
        )
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.isascii()
    assert json.loads(ended.stdout)["text"] == "d\xfcll"


def test_an_unforeseen_error_is_called_a_bug(tmp_path: Path) -> None:
    """Exit code 70 and one sentence; the traceback only with `--debug`."""
    code = (
        "import sys, frostline.cli.main as m; m.cli.main = lambda *a, **k: 1 / 0; raise SystemExit(m.run(sys.argv[1:]))"
    )
    told = python(code)
    assert told.returncode == 70
    assert "A bug in Frostline" in told.stderr
    assert "Traceback" not in told.stderr
    assert "ZeroDivisionError" in python(code, "--debug").stderr
