"""A database for each peer on the one PostgreSQL that all arms share."""

import psycopg
from psycopg import sql

from workers.local.postgres import PostgresServer


def database_url(postgres: PostgresServer, name: str) -> str:
    """Of the peer's database, which is made when it is not there; the role may make tables in it."""
    with psycopg.connect(postgres.owner_url, autocommit=True) as link:
        there = link.execute("SELECT 1 FROM pg_database WHERE datname = %s", [f"peer-{name}"]).fetchone()
        if there is None:
            link.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(f"peer-{name}")))
    return f"{postgres.owner_url.rpartition('/')[0]}/peer-{name}"


def rest(postgres: PostgresServer) -> str:
    """Write out what earlier arms left in the buffers, so that none pays for another; the server's version."""
    with psycopg.connect(postgres.superuser_url, autocommit=True) as link:
        link.execute("CHECKPOINT")
        return str(link.info.parameter_status("server_version"))
