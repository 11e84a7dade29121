"""Brings a database to the tables of schema.py, from nothing or from any earlier version."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

HEAD = "0003"
"""The newest migration; a database that has it needs no Alembic, whose import takes longer than all the rest here."""

FIRST = "0001"


def upgrade(engine: Engine) -> None:
    """Apply what is missing, all of it or nothing. Raises SQLAlchemyError, or Newer."""
    with engine.begin() as connection:
        version = _version(connection)
        if version == HEAD:
            return
        if version is not None and version > HEAD:
            raise Newer(f"it was made by a newer version of this service (its tables are {version}, known is {HEAD})")
        _migrate(connection, unversioned=version is None and inspect(connection).has_table("analyses"))


class Newer(Exception):
    """Tables of a later version than this program knows."""


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(connection: Connection, *, unversioned: bool) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    folder = str(Path(__file__).parent / "migrations")
    config = Config()
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("version_locations", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    script = ScriptDirectory.from_config(config)
    if unversioned:
        # The first slice made its table without leaving a version.
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:first)"), {"first": FIRST})
    context = EnvironmentContext(config, script, fn=lambda revision, _: script._upgrade_revs("head", revision))
    with context:
        context.configure(connection=connection)
        context.run_migrations()
