"""Small changes to a source file, as a slip of the hand would make them. Not here: trying them (tools/mutants.py)."""

import ast
import re
from dataclasses import dataclass

COMPARES: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.In: (r"in\b", "not in"),
    ast.NotIn: (r"not\s+in\b", "in"),
    ast.Is: (r"is\b", "is not"),
    ast.IsNot: (r"is\s+not\b", "is"),
}
OPERATORS: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: (r"\+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: (r"\*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: (r"\*\*", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: (r"\|", "&"),
}
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
METHODS = CALLS | {"argmax": "argmin", "argmin": "argmax", "sum": "mean", "mean": "sum"}
METHODS |= {"minimum": "maximum", "maximum": "minimum"}
# No behaviour hangs on these: caches, slots, lengths that agree anyway, whose line a warning names.
IDLE_KEYWORDS = {"frozen", "slots", "kw_only", "maxsize", "strict", "stacklevel"}


@dataclass(frozen=True)
class Mutation:
    """One change: bytes `start` to `stop` of `file` become `new`.

    `statement` is the line where its statement begins. `around` are the first and last line of the function or file it
    belongs to, whose tests count where the line itself is executed only on import.
    """

    file: str
    line: int
    column: int
    start: int
    stop: int
    new: str
    change: str
    statement: int
    around: tuple[int, int]


def mutated(source: bytes, mutation: Mutation) -> bytes | None:
    """The source with the change made; None if it would not compile, or would mean the same."""
    changed = source[: mutation.start] + mutation.new.encode() + source[mutation.stop :]
    try:
        tree = ast.parse(changed)
    except SyntaxError:
        return None
    return None if ast.dump(tree) == ast.dump(ast.parse(source)) else changed


def mutations(file: str, source: bytes) -> list[Mutation]:
    """Every change known here that `source` has room for, in order of place."""
    found = _Finder(file, source)
    tree = ast.parse(source)
    found.scopes.append(tree)
    found.visit(tree)
    return sorted(found.mutations, key=lambda mutation: (mutation.start, mutation.stop, mutation.new))


class _Finder(ast.NodeVisitor):
    """Walks a file, leaving out annotations."""

    def __init__(self, file: str, source: bytes) -> None:
        self.file, self.source = file, source
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.scopes: list[ast.FunctionDef | ast.AsyncFunctionDef | ast.Module] = []
        self.statement: ast.stmt | None = None
        self.mutations: list[Mutation] = []

    def visit(self, node: ast.AST) -> None:
        """Remember the statement."""
        before = self.statement
        if isinstance(node, ast.stmt):
            self.statement = node
        super().visit(node)
        self.statement = before

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Decorators (a command's options), defaults and body; not the annotations."""
        self.scopes.append(node)
        inner = [one for one in node.decorator_list if not _named(one, "cache", "lru_cache", "overload")]
        for part in [*inner, *node.args.defaults, *node.args.kw_defaults, *node.body]:
            if part is not None:
                self.visit(part)
        self.scopes.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - the name that ast asks for

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Only the body: bases and decorators say what kind of class it is."""
        for part in node.body:
            self.visit(part)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """The value, unless that is a type too."""
        if node.value is not None and not _named(node.annotation, "TypeAlias"):
            self.visit(node.value)

    def visit_If(self, node: ast.If) -> None:
        """A guard's `raise` is removed."""
        if _named(node.test, "TYPE_CHECKING"):
            return
        if not node.orelse and len(node.body) == 1 and isinstance(node.body[0], ast.Raise):
            before, self.statement = self.statement, node.body[0]
            self._replace(node.body[0], "pass")
            self.statement = before
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        """Words of a message are not changed."""

    def visit_Compare(self, node: ast.Compare) -> None:
        """Each operator by itself."""
        operands = [node.left, *node.comparators]
        for left, operator, right in zip(operands, node.ops, operands[1:], strict=False):
            self._between(left, right, *COMPARES[type(operator)])
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Arithmetic; joined text is not arithmetic."""
        is_text = any(
            isinstance(one, ast.JoinedStr) or (isinstance(one, ast.Constant) and isinstance(one.value, str | bytes))
            for one in (node.left, node.right)
        )
        is_type = isinstance(node.op, ast.BitOr) and _is_class(node.right)
        if type(node.op) in OPERATORS and not is_text and not is_type:
            self._between(node.left, node.right, *OPERATORS[type(node.op)])
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """`+=` and its like."""
        if type(node.op) in OPERATORS:
            self._between(node.target, node.value, *OPERATORS[type(node.op)])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """`and` for `or`."""
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._between(left, right, rf"{old}\b", new)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        """`not x` becomes `x`."""
        if isinstance(node.op, ast.Not):
            self._replace(node, self._text(node.operand))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """Numbers and truth values."""
        if isinstance(node.value, bool):
            self._replace(node, str(not node.value))
        elif isinstance(node.value, int):
            self._replace(node, str(node.value + 1))
        elif isinstance(node.value, float):
            self._replace(node, repr(node.value * 2 or 1.0))

    def visit_Call(self, node: ast.Call) -> None:
        """Functions that have an opposite."""
        called = node.func
        if isinstance(called, ast.Name) and called.id in CALLS:
            self._replace(called, CALLS[called.id])
        if isinstance(called, ast.Attribute) and called.attr in METHODS:
            start, stop = self._span(called)
            self._add(called, (stop - len(called.attr), stop), METHODS[called.attr], before=start)
        if not _named(called, "cast", "TypeVar", "dataclass"):
            self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        """Not those on which no behaviour hangs."""
        if node.arg not in IDLE_KEYWORDS:
            self.visit(node.value)

    def visit_Return(self, node: ast.Return) -> None:
        """None, where that was not to be expected."""
        scope = self.scopes[-1]
        promised = scope.returns if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef) else None
        if node.value is not None and promised is not None and "None" not in ast.unparse(promised):
            self._replace(node.value, "None")
        self.generic_visit(node)

    def visit_Continue(self, node: ast.Continue) -> None:
        """The loop ends too early."""
        self._replace(node, "break")

    def visit_Break(self, node: ast.Break) -> None:
        """The loop ends too late."""
        self._replace(node, "continue")

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """What is computed inside a text; before Python 3.12 its places are not always right, so they are checked."""
        for part in ast.walk(node):
            if isinstance(part, ast.FormattedValue):
                inner = part.value
                if self._text(inner).strip() and _same(self._text(inner), inner):
                    self.visit(inner)

    def _between(self, left: ast.expr, right: ast.expr, pattern: str, new: str) -> None:
        """Replace the operator between two operands."""
        start, stop = self._span(left)[1], self._span(right)[0]
        gap = self.source[start:stop]
        match = re.search(pattern.encode(), gap)
        if match and b"#" not in gap:
            span = (start + match.start(), start + match.end())
            self._add(left, span, new, before=self._span(left)[0], after=self._span(right)[1])

    def _replace(self, node: ast.expr | ast.stmt, new: str) -> None:
        self._add(node, self._span(node), new)

    def _add(
        self, node: ast.expr | ast.stmt, span: tuple[int, int], new: str, *, before: int = -1, after: int = -1
    ) -> None:
        """Note a change, told with what stands from `before` to `after`."""
        start, stop = span
        line = self.source[:start].count(b"\n") + 1
        told = slice(start if before < 0 else before, stop if after < 0 else after)
        old = self.source[told].decode()
        made = (self.source[told.start : start] + new.encode() + self.source[stop : told.stop]).decode()
        scope = self.scopes[-1]
        around = (1, len(self.starts))
        if not isinstance(scope, ast.Module):
            around = scope.body[0].lineno, scope.end_lineno or scope.lineno
        self.mutations.append(
            Mutation(
                file=self.file,
                line=line,
                column=start - self.starts[line - 1],
                start=start,
                stop=stop,
                new=new,
                change=f"{_short(old)} -> {_short(made)}",
                statement=node.lineno if self.statement is None else self.statement.lineno,
                around=around,
            )
        )

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """First byte, and the one past the last."""
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[end_line - 1] + end_column

    def _text(self, node: ast.expr) -> str:
        start, stop = self._span(node)
        return self.source[start:stop].decode()


def _named(node: ast.expr, *names: str) -> bool:
    """Whether it is one of these names, bare, of a module, or called."""
    called = node.func if isinstance(node, ast.Call) else node
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in names


def _is_class(node: ast.expr) -> bool:
    """Whether it has a class's name: one of several types, not of several flags or sets."""
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name[:1].isupper() and not name.isupper()


def _same(text: str, node: ast.expr) -> bool:
    try:
        return ast.dump(ast.parse(text, mode="eval").body) == ast.dump(node)
    except SyntaxError:
        return False


def _short(text: str) -> str:
    """On one line, at most 100 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 100 else line[:97] + "..."
