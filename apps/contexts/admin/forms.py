"""The forms of contexts and documents."""

from typing import Any, Final

from django import forms
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from apps.contexts.changes import Put
from apps.contexts.contents import MAX_KEY
from apps.contexts.documents.services import MAX_BYTES, MAX_NAME
from apps.contexts.kinds import EntryKind, Source
from apps.contexts.models import Context, Document

MARKDOWN: Final = ".md"


class ContextForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Where a context stands, what it holds, and optionally one entry to commit."""

    key = forms.CharField(required=False, max_length=MAX_KEY, widget=UnfoldAdminTextInputWidget)
    content = forms.CharField(required=False, widget=UnfoldAdminTextareaWidget)
    kind = forms.ChoiceField(choices=EntryKind.choices, initial=EntryKind.FACT, widget=UnfoldAdminSelectWidget)
    source = forms.ChoiceField(choices=Source.choices, initial=Source.DEVELOPER, widget=UnfoldAdminSelectWidget)
    pinned = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, help_text="Always in the prompt, whatever else is left out."
    )
    message = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget)

    class Meta:
        model = Context
        fields = ["workspace", "path", "description"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if bool(cleaned.get("key")) != bool(cleaned.get("content")):
            self.add_error("content" if cleaned.get("key") else "key", "An entry has a key and a content.")
        return cleaned

    def entry(self) -> Put | None:
        """The entry to commit, if one was filled in."""
        data = self.cleaned_data
        if not data["key"]:
            return None
        return Put(
            data["key"],
            data["content"],
            kind=EntryKind(data["kind"]),
            source=Source(data["source"]),
            pinned=data["pinned"],
        )


class UploadForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A file for a context."""

    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget, help_text=f"Text or Markdown, at most {MAX_BYTES // 1024**2} MB."
    )
    name = forms.CharField(
        required=False,
        max_length=MAX_NAME,
        widget=UnfoldAdminTextInputWidget,
        help_text="Its identity in the context; the file's name when left empty. A known name is replaced.",
    )

    class Meta:
        model = Document
        fields = ["context"]

    def media_type(self) -> str:
        """Browsers call Markdown by many names; its suffix is surer."""
        file = self.cleaned_data["file"]
        return "text/markdown" if file.name.lower().endswith(MARKDOWN) else (file.content_type or "text/plain")
