"""Every address of `web`."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from apps.accounts.oauth.views import SignInView
from apps.core.health import healthz

_APPS = ("accounts", "providers", "tools", "contexts", "agents", "runs")

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("sign-in/", SignInView.as_view(), name="sign-in"),
    path("o/", include("apps.accounts.oauth.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="api-docs"),
    *(path("api/v1/", include(f"apps.{name}.api.urls")) for name in _APPS),
    path("healthz", healthz, name="healthz"),
]

handler400 = "apps.core.problems.bad_request"
handler403 = "apps.core.problems.permission_denied"
handler404 = "apps.core.problems.page_not_found"
handler500 = "apps.core.problems.server_error"
