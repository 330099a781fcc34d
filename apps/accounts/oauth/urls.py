"""The OAuth 2.0 server's addresses: only what a client needs, no self-service registration."""

from django.urls import path
from oauth2_provider import views as oauth2

from apps.accounts.oauth.views import DashboardUserView

app_name = "oauth2_provider"
urlpatterns = [
    path("authorize/", oauth2.AuthorizationView.as_view(), name="authorize"),
    path("token/", oauth2.TokenView.as_view(), name="token"),
    path("revoke_token/", oauth2.RevokeTokenView.as_view(), name="revoke-token"),
    path("dashboard-user/", DashboardUserView.as_view(), name="dashboard-user"),
]
