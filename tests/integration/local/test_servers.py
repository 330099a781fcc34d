"""The embedded servers start from nothing, stop, survive kill -9 and cut-short starts, and let only their roles in."""

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from workers.local.exceptions import AlreadyRunning
from workers.local.folders import make_folder
from workers.local.ports import HOST
from workers.local.postgres import PostgresServer
from workers.local.readiness import redis_client
from workers.local.server import EmbeddedServer
from workers.local.valkey import ValkeyServer


@pytest.fixture
def folder() -> Iterator[Path]:
    """Outside pytest's own folder, which only its owner may enter."""
    made = make_folder(Path(tempfile.mkdtemp(prefix="cef-servers-")))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def postgres(folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(folder / "postgres", fsync=False)
    server.start(dies_with_parent=True)
    yield server
    server.stop()


@pytest.fixture
def valkey(folder: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(folder / "valkey")
    server.start(dies_with_parent=True)
    yield server
    server.stop()


def _ask(url: str, statement: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement).fetchone()
    return row[0] if row else None


def _client(server: ValkeyServer) -> redis.Redis:
    return redis.Redis.from_url(server.url, decode_responses=True)


def test_postgres_18_with_vectors_and_two_roles(postgres: PostgresServer) -> None:
    assert str(_ask(postgres.url, "SHOW server_version")).startswith("18.")
    assert _ask(postgres.url, "SELECT current_user") == "cef_app"
    assert _ask(postgres.owner_url, "SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user") is True
    assert _ask(postgres.url, "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user") is False
    assert _ask(postgres.owner_url, "SELECT '[1,2,2]'::vector <-> '[0,0,0]'::vector") == 3.0


def test_the_app_role_writes_rows_and_makes_no_tables(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.owner_url) as owner:
        owner.execute("CREATE TABLE note (id serial PRIMARY KEY, text text)")
    assert _ask(postgres.url, "INSERT INTO note (text) VALUES ('x') RETURNING id") == 1
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _ask(postgres.url, "CREATE TABLE other (id int)")


def test_nobody_signs_in_without_the_password(postgres: PostgresServer, valkey: ValkeyServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://cef_app:wrong@{HOST}:{postgres.port}/cef")
    with pytest.raises(redis.AuthenticationError):
        redis_client(f"redis://{HOST}:{valkey.port}/0").ping()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to drop")
def test_as_root_the_servers_drop_to_an_unprivileged_account(postgres: PostgresServer, valkey: ValkeyServer) -> None:
    for server in (postgres, valkey):
        assert psutil.Process(server.pid).uids().real != 0
        assert server.data_dir.stat().st_uid == 0
    assert (postgres.data_dir / "cluster").stat().st_mode & 0o777 == 0o700


def test_postgres_keeps_its_rows_over_a_restart_and_a_kill(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.owner_url) as owner:
        owner.execute("CREATE TABLE kept (n int)")
        owner.execute("INSERT INTO kept VALUES (7)")
    postgres.stop()
    postgres.start(dies_with_parent=True)
    assert _ask(postgres.url, "SELECT n FROM kept") == 7
    postgres.kill()
    assert postgres.pid is None
    postgres.start(dies_with_parent=True)
    assert _ask(postgres.url, "SELECT n FROM kept") == 7


def test_valkey_keeps_its_keys_over_a_restart_and_a_kill(valkey: ValkeyServer) -> None:
    _client(valkey).set("kept", "7")
    valkey.stop()
    valkey.start(dies_with_parent=True)
    _client(valkey).incr("kept")
    valkey.kill()
    valkey.start(dies_with_parent=True)
    assert _client(valkey).get("kept") == "8"
    assert _client(valkey).config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_start_that_was_cut_short_is_begun_anew(folder: Path) -> None:
    """A reboot in the middle of initdb leaves a draft, a lock file and a password file, but no cluster."""
    server = PostgresServer(folder / "postgres", fsync=False)
    make_folder(server.data_dir)
    draft = server.data_dir / "cluster.4711.new"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")
    (server.data_dir / "lock").touch()
    server.start(dies_with_parent=True)
    try:
        assert not draft.exists()
        assert _ask(server.url, "SELECT 1") == 1
    finally:
        server.stop()


def test_the_pid_file_of_a_dead_server_is_not_believed(postgres: PostgresServer) -> None:
    """After a reboot its number may belong to any process, here to the present one."""
    postgres.kill()
    file = postgres.data_dir / "cluster" / "postmaster.pid"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    postgres.start(dies_with_parent=True)
    assert _ask(postgres.url, "SELECT 1") == 1


def test_two_servers_never_share_a_cluster(postgres: PostgresServer) -> None:
    with pytest.raises(AlreadyRunning, match="already serves"):
        PostgresServer(postgres.data_dir, fsync=False).start()
    assert _ask(postgres.url, "SELECT 1") == 1


@pytest.mark.parametrize("kind", [PostgresServer, ValkeyServer])
def test_a_taken_port_is_left_alone_and_the_server_moves_aside(kind: type[EmbeddedServer], folder: Path) -> None:
    with socket.create_server((HOST, 0)) as occupant:
        taken = occupant.getsockname()[1]
        server = kind(folder / "server", taken)
        server.start(dies_with_parent=True)
        try:
            assert server.port > taken
            assert f":{server.port}/" in server.url
        finally:
            server.stop()


def test_nothing_listens_beyond_loopback(postgres: PostgresServer, valkey: ValkeyServer) -> None:
    for server in (postgres, valkey):
        listening = [c.laddr for c in psutil.Process(server.pid).net_connections() if c.status == psutil.CONN_LISTEN]
        assert [(address.ip, address.port) for address in listening] == [(HOST, server.port)]


def test_stopping_leaves_no_process(folder: Path) -> None:
    server = PostgresServer(folder / "postgres", fsync=False)
    server.start(dies_with_parent=True)
    assert server.pid is not None
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    server.stop()
    server.stop()
    assert psutil.wait_procs(family, timeout=5)[1] == []


def test_a_server_that_was_terminated_by_hand_is_seen_as_gone(valkey: ValkeyServer) -> None:
    assert valkey.pid is not None
    process = psutil.Process(valkey.pid)
    process.send_signal(signal.SIGTERM)
    psutil.wait_procs([process], timeout=5)
    assert valkey.pid is None
