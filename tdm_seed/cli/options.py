"""The options that every command takes, and what they become."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tdm_seed.cli import completion

if TYPE_CHECKING:
    from tdm_seed.engine import Progress, Seeder
    from tdm_seed.environments import Environment

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Options:
    """What was said behind the command."""

    env: str | None
    url: str | None
    as_json: bool
    lock_timeout: float
    quiet: bool
    verbose: bool
    volumes: Mapping[str, int]
    random_seed: int | None
    now: str | None

    def environment(self) -> Environment:
        """Read the project and the environment's manifest."""
        from tdm_seed.environments import Project
        from tdm_seed.errors import UsageError

        project = Project.load()
        if str(project.root) not in sys.path:
            sys.path.insert(0, str(project.root))  # seeds and python: URLs may import the application
        try:
            return project.environment(
                self.env, url=self.url, volumes=self.volumes or None, random_seed=self.random_seed, now=self.now
            )
        except UsageError as error:
            context = click.get_current_context(silent=True)
            source = context.get_parameter_source("env") if context else None
            if source is click.core.ParameterSource.ENVIRONMENT and error.place.file is None:
                error.hint = f"It is named by the variable TDM_SEED_ENV. {error.hint or ''}".rstrip()
            raise

    @contextmanager
    def seeder(self, progress: Progress | None = None) -> Iterator[Seeder]:
        """Open the Seeder of the environment. What a seed or ``env.py`` prints must not get into our JSON."""
        from tdm_seed.engine import Seeder
        from tdm_seed.errors import TdmSeedError

        environment = self.environment()
        try:
            with (
                redirect_stdout(sys.stderr) if self.as_json else nullcontext(),
                Seeder(environment, lock_timeout=self.lock_timeout, progress=progress) as seeder,
            ):
                yield seeder
        except TdmSeedError as error:
            error.below(environment.project.root)
            raise


class _Volume(click.ParamType[tuple[str, int]]):
    name = "name=rows"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        name, equals, count = str(value).partition("=")
        if not (name and equals and count.isascii() and count.replace("_", "").isdigit()):
            self.fail(f"{value!r} is not of the form users=500", param, ctx)
        return name, int(count.replace("_", ""))


class _Seconds(click.ParamType[float]):
    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = -1.0
        if not seconds >= 0:  # so that nan is refused, too
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return seconds


_COMMON = (
    click.option(
        "--env",
        envvar="TDM_SEED_ENV",
        metavar="NAME",
        shell_complete=completion.environments,
        help="The environment (default: dev; or TDM_SEED_ENV).",
    ),
    click.option("--url", metavar="URL", help="Another database than the manifest's."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else."),
    click.option(
        "--lock-timeout",
        type=_Seconds(),
        default=60.0,
        metavar="SECONDS",
        help="How long to wait for another runner, and for whoever uses what is reset (default: 60).",
    ),
    click.option(
        "--volume", "volumes", type=_Volume(), multiple=True, help="Override a volume for this run; repeatable."
    ),
    click.option("--random-seed", type=int, metavar="N", help="Override the random seed for this run."),
    click.option("--now", metavar="TIME", help="Override the clock for this run (ISO 8601, or today)."),
    click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
    click.option("-v", "--verbose", is_flag=True, help="Tell of each seed as it runs, and all about errors."),
)


def common(function: Function) -> Function:
    """Add the common options to a command and hand them over as ``options``."""

    @functools.wraps(function)
    def command(*args: Any, **given: Any) -> Any:
        names = ("env", "url", "as_json", "lock_timeout", "quiet", "verbose", "random_seed", "now")
        volumes = dict(given.pop("volumes"))
        options = Options(volumes=volumes, **{name: given.pop(name) for name in names})
        return function(*args, options=options, **given)

    for option in reversed(_COMMON):
        command = option(command)
    return command  # type: ignore[return-value]
