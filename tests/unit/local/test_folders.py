"""Folders get exactly their mode, folders above keep theirs, and unreachable checkouts keep data elsewhere."""

import os
from pathlib import Path

import pytest

from workers.local.exceptions import LocalStackError
from workers.local.folders import data_home, make_folder
from workers.local.home import Home
from workers.local.unprivileged import Account, server_account

_ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another account")


def test_a_folder_has_exactly_its_mode_and_its_parents_keep_theirs(tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    parent.mkdir(mode=0o750)
    before = parent.stat().st_mode
    assert make_folder(parent / "child", mode=0o711).stat().st_mode & 0o777 == 0o711
    assert parent.stat().st_mode == before


def test_an_account_may_enter_only_what_the_modes_allow(tmp_path: Path) -> None:
    nobody = Account("nobody", 65534, 65534)
    closed = make_folder(tmp_path / "closed", mode=0o700)
    assert not nobody.may_traverse(closed)
    assert Account("me", os.geteuid(), os.getegid()).may_traverse(closed)
    assert not nobody.may_execute(Path("/etc/passwd"))
    assert nobody.may_execute(Path("/bin/sh"))


@_ROOT_ONLY
def test_as_root_data_go_where_the_servers_account_can_reach_them(tmp_path: Path) -> None:
    closed = make_folder(tmp_path / "closed", mode=0o700)
    home = closed / "checkout" / ".cef"
    folder = data_home(home)
    try:
        account = server_account()
        assert account is not None
        assert account.may_traverse(folder)
        assert not folder.is_relative_to(closed)
        assert data_home(home) == folder
        assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        folder.rmdir()


@_ROOT_ONLY
def test_a_data_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    home = make_folder(tmp_path / "home")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    (home / "data-home").write_text(str(theirs))
    with pytest.raises(LocalStackError, match="belongs to another user"):
        data_home(home)


def test_the_socket_of_a_deep_checkout_is_short_enough(tmp_path: Path) -> None:
    deep = Home(tmp_path / ("x" * 120))
    assert len(str(deep.socket)) <= 104
    assert deep.socket != Home(tmp_path / ("y" * 120)).socket
