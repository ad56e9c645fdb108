"""Alembic projects as people have them, written into a folder for a test."""

from __future__ import annotations

import io
from pathlib import Path

from alembic import command
from alembic.config import Config

from tdm_seed.environments import Project
from tdm_seed.schema_version import SchemaVersion

MIGRATION = '''"""{revision}."""
import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {down!r}
depends_on = {needs!r}
branch_labels = None


def upgrade():
    op.create_table("t_{revision}", sa.Column("id", sa.Integer, primary_key=True))
    {body}


def downgrade():
    op.drop_table("t_{revision}")
'''

OWN_URL = """
import sqlalchemy as sa
from alembic import context

engine = sa.create_engine({url}, poolclass=sa.pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection{options})
    with context.begin_transaction():
        context.run_migrations()
"""


def init(root: Path, template: str = "generic", folder: str = "migrations") -> Path:
    """Let Alembic write a project of its own template; give the folder of the migrations."""
    config = Config(root / "alembic.ini", toml_file=root / "pyproject.toml", stdout=io.StringIO())
    command.init(config, str(root / folder), template=template)
    ini = root / "alembic.ini"
    if ini.exists():
        text = ini.read_text().replace(str(root / folder), f"%(here)s/{folder}")
        ini.write_text(text.replace("sqlalchemy.url = driver://user:pass@localhost/dbname", "sqlalchemy.url ="))
    return root / folder


def set_ini(root: Path, name: str, value: str) -> None:
    """Set an option of the ini file."""
    ini = root / "alembic.ini"
    lines = [f"{name} = {value}" if line.startswith(f"{name} =") else line for line in ini.read_text().split("\n")]
    ini.write_text("\n".join(lines))


def migration(
    migrations: Path,
    revision: str,
    down: str | tuple[str, ...] | None = None,
    needs: str | None = None,
    body: str = "pass",
) -> None:
    """Write a migration that creates the table ``t_<revision>``."""
    folder = migrations / "versions"
    folder.mkdir(parents=True, exist_ok=True)
    text = MIGRATION.format(revision=revision, down=down, needs=needs, body=body)
    (folder / f"{revision}.py").write_text(text)


def env_py(migrations: Path, url: str, options: str = "") -> None:
    """Write an env.py that makes its engine from an expression of its own."""
    (migrations / "env.py").write_text(OWN_URL.format(url=url, options=f", {options}" if options else ""))


def schema(root: Path) -> SchemaVersion:
    """Read the project in a folder."""
    (root / "tdm-seed.toml").touch()
    found = SchemaVersion.of(Project.load(root))
    assert found is not None
    return found
