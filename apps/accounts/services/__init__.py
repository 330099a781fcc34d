"""Every write of accounts.

`by` is the principal who asks; None is the platform itself (a command, the admin's staff), whom no role limits.
"""

from apps.accounts.services.api_keys import IssuedKey, create_api_key, revoke_api_key
from apps.accounts.services.intake import pause_intake, resume_intake
from apps.accounts.services.members import add_member, change_role, remove_member
from apps.accounts.services.service_accounts import create_service_account
from apps.accounts.services.workspaces import create_workspace

__all__ = [
    "IssuedKey",
    "add_member",
    "change_role",
    "create_api_key",
    "create_service_account",
    "create_workspace",
    "pause_intake",
    "remove_member",
    "resume_intake",
    "revoke_api_key",
]
