"""Who am I, and where."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import Access
from apps.accounts.api.serializers import MeSerializer
from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.models import User
from apps.accounts.principals import Principal
from apps.accounts.selectors import account_name, memberships_of


class MeViewSet(WorkspaceViewSet):
    """The asker; answers without a workspace too, so that a browser can offer a choice of them."""

    permissions = {"show": Access.SIGNED_IN}
    serializer_class = MeSerializer
    pagination_class = None

    @extend_schema(summary="Tell who asks, their workspaces, and what they may do")
    def show(self, request: Request) -> Response:
        principal = request.auth if isinstance(request.auth, Principal) else None
        return Response(MeSerializer(_me(self.account, principal)).data)


def _me(account: User | Principal, principal: Principal | None) -> dict[str, Any]:
    return {
        "kind": principal.kind if principal else "user",
        "id": account.id,
        "name": account_name(account),
        "workspace_id": principal.workspace_id if principal else None,
        "role": principal.role if principal else None,
        "permissions": sorted(principal.permissions) if principal else [],
        "key_id": principal.key_id if principal else None,
        "workspaces": memberships_of(account),
    }
