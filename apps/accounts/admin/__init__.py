"""Access in the admin: people, workspaces, memberships, service accounts, API keys, the platform's switches."""

from apps.accounts.admin import groups as groups
from apps.accounts.admin.api_keys import ApiKeyAdmin
from apps.accounts.admin.members import MembershipAdmin, ServiceAccountAdmin
from apps.accounts.admin.platform import PlatformStateAdmin
from apps.accounts.admin.users import UserAdmin
from apps.accounts.admin.workspaces import WorkspacesAdmin
from apps.accounts.oauth import admin as oauth

__all__ = [
    "ApiKeyAdmin",
    "MembershipAdmin",
    "PlatformStateAdmin",
    "ServiceAccountAdmin",
    "UserAdmin",
    "WorkspacesAdmin",
    "oauth",
]
