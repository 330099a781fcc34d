"""Signing in, and the one question that the workers' dashboard asks about who did."""

from typing import Any

from django.contrib.admin import site
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.views import LoginView
from django.forms import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import View
from oauth2_provider.views.mixins import OAuthLibMixin
from unfold.forms import AuthenticationForm

from apps.accounts.oauth.client import SCOPE
from apps.accounts.oauth.dashboard import may_see_dashboard


class SignInForm(AuthenticationForm):  # type: ignore[misc]  # the library has no types
    """E-mail and password of anybody with an active account; the admin's own form wants staff."""

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        if not user.is_active:
            raise ValidationError(self.error_messages["inactive"], code="inactive")


class SignInView(LoginView):
    """The page where people sign in on their way to anything that is not the admin."""

    template_name = "sign_in.html"
    form_class = SignInForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs) | site.each_context(self.request)
        return context | {"title": "Sign in", "app_path": self.request.get_full_path()}


class DashboardUserView(OAuthLibMixin, View):  # type: ignore[misc]  # the library has no types
    """Who the bearer of a token with the scope `dashboard` is, and whether the dashboard is for them."""

    def get_scopes(self) -> list[str]:
        return [SCOPE]

    def get(self, request: HttpRequest) -> HttpResponse:
        valid, grant = self.verify_request(request)
        if not valid or grant.user is None:
            return HttpResponse(status=401, headers={"WWW-Authenticate": f'Bearer scope="{SCOPE}"'})
        user = grant.user
        answer = {"sub": str(user.pk), "email": user.email, "allowed": may_see_dashboard(user)}
        return JsonResponse(answer, headers={"Cache-Control": "no-store"})
