"""The switches of the whole installation, for its staff."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import services
from apps.accounts.api.serializers import PlatformSerializer
from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission
from apps.accounts.selectors import platform_pause


class PlatformViewSet(WorkspaceViewSet):
    """The platform; only staff in a browser session have its permission."""

    permissions = {
        "show": Permission.PLATFORM_OPERATE,
        "pause_intake": Permission.PLATFORM_OPERATE,
        "resume_intake": Permission.PLATFORM_OPERATE,
    }
    serializer_class = PlatformSerializer
    pagination_class = None

    @extend_schema(summary="Show the platform's switches")
    def show(self, request: Request) -> Response:
        return self._state()

    @extend_schema(summary="Refuse new runs everywhere; running work goes on", request=None)
    @action(detail=False, methods=["post"], url_path="pause-intake")
    def pause_intake(self, request: Request) -> Response:
        services.pause_intake()
        return self._state()

    @extend_schema(summary="Take new runs again", request=None)
    @action(detail=False, methods=["post"], url_path="resume-intake")
    def resume_intake(self, request: Request) -> Response:
        services.resume_intake()
        return self._state()

    def _state(self) -> Response:
        return Response(PlatformSerializer({"intake_paused_at": platform_pause()}).data)
