"""Secrets are made once, kept where only their owner reads them, and completed when a release needs one more."""

import base64
import json
from pathlib import Path

from workers.local.cluster import passwords, write_private
from workers.local.credentials import credentials


def test_the_first_start_makes_them_and_the_second_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    first = credentials(file)
    assert credentials(file) == first
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_encryption_key_has_32_bytes(tmp_path: Path) -> None:
    kid, _, key = credentials(tmp_path / "file").cef_encryption_keys.partition(":")
    assert (kid, len(base64.b64decode(key))) == ("k1", 32)


def test_what_an_older_release_did_not_have_is_added_and_the_rest_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    old = credentials(file)
    kept = json.loads(file.read_text())
    del kept["cef_flower_cookie_secret"]
    write_private(file, json.dumps(kept | {"gone": "x"}))
    new = credentials(file)
    assert new.secret_key == old.secret_key
    assert new.cef_flower_cookie_secret not in {"", old.cef_flower_cookie_secret}
    assert "gone" not in json.loads(file.read_text())


def test_they_become_the_environment_that_the_settings_read(tmp_path: Path) -> None:
    made = credentials(tmp_path / "file")
    environment = made.environment()
    assert environment["SECRET_KEY"] == made.secret_key
    assert environment["CEF_STACK_ID"] == made.stack_id
    assert set(environment) == {
        "CEF_STACK_ID",
        "SECRET_KEY",
        "CEF_ENCRYPTION_KEYS",
        "CEF_API_KEY_PEPPER",
        "CEF_FLOWER_CLIENT_SECRET",
        "CEF_FLOWER_COOKIE_SECRET",
        "CEF_FLOWER_METRICS_TOKEN",
    }


def test_passwords_of_the_database_roles_differ_and_stay(tmp_path: Path) -> None:
    made = passwords(tmp_path / "passwords.json")
    assert passwords(tmp_path / "passwords.json") == made
    assert len({made.superuser, made.owner, made.app}) == 3
    assert (tmp_path / "passwords.json").stat().st_mode & 0o777 == 0o600


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    write_private(file, "one")
    write_private(file, "two")
    assert file.read_text() == "two"
    assert list(tmp_path.iterdir()) == [file]
