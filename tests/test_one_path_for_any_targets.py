"""Where the code tells labels that exclude each other from labels that don't, in whatever form it is written.

Six places ask (`test_imports_go_one_way.py`). Wherever else the difference is met, the decision 0062 says why.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import frostline
from test_imports_go_one_way import SIX_PLACES

SOURCE = Path(frostline.__file__).parent
DECISION = Path(__file__).parents[1] / "docs" / "decisions" / "0062-where-targets-differ.md"
KINDS, LINKS = {"one label", "several labels"}, {"softmax", "logistic"}
FLAGS = {"answers_sets", "has_sets", "has_label_sets", "of_sets", "are_ranked", "is_sets", "is_indicator_", "is_matrix"}
GROUPS = re.compile(r"\bgroups\(\)|\blen\([\w.]*chosen_Cs?\)|\bscores\.shape\[1\]")
CODES = re.compile(r"\b(codes|members)\.(ndim|shape\[1\])")
FORMS = ("asks", "shares C", "a flag", "no confusion", "shape of codes", "a table", "by name")


def form_of(node: ast.AST, parent: ast.AST | None) -> str | None:
    """In which form this node tells the two kinds of targets apart; None: it does not."""
    form = None
    if isinstance(node, ast.Compare):
        form = _of_comparison(node)
    elif isinstance(node, ast.Call):
        form = "shares C" if ast.unparse(node.func).split(".")[-1] == "share_c" else None
    elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
        form = _of_name(node.attr if isinstance(node, ast.Attribute) else node.id, parent)
    elif isinstance(node, ast.Dict):
        keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
        form = "a table" if keys & (KINDS | LINKS) else None
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in KINDS | LINKS:
        form = None if isinstance(parent, ast.Dict | ast.Compare) else "by name"
    return form


def _of_name(name: str, parent: ast.AST | None) -> str | None:
    if name == "exclusive":
        return "asks"
    if name == "confusion" and isinstance(parent, ast.If | ast.IfExp | ast.BoolOp | ast.UnaryOp | ast.While):
        return "no confusion"
    return "a flag" if name in FLAGS else None


def _of_comparison(node: ast.Compare) -> str | None:
    sides = [node.left, *node.comparators]
    named = {side.value for side in ast.walk(node) if isinstance(side, ast.Constant) and isinstance(side.value, str)}
    if named & LINKS or any(ast.unparse(side).split(".")[-1] == "link" for side in sides):
        return "asks"
    if named & KINDS or any(ast.unparse(side).endswith("targets.kind") for side in sides):
        return "by name"
    written = ast.unparse(node)
    if any(isinstance(side, ast.Attribute) and side.attr == "confusion" for side in sides):
        return "no confusion"
    if GROUPS.search(written):
        return "shares C"
    return "shape of codes" if CODES.search(written) else None


def met(source: Path = SOURCE) -> dict[str, set[str]]:
    """The files in which the difference is met, by form."""
    found: dict[str, set[str]] = {form: set() for form in FORMS}
    for path in sorted(source.rglob("*.py")):
        for node, parent in _nodes(ast.parse(path.read_text("utf-8"))):
            form = form_of(node, parent)
            if form is not None:
                found[form].add(path.relative_to(source).as_posix())
    return found


def _nodes(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.AST | None]]:
    """Every node with what it stands in; what types name is left out."""
    todo: list[tuple[ast.AST, ast.AST | None]] = [(tree, None)]
    while todo:
        node, parent = todo.pop()
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) in {"Literal", "Mapping", "dict"}:
            continue
        yield node, parent
        todo += [(child, node) for child in ast.iter_child_nodes(node)]


def allowed() -> dict[str, set[str]]:
    """What the decision lists: a line `- form: file: why` each."""
    found: dict[str, set[str]] = {form: set() for form in FORMS}
    for form, files in re.findall(r"^- ([a-zA-Z ]+): (`[^:]+`): \S", DECISION.read_text("utf-8"), flags=re.MULTILINE):
        found[form] |= set(re.findall(r"`([^`]+)`", files))
    return found


def test_wherever_the_difference_is_met_the_decision_says_why() -> None:
    """A file that begins to tell them apart needs a reason there, or a method of `Targets` or `Answers`."""
    found, listed = met(), allowed()
    assert {form: sorted(found[form] - listed[form]) for form in FORMS} == {form: [] for form in FORMS}
    assert {form: sorted(listed[form] - found[form]) for form in FORMS} == {form: [] for form in FORMS}


@pytest.mark.parametrize(
    ("code", "form"),
    [
        ("if targets.exclusive:\n    pass", "asks"),
        ("x = 1 if head.link == 'softmax' else 2", "asks"),
        ("x = link != other.link", "asks"),
        ("x = share_c(targets)", "shares C"),
        ("x = options.share_c(targets)", "shares C"),
        ("x = len(targets.groups()) > 1", "shares C"),
        ("x = len(search.chosen_C) == 1", "shares C"),
        ("x = search.scores.shape[1] > 1", "shares C"),
        ("x = head.answers_sets", "a flag"),
        ("def f(of_sets):\n    return of_sets", "a flag"),
        ("x = test.confusion is None", "no confusion"),
        ("x = 1 if test.confusion else 2", "no confusion"),
        ("x = not test.confusion", "no confusion"),
        ("x = codes.ndim == 1", "shape of codes"),
        ("x = targets.members.shape[1] > 1", "shape of codes"),
        ("x = {'one label': 1, 'several labels': 2}[kind]", "a table"),
        ("x = {'softmax': 1}.get(link)", "a table"),
        ("x = kind == 'several labels'", "by name"),
        ("x = kind in {'several labels'}", "by name"),
        ("x = targets.kind != other.targets.kind", "by name"),
        ("match kind:\n    case 'one label':\n        pass", "by name"),
        ("x = words.get('several labels')", "by name"),
    ],
)
def test_every_form_is_seen(tmp_path: Path, code: str, form: str) -> None:
    """The test itself notices what it is for."""
    (tmp_path / "new.py").write_text(code + "\n", "utf-8")
    assert {name for name, files in met(tmp_path).items() if files} == {form}


@pytest.mark.parametrize(
    "code", ["Kind = Literal['one label', 'several labels']", "x.exclusive = 1", "x = test.confusion[0]", "x = 'label'"]
)
def test_what_does_not_tell_them_apart_is_not_seen(tmp_path: Path, code: str) -> None:
    """Types, what is set, what is merely used."""
    (tmp_path / "new.py").write_text(code + "\n", "utf-8")
    assert not any(met(tmp_path).values())


def test_what_is_listed_is_there() -> None:
    """The list is read from the decision; of those that ask there are the six, and where it is defined."""
    listed = allowed()
    assert all(listed.values())
    assert {path for files in listed.values() for path in files if not (SOURCE / path).is_file()} == set()
    assert listed["asks"] == {"targets.py", *SIX_PLACES}
