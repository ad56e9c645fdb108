"""What a Python seed says about itself, read from its syntax tree: it is not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tdm_seed.errors import SeedError
from tdm_seed.revisions.headers import FIELDS, Given, first_paragraph, misspelt
from tdm_seed.revisions.imports import parse
from tdm_seed.revisions.spelling import closest

_FUNCTIONS = ("upgrade", "verify", "downgrade")
_SCOPES = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


@dataclass(frozen=True, slots=True)
class PythonSource:
    """The header fields, the first paragraph of the docstring, and which functions there are."""

    tree: ast.Module
    given: Mapping[str, Given]
    description: str
    functions: frozenset[str]


def read_python(text: str, file: str) -> PythonSource:
    """Read a Python seed without running it.

    Fields are assignments of literals to names of the module; anything that would have to be run to be
    known is refused, for ``status`` and ``plan`` must see the same as ``upgrade`` does.

    Raises:
        SeedError: with file and line: not Python, a field that is no literal or misspelt, no ``upgrade(db)``.
    """
    tree = parse(text, file)
    given: dict[str, Given] = {}
    functions: dict[str, int] = {}
    try:
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                _function(node, functions)
            else:
                _fields(node, given)
    except SeedError as error:
        error.located(file=file)
        raise
    if "upgrade" not in functions:
        raise SeedError(
            "has no function upgrade",
            hint="Write `def upgrade(db):` at the top level; it brings the rows into the state described.",
            file=file,
        )
    return PythonSource(tree, given, first_paragraph((ast.get_docstring(tree) or "").split("\n")), frozenset(functions))


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, functions: dict[str, int]) -> None:
    name = node.name
    if name not in _FUNCTIONS:
        near = closest(name, _FUNCTIONS, cutoff=0.88)
        if near and not name.startswith("_"):
            raise SeedError(
                f"def {name} would never be called",
                hint=f"Did you mean {near[0]}? A function of your own may be named _{name}.",
                line=node.lineno,
            )
        return
    if name in functions:
        raise SeedError(
            f"defines {name} twice, first in line {functions[name]}",
            hint="The second would silently take the place of the first: rename one of them.",
            line=node.lineno,
        )
    if isinstance(node, ast.AsyncFunctionDef):
        raise SeedError(
            f"{name} is an async function, and seeds run synchronously",
            hint=f"Write `def {name}(db):`.",
            line=node.lineno,
        )
    arguments = node.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    required = positional - len(arguments.defaults) + arguments.kw_defaults.count(None)
    if required > 1 or not (positional or arguments.vararg) or None in arguments.kw_defaults:
        raise SeedError(
            f"{name} must take one parameter, the database",
            hint=f"Write `def {name}(db):`.",
            line=node.lineno,
        )
    functions[name] = node.lineno


def _fields(node: ast.stmt, given: dict[str, Given]) -> None:
    """Note the fields that a statement assigns."""
    if isinstance(node, ast.Assign):
        targets, value = node.targets, node.value
    elif isinstance(node, ast.AnnAssign):
        if node.value is None:
            return
        targets, value = [node.target], node.value
    elif isinstance(node, (ast.Expr, ast.ClassDef)):
        return
    else:
        for name in _bound(node):
            if name in FIELDS:
                raise _no_literal(name, node.lineno)
        return
    for target in targets:
        if not isinstance(target, ast.Name):
            for name in _bound(target):
                if name in FIELDS:
                    raise _no_literal(name, node.lineno)
            continue
        if target.id in _FUNCTIONS:
            raise SeedError(
                f"{target.id} is given a value, and what is called is a function of that name",
                hint=f"Write `def {target.id}(db):`, and call what is meant from there.",
                line=node.lineno,
            )
        if target.id in FIELDS:
            if target.id in given:
                first = given[target.id].line
                raise SeedError(
                    f"sets {target.id} twice, first in line {first}", hint="Keep one of them.", line=node.lineno
                )
            try:
                given[target.id] = Given(ast.literal_eval(value), node.lineno)
            except (ValueError, TypeError, SyntaxError) as error:
                raise _no_literal(target.id, node.lineno) from error
        elif target.id.islower() and target.id[0] != "_" and (field := misspelt(target.id)):
            raise SeedError(
                f"{target.id} is no header field",
                hint=f"Did you mean {field}? A name of your own may be _{target.id} or {target.id.upper()}.",
                line=node.lineno,
            )


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names of the module that a statement binds; what an inner scope binds is its own."""
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id
        elif isinstance(inner, ast.alias):
            yield inner.asname or inner.name.partition(".")[0]
        elif not isinstance(inner, _SCOPES):
            waiting.extend(ast.iter_child_nodes(inner))


def _no_literal(field: str, line: int) -> SeedError:
    return SeedError(
        f"{field} is a header field, read without running the file, so it must be a literal",
        hint=f"Write `{field} = …` once at the top level, the value itself (a text, or a list of texts).",
        line=line,
    )
