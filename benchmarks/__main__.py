"""Measure tdm-seed beside what people do without it: ``python -m benchmarks NAME``."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import sqlalchemy as sa

from benchmarks import cases, databases, show
from benchmarks.case import Place, Result
from benchmarks.sitting import DifferentRows, sittings
from tdm_seed import __version__
from tdm_seed.errors import TdmSeedError


def _list(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        for name in cases.names():
            benchmark = cases.load(name)
            click.echo(f"{name:<14} {benchmark.about} ({benchmark.rows:,} rows unless said)")
        context.exit()


@click.command()
@click.argument("name", type=click.Choice(cases.names()), metavar="NAME")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="Name the benchmarks.")
@click.option(
    "--db", type=click.Choice(databases.NAMES), help="One database; all that this machine can get unless said."
)
@click.option("--rows", type=click.IntRange(min=1), help="How many rows; each benchmark has its own number.")
@click.option("--repeat", type=click.IntRange(min=1), default=5, show_default=True, help="How many pairs of runs.")
@click.option("--durable", is_flag=True, help="On disk, and a server waits for it at each commit, as it does untuned.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the results there too."
)
def main(name: str, db: str | None, rows: int | None, repeat: int, durable: bool, json_file: Path | None) -> None:
    """Measure NAME: ours and theirs in turn, warm, on the same database, leaving the same rows.

    The ratio is ours / theirs, the median of the pairs; below 1 ours is quicker. A case whose alternative alone varies
    by more than 15 % is void and run again, at most twice.
    """
    benchmark = cases.load(name)
    versions = f"tdm-seed {__version__}, SQLAlchemy {sa.__version__}, Python {platform.python_version()}"
    click.echo(f"{benchmark.about}\n{versions}, {repeat} pairs\n\n{show.HEADER}")
    results: list[Result] = []
    failed = False
    for database in [db] if db else databases.NAMES:
        try:
            for result in _on(database, benchmark, rows or benchmark.rows, repeat, durable=durable):
                results.append(result)  # one at a time, so that those before a failure are kept
        except (TdmSeedError, DifferentRows) as error:
            click.echo(f"{database}: {error}", err=True)
            failed = True
    if json_file is not None:
        json_file.write_text(show.as_json(results), encoding="utf-8")
    sys.exit(1 if failed else 0)


def _on(database: str, benchmark: cases.Benchmark, rows: int, repeat: int, *, durable: bool) -> Iterator[Result]:
    """Run every case of a benchmark on one database, and show each result as it comes."""
    told: set[str] = set()
    settings = benchmark.settings(database)
    with (
        databases.scratch(durable=durable) as folder,
        databases.empty_database(database, folder, settings, durable=durable) as (url, runs_on),
    ):
        for case in benchmark.cases(Place(database, url, folder, rows)):
            for result in sittings(case, database, repeat):
                click.echo("\n".join([show.line(result), *show.details(case, result)]))
                yield result
            told.add(case.alternative)
    click.echo(f"    {database}: {runs_on}; theirs: {'; '.join(sorted(told))}")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
