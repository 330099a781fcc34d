"""Forms that ask the services' own checks, so that a refusal stands beside its field and nothing typed is lost."""

from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from apps.core.exceptions import CefError, Fault, InvalidInput
from apps.providers.credentials import check_credentials
from apps.providers.exceptions import FallbackRefused, InvalidCredentials, InvalidScript, UnsafeAddress
from apps.providers.models import LanguageModel, Provider
from apps.providers.services.language_models import check_model
from apps.providers.services.providers import check_provider

CREDENTIALS = ("api_key", "aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_LONGEST_FAULTS = 10


class CheckedForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Shows what a service would refuse at the field it belongs to."""

    fields_of: ClassVar[dict[type[CefError], str]] = {}

    def check_instance(self) -> None:
        """What the service would check. Raises CefError."""
        raise NotImplementedError

    def _post_clean(self) -> None:
        # Where Django fills and validates the instance; there is no public hook after it.
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            self.check_instance()
        except CefError as refusal:
            field = next((name for kind, name in self.fields_of.items() if isinstance(refusal, kind)), None)
            self.add_error(field if field in self.fields else None, _sentences(refusal))


class ProviderForm(CheckedForm):
    """A provider and, never shown again, its credentials."""

    fields_of = {UnsafeAddress: "base_url", InvalidCredentials: "api_key", InvalidInput: "settings"}

    api_key = forms.CharField(required=False, label="API key", widget=UnfoldAdminPasswordWidget)
    aws_access_key_id = forms.CharField(required=False, label="AWS access key id", widget=UnfoldAdminPasswordWidget)
    aws_secret_access_key = forms.CharField(required=False, label="AWS secret key", widget=UnfoldAdminPasswordWidget)
    aws_session_token = forms.CharField(required=False, label="AWS session token", widget=UnfoldAdminPasswordWidget)

    class Meta:
        model = Provider
        fields = [
            "workspace",
            "slug",
            "kind",
            "name",
            "base_url",
            "settings",
            "requests_per_minute",
            "timeout_s",
            "enabled",
        ]

    @property
    def entered_credentials(self) -> dict[str, str]:
        """What was typed; empty leaves the stored ones as they are."""
        return {name: self.cleaned_data[name] for name in CREDENTIALS if self.cleaned_data.get(name)}

    def check_instance(self) -> None:
        check_provider(self.instance)
        if self.entered_credentials:
            check_credentials(self.instance.kind, self.entered_credentials)


class LanguageModelForm(CheckedForm):
    """A language model; a scripted one with its script."""

    fields_of = {InvalidScript: "script", FallbackRefused: "fallback", InvalidInput: "settings"}

    class Meta:
        model = LanguageModel
        fields = [
            "provider",
            "name",
            "context_window",
            "max_output_tokens",
            "tokenizer",
            "input_price",
            "output_price",
            "settings",
            "script",
            "fallback",
            "is_active",
        ]

    def check_instance(self) -> None:
        self.instance.workspace_id = self.instance.provider.workspace_id
        check_model(self.instance)

    def _get_validation_exclusions(self) -> set[str]:
        # The workspace is the provider's; it is not on the form, and not yet on the instance.
        exclusions: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return exclusions | {"workspace"}


class ConnectionTestForm(BaseDialogForm):  # type: ignore[misc]  # the library has no types
    """Which model to ask."""

    model = forms.ModelChoiceField(
        LanguageModel.objects.none(), required=False, empty_label="The first one", widget=UnfoldAdminSelectWidget
    )

    def __init__(self, request: HttpRequest, object_id: str, **kwargs: Any) -> None:
        super().__init__(request, object_id, **kwargs)
        models = LanguageModel.objects.select_related("provider")
        self.fields["model"].queryset = models.filter(provider__pk=object_id)


def _sentences(refusal: CefError) -> list[str]:
    faults: tuple[Fault, ...] = getattr(refusal, "errors", ())
    return [f"{fault.pointer}: {fault.detail}" for fault in faults[:_LONGEST_FAULTS]] or [refusal.message]
