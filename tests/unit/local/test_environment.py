"""The user's own servers and wishes win over the embedded defaults; what belongs to the stack does not."""

from pathlib import Path

import pytest

from workers.local import environment
from workers.local.exceptions import LocalStackError
from workers.local.folders import make_folder
from workers.local.home import Home

_PORTS = dict(environment.PORTS)


@pytest.fixture
def place(tmp_path: Path) -> Home:
    """With its data beside it, though pytest's own folder admits no other account."""
    home = Home(make_folder(tmp_path / "home"))
    (home.root / "data-home").write_text(str(tmp_path / "data"))
    return home


def test_embedded_servers_by_default(place: Home) -> None:
    built = environment.build(place, _PORTS, {})
    assert built["DATABASE_URL"].startswith("postgresql://cef_app:")
    assert built["DATABASE_URL"].endswith("@127.0.0.1:25432/cef")
    assert built["DATABASE_OWNER_URL"].startswith("postgresql://cef_owner:")
    assert built["REDIS_URL"].endswith("@127.0.0.1:26379/0")
    assert built["CEF_PUBLIC_URL"] == "http://127.0.0.1:8000"


def test_the_users_servers_switch_the_embedded_ones_off(place: Home) -> None:
    own = {"DATABASE_URL": "postgresql://me@db/cef", "REDIS_URL": "redis://cache/0"}
    built = environment.build(place, _PORTS, own)
    assert (built["DATABASE_URL"], built["REDIS_URL"]) == ("postgresql://me@db/cef", "redis://cache/0")
    assert "DATABASE_OWNER_URL" not in built


def test_the_users_tunables_win_and_the_stacks_own_names_do_not(place: Home) -> None:
    built = environment.build(place, _PORTS, {"CEF_RUN_SLOTS": "7", "DJANGO_SETTINGS_MODULE": "x", "CEF_STACK_ID": "y"})
    assert built["CEF_RUN_SLOTS"] == "7"
    assert built["DJANGO_SETTINGS_MODULE"] == "config.settings.local"
    assert built["CEF_STACK_ID"] != "y"


def test_later_commands_find_it_again(place: Home) -> None:
    built = environment.build(place, _PORTS, {"CEF_RUN_SLOTS": "7"})
    environment.save(place, built, {"CEF_RUN_SLOTS": "7"})
    assert environment.saved(place)["DATABASE_URL"] == built["DATABASE_URL"]
    assert environment.saved(place)["CEF_RUN_SLOTS"] == "7"
    assert place.environment.stat().st_mode & 0o777 == 0o600


def test_before_the_first_start_there_is_none(place: Home) -> None:
    with pytest.raises(LocalStackError, match="make up"):
        environment.saved(place)
