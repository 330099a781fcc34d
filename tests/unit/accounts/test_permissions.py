"""Who may do what, pinned: a change of this table is a decision, never an accident."""

from itertools import pairwise

import pytest

from apps.accounts.permissions import KEY_SCOPES, ROLE_PERMISSIONS, STAFF_PERMISSIONS, Permission, Role

OWNER, ADMIN, BUILDER, OPERATOR, VIEWER = "owner", "admin", "builder", "operator", "viewer"
EVERYONE = {OWNER, ADMIN, BUILDER, OPERATOR, VIEWER}
TABLE = {
    "runs:read": EVERYONE,
    "runs:write": EVERYONE - {VIEWER},
    "waits:decide": EVERYONE - {VIEWER},
    "threads:read": EVERYONE,
    "threads:write": EVERYONE - {VIEWER},
    "agents:read": EVERYONE,
    "agents:write": {OWNER, ADMIN, BUILDER},
    "tools:read": EVERYONE,
    "tools:write": {OWNER, ADMIN, BUILDER},
    "contexts:read": EVERYONE,
    "contexts:write": {OWNER, ADMIN, BUILDER},
    "documents:read": EVERYONE,
    "documents:write": {OWNER, ADMIN, BUILDER},
    "providers:read": EVERYONE,
    "providers:write": {OWNER, ADMIN},
    "members:manage": {OWNER, ADMIN},
    "keys:manage": EVERYONE - {VIEWER},
    "workspace:manage": {OWNER, ADMIN},
    "platform:operate": set(),
}


def test_the_table_names_every_permission() -> None:
    assert set(TABLE) == {permission.value for permission in Permission}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("permission", list(Permission))
def test_role_and_permission(role: Role, permission: Permission) -> None:
    assert (permission in ROLE_PERMISSIONS[role]) is (role.value in TABLE[permission.value])


def test_each_role_may_do_all_that_the_ones_below_may() -> None:
    ranking = list(Role)
    for higher, lower in pairwise(ranking):
        assert higher.outranks(lower)
        assert not lower.outranks(higher)
        assert ROLE_PERMISSIONS[higher] >= ROLE_PERMISSIONS[lower]
    assert not Role.OWNER.outranks(Role.OWNER)


def test_no_key_manages_keys_members_or_the_platform() -> None:
    forbidden = {Permission.KEYS_MANAGE, Permission.MEMBERS_MANAGE, Permission.PLATFORM_OPERATE}
    assert set(Permission) - KEY_SCOPES == forbidden
    assert frozenset({Permission.PLATFORM_OPERATE}) == STAFF_PERMISSIONS
