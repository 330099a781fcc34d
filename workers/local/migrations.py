"""Compare the migrations that a database has with those that this code knows, without loading Django."""

import psycopg

from workers.local.folders import PROJECT


def database_is_newer(url: str) -> list[str]:
    """The applied migrations of our apps that this code does not have, as `app.name`."""
    return sorted(applied(url) - known())


def database_is_older(url: str) -> list[str]:
    """The migrations of our apps that the database lacks, as `app.name`."""
    return sorted(known() - applied(url))


def known() -> set[str]:
    """Every migration file of the project's apps."""
    files = (PROJECT / "apps").glob("*/migrations/[0-9]*.py")
    return {f"{file.parents[1].name}.{file.stem}" for file in files}


def applied(url: str) -> set[str]:
    """What the database says it has, of the project's apps; nothing before the first migration."""
    ours = [folder.name for folder in (PROJECT / "apps").iterdir() if (folder / "migrations").is_dir()]
    with psycopg.connect(url, connect_timeout=5) as connection:
        if connection.execute("SELECT to_regclass('django_migrations')").fetchone() == (None,):
            return set()
        rows = connection.execute("SELECT app, name FROM django_migrations WHERE app = ANY(%s)", [ours]).fetchall()
    return {f"{app}.{name}" for app, name in rows}
