"""Words that confused a first reader are said nowhere any more: not in reports, help, errors, pages or the how-to."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CONFUSING = (
    r"search\.best_score 0",
    r"stands? there",
    r"\bflatters?\b",
    r"drawn label by label",
    r"rule: best",
    r"scores had fallen",
    r"surest alone",
    r"Calibrated by",
    r"came true",
    r"probability claimed",
    r"is not sure: label",
    r"(there|it|this) is no artifact",
    r"rows cannot be used",
    r"label is not clear",
    r"every class needs",
    r"these very words",
    r"gave no answer to use",
    r"read otherwise then",
    r"labels? to look at",
    r"\), rather ",
    r"also in this file, or nearly",
    r"What is taken for what",
    r"mistakes it was surest of",
    r"a little hopeful",
    r"labels apart the most$",
    r"^the next most",
    r"Its probabilities seem",
    r"the changes do not add up",
    r"from where on it reaches",
    r"^Of the hold-out",
    r"need no such word",
    r"to put up with",
    r"own limit if not said",
    r"reads each sentence once; a pooling",
    r"never passed off",
    r"Safe with strangers",
)
SOURCES = sorted((ROOT / "src" / "frostline").rglob("*.py"))
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs" / "how-to").glob("*.md")),
    *(ROOT / "docs" / name for name in ("guide.md", "cli.md", "your-file.md", "serve.md")),
    *sorted((ROOT / "src" / "frostline").rglob("*.toml")),
    *sorted((ROOT / "src" / "frostline").rglob("*.js")),
    *sorted((ROOT / "src" / "frostline").rglob("*.html")),
]


def spoken(source: str) -> list[str]:
    """What a module may say: its texts, but for docstrings."""
    every = list(ast.walk(ast.parse(source)))
    silent = {id(node.value) for node in every if isinstance(node, ast.Expr)}
    nodes = [node for node in every if isinstance(node, ast.Constant) and id(node) not in silent]
    return [node.value for node in nodes if isinstance(node.value, str)]


def test_nobody_is_told_so_any_more() -> None:
    said = [(path.name, text) for path in SOURCES for text in spoken(path.read_text("utf-8"))]
    said += [(path.name, line) for path in PAGES for line in path.read_text("utf-8").splitlines()]
    anything = re.compile("|".join(CONFUSING))
    assert [found for found in said if anything.search(found[1])] == []


def test_a_chinese_reader_has_samples_and_per_cent_as_written_there() -> None:
    for name in ("zh.toml", "page.zh.toml"):
        text = (ROOT / "src" / "frostline" / "tutorial" / name).read_text("utf-8")
        assert "笔记本" not in text
        assert not re.search(r"\d %", text)
        assert not re.search(r"训练行|测试行|(?<!piece_id)\} 行", text)
