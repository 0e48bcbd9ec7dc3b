"""docs/sentences.md against the code: each sentence of a report has its row, and each row its sentence and its test."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SPOKEN = (*sorted((ROOT / "src/frostline/report").glob("*.py")), ROOT / "src/frostline/advice.py",
          ROOT / "src/frostline/legible.py")  # fmt: skip
DOCUMENT = (ROOT / "docs/sentences.md").read_text("utf-8")
ABOVE, NAMES = DOCUMENT.split("## Names and notes")
FINDINGS, ELSEWHERE = ABOVE.split("## Findings made elsewhere")

_WORD = re.compile(r"[^\W\d_]{2,}")
_FEWEST_WORDS = 4


def templates(source: str) -> set[str]:
    """The texts in a module that are said: four words or more, what is filled in as `…`; docstrings are none."""
    tree = ast.parse(source)
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    silent |= {id(part) for node in joined for part in node.values}
    texts = ["".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values) for node in joined]  # type: ignore[misc]  # constants of an f-string are str
    texts += [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent
    ]
    return {written(text) for text in texts if len(_WORD.findall(re.sub("<[^>]*>", " ", text))) >= _FEWEST_WORDS}


def written(text: str) -> str:
    """A template as the document writes it: on one line, without what a table's cell or a code span would end at."""
    return " ".join(text.replace("`", "'").replace("|", "/").split())


def listed(document: str) -> set[str]:
    """The sentences of a part of the document: each begins its line, between back-ticks."""
    return set(re.findall(r"^(?:\| |- )`([^`]*)`", document, flags=re.MULTILINE))


def test_every_sentence_of_a_report_is_listed_with_what_allows_it() -> None:
    """Whoever writes a new one says which figure and which bound of it allow it, or that it claims nothing."""
    said = set().union(*(templates(path.read_text("utf-8")) for path in SPOKEN))
    known = listed(FINDINGS) | listed(NAMES)
    assert sorted(said - known) == [], "add these to docs/sentences.md"
    assert sorted(known - said) == [], "take these out of docs/sentences.md"


def test_what_is_listed_of_other_modules_is_said_there() -> None:
    others = [path for path in (ROOT / "src/frostline").rglob("*.py") if path not in SPOKEN]
    said = set().union(*(templates(path.read_text("utf-8")) for path in others))
    assert sorted(listed(ELSEWHERE) - said) == []


def test_every_finding_names_a_test_that_exists() -> None:
    """And what allows it."""
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    rows = [re.split(r" \| ", line.strip("| \n")) for line in ABOVE.splitlines() if line.startswith("| `")]
    assert len(rows) == len(listed(ABOVE))
    for sentence, allowed, test in rows:
        assert allowed, sentence
        assert f"def {test.strip('`')}(" in tests, f"{sentence}: {test}"


def test_a_new_sentence_would_be_seen() -> None:
    """In an f-string, in two halves, in a conditional; a docstring, a key and markup are none."""
    source = '''
def said(n):
    """A docstring has many words as well."""
    one = f"There are {n} texts of " "that kind |."
    return {"key": "all of these are `well`" if n else "short one", "b": f"<td class='aa bb cc dd ee'>{n}"}
'''
    assert templates(source) == {"There are … texts of that kind /.", "all of these are 'well'"}
