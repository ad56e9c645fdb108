"""The commands that only look: status, history, show, verify and digest."""

from __future__ import annotations

import click

from tdm_seed.cli import completion
from tdm_seed.cli.options import Options, common


@click.command()
@click.option("--check", is_flag=True, help="Exit with 3 when something is pending, 4 on drift.")
@common
def status(options: Options, check: bool) -> int:
    """Show which seeds are applied, pending or adrift."""
    from tdm_seed.cli import payload, render

    with options.seeder() as seeder:
        found = seeder.status()
    render.status(options, payload.status(found), found)
    if not check:
        return 0
    return 4 if found.drift else 3 if found.pending else 0


@click.command()
@click.argument("seed", required=False, shell_complete=completion.seeds)
@common
def history(options: Options, seed: str | None) -> None:
    """Show what was done when, to all seeds or one."""
    from tdm_seed.cli import payload, render

    with options.seeder() as seeder:
        entries = seeder.history(seed)
        output = payload.history(seeder, entries)
    render.history(options, output, entries)


@click.command()
@click.argument("seed", shell_complete=completion.seeds)
@common
def show(options: Options, seed: str) -> None:
    """Show what a seed is, and where it stands."""
    from tdm_seed.cli import payload, render
    from tdm_seed.revisions import find

    with options.seeder() as seeder:
        found = find(seeder.seeds, seed)
        standing = next((each for each in seeder.status().seeds if each.seed == found.revision), None)
        output = payload.show(found, standing, seeder.environment.project.root)
    render.show(options, output)


@click.command()
@click.argument("targets", nargs=-1, metavar="[SEED]...", shell_complete=completion.seeds)
@common
def verify(options: Options, targets: tuple[str, ...]) -> int:
    """Run the verify of applied seeds, read-only."""
    from tdm_seed.cli import payload, render

    with options.seeder() as seeder:
        found = seeder.verify(targets)
        output = payload.verify(seeder, found)
    render.verify(options, output, found)
    return 8 if output["failed"] else 0


@click.command()
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@common
def digest(options: Options, tables: tuple[str, ...]) -> None:
    """Digest the content of tables.

    Equal content gives an equal digest, in whatever order the rows lie and on whatever database. Left out, and named,
    are columns that the database numbered, the foreign keys to them, and the tables of tdm-seed and Alembic.
    """
    from tdm_seed.cli import payload, render

    with options.seeder() as seeder:
        found = seeder.digest(tables)
        output = payload.digest(seeder, found)
    render.digest(options, output, found)


def _redirect(name: str, message: str) -> click.Command:
    """Answer a command of Alembic's that has another name here."""

    @click.command(name, hidden=True, context_settings={"ignore_unknown_options": True})
    @click.argument("ignored", nargs=-1)
    def redirect(ignored: tuple[str, ...]) -> None:
        from tdm_seed.errors import UsageError

        raise UsageError(message, hint="Use `tdm-seed status`.")

    return redirect


COMMANDS = (
    status,
    history,
    show,
    verify,
    digest,
    _redirect("current", "seeds are a set, not a chain, so there is no current one"),
    _redirect("heads", "seeds are a set, not a chain, so they have no heads"),
)
