"""The commands that only look: status, history, show, verify and digest."""

from __future__ import annotations

import click

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
@click.argument("seed", required=False)
@common
def history(options: Options, seed: str | None) -> None:
    """Show what was done when, of all seeds or one."""
    from tdm_seed.cli import payload, render

    with options.seeder() as seeder:
        entries = seeder.history(seed)
    render.history(options, payload.history(options, entries), entries)


@click.command()
@click.argument("seed")
@common
def show(options: Options, seed: str) -> None:
    """Show what a seed is: its fields, its files and where it stands."""
    from tdm_seed.cli import payload, render
    from tdm_seed.revisions import find

    with options.seeder() as seeder:
        found = find(seeder.seeds, seed)
        standing = next((each for each in seeder.status().seeds if each.seed == found.revision), None)
        root = seeder.environment.project.root
    render.show(options, payload.show(found, standing, root))


@click.command()
@click.argument("targets", nargs=-1, metavar="[SEED]...")
@common
def verify(options: Options, targets: tuple[str, ...]) -> int:
    """Run the verify of every applied seed, read-only."""
    from tdm_seed.cli import payload, render

    with options.seeder() as seeder:
        found = seeder.verify(targets)
    render.verify(options, payload.verify(options, found), found)
    return 8 if any(each.error for each in found) else 0


@click.command()
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@common
def digest(options: Options, tables: tuple[str, ...]) -> None:
    """Digest the content of all tables or some: equal content, equal digest, on every database."""
    from tdm_seed.cli import payload, render

    with options.seeder() as seeder:
        found = seeder.digest(tables)
        output = payload.digest(seeder, found)
    render.digest(options, output, found)


def _redirect(name: str, message: str, hint: str) -> click.Command:
    """Answer a command of Alembic's that has another name here."""

    @click.command(name, hidden=True)
    def redirect() -> None:
        from tdm_seed.errors import UsageError

        raise UsageError(message, hint=hint)

    return redirect


COMMANDS = (
    status,
    history,
    show,
    verify,
    digest,
    _redirect("current", "seeds are a set, not a chain, so there is no current one", "Use `tdm-seed status`."),
    _redirect("heads", "seeds are a set, not a chain, so they have no heads", "Use `tdm-seed status`."),
)
