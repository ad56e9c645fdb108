"""From a manifest's ``url`` to the URL of a database."""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from tdm_seed.environments.environment import Environment
from tdm_seed.environments.setting import Setting
from tdm_seed.errors import UsageError

_PYTHON = "python:"
#: A password, unless it is a reference such as ``${DB_PASSWORD}``, which hints show.
_IN_AUTHORITY = re.compile(r"(://[^:/@\s]*:)(?!\$\{\w+\}@)[^@\s]*@")
_IN_QUERY = re.compile(r"((?:password|passwd|pwd)=)[^&\s'\"]*", re.IGNORECASE)


def resolve_url(environment: Environment) -> str:
    """Give the URL of an environment's database.

    ``python:module:attribute`` is imported with the project's root on ``sys.path``; a file-based database
    whose path is relative lies in the project, wherever the command was started.

    Raises:
        UsageError: no URL, an unset variable, a module or attribute that is not there or gives no URL.
    """
    url = environment.url.strip()
    if url.startswith(_PYTHON):
        url = _imported(environment, url.removeprefix(_PYTHON))
    try:
        return anchored(url, environment.project.root)
    except UsageError as error:
        if isinstance(environment.given_url, Setting):
            error.located(file=environment.given_url.file, line=environment.given_url.line)
        raise


def anchored(url: str, root: Path) -> str:
    """Make the path of a file-based database absolute; any other URL stays as it is.

    Raises:
        UsageError: this is no database URL.
    """
    from sqlalchemy import make_url

    from tdm_seed import dialects

    dialect, resolved = dialects.resolve(url)
    database = resolved.database
    if not database or dialect.file(resolved) is None:
        return url
    scheme = "file:" if database.startswith("file:") else ""
    path = Path(database.removeprefix(scheme))
    if path.is_absolute():
        return url
    return make_url(url).set(database=f"{scheme}{root / path}").render_as_string(hide_password=False)


def concealed(text: str) -> str:
    """Hide the passwords of URLs in a text that others wrote, such as a driver's message."""
    return _IN_QUERY.sub(r"\1***", _IN_AUTHORITY.sub(r"\1***@", text))


def _imported(environment: Environment, reference: str) -> str:
    """Import what ``module:attribute`` names and make a URL of it."""
    module_name, _, attributes = reference.partition(":")
    if not module_name or not attributes:
        raise _refused(environment, f"python:{reference} names no attribute", "Write python:module:attribute.")
    try:
        with _importing(environment.project.root, module_name.partition(".")[0]):
            found: Any = importlib.import_module(module_name)
            for attribute in attributes.split("."):
                if not hasattr(found, attribute):
                    close = get_close_matches(attribute, [name for name in dir(found) if name[0] != "_"], n=1)
                    here = [name for name in vars(found) if name[0] != "_"] if hasattr(found, "__dict__") else []
                    hint = f"Did you mean {close[0]}?" if close else f"It has {', '.join(here[:8]) or 'nothing'}."
                    raise _refused(environment, f"{module_name} has no {attributes!r}", hint)
                found = getattr(found, attribute)
            url = _as_url(found)
    except UsageError:
        raise
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            hint = f"It is looked for in {environment.project.root} and among what is installed with tdm-seed."
            raise _refused(environment, f"there is no module {module_name!r}", hint) from error
        raise _raised(environment, reference, error) from error
    except (Exception, SystemExit) as error:
        raise _raised(environment, reference, error) from error
    if url is None or url.startswith(_PYTHON):
        kind = type(found).__name__
        hint = "It may be a text, a SQLAlchemy URL or engine, a secret, or a function that gives one."
        raise _refused(environment, f"python:{reference} is of type {kind} and gives no URL", hint)
    return url


def _as_url(found: Any) -> str | None:
    """Unwrap functions, engines, URLs and secrets by what they can do, so that no library is imported."""
    for _ in range(4):
        if isinstance(found, str):
            return found
        if hasattr(found, "render_as_string"):
            return str(found.render_as_string(hide_password=False))
        if hasattr(found, "get_secret_value"):
            found = found.get_secret_value()
        elif hasattr(found, "unicode_string"):
            found = found.unicode_string()
        elif hasattr(getattr(found, "url", None), "render_as_string"):
            found = found.url
        elif callable(found):
            found = found()
        else:
            return None
    return None


@contextmanager
def _importing(root: Path, package: str) -> Iterator[None]:
    """Look in the project first, also where another project of this process has a package of that name."""
    before = list(sys.path)
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    others = _modules(package) if _is_elsewhere(package) else {}
    for name in others:
        del sys.modules[name]
    try:
        yield
    finally:
        sys.path[:] = before
        if others:
            for name in _modules(package):
                del sys.modules[name]
            sys.modules.update(others)


def _modules(package: str) -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] == package}


def _is_elsewhere(package: str) -> bool:
    """Tell whether a package that is imported already is another than the one that would be found now."""
    there = getattr(sys.modules.get(package), "__spec__", None)
    here = PathFinder.find_spec(package)
    return there is not None and here is not None and _place(there) != _place(here)


def _place(spec: ModuleSpec) -> tuple[str | None, list[str]]:
    return spec.origin, list(spec.submodule_search_locations or ())


def _raised(environment: Environment, reference: str, error: BaseException) -> UsageError:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(environment.project.root)]
    where = f" at {ours[-1].filename}:{ours[-1].lineno}" if ours else ""
    return _refused(
        environment,
        f"python:{reference} raised {type(error).__name__}{where}: {concealed(str(error))}",
        "It is imported here as the application does: what it needs there, such as a variable, it needs here, too.",
    )


def _refused(environment: Environment, message: str, hint: str | None) -> UsageError:
    given = environment.given_url
    if isinstance(given, Setting):
        return given.refuse(message, hint)
    return UsageError(message, hint=hint)
