"""Language models of providers, and the chains of their fallbacks."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypedDict, Unpack
from uuid import UUID

from django.db import transaction
from django.db.models import ProtectedError

from apps.providers.chains import refuse_bad_chain
from apps.providers.exceptions import FallbackRefused, InUse, InvalidScript
from apps.providers.kinds import ProviderKind, Tokenizer
from apps.providers.models import LanguageModel, Provider
from apps.providers.options import model_options
from apps.providers.published import published_context_window
from apps.providers.script import validate_script

_O200K: Final = frozenset({ProviderKind.OPENAI, ProviderKind.SCRIPTED})


class ModelFields(TypedDict, total=False):
    """What may be said about a language model; prices in USD per million tokens."""

    name: str
    context_window: int
    max_output_tokens: int | None
    tokenizer: str
    input_price: Decimal | None
    output_price: Decimal | None
    settings: dict[str, Any]
    script: Any
    fallback: LanguageModel | None
    is_active: bool


@transaction.atomic
def create_model(provider: Provider, **fields: Unpack[ModelFields]) -> LanguageModel:
    """A model of the provider. Raises ValidationError, InvalidInput, InvalidScript, FallbackRefused.

    Where nothing is said, the context window is the published one if there is one, and tokens are counted exactly only
    for the kinds whose tokenizer is public.
    """
    fields = {**_defaults(provider, fields.get("name", "")), **fields}
    model = LanguageModel(workspace_id=provider.workspace_id, provider=provider, **fields)
    check_model(model)
    model.save()
    return model


@transaction.atomic
def update_model(model: LanguageModel, **fields: Unpack[ModelFields]) -> LanguageModel:
    """The model with these fields changed. Raises as `create_model` does."""
    model = LanguageModel.objects.select_for_update(of=("self",)).select_related("provider").get(pk=model.pk)
    for name, value in fields.items():
        setattr(model, name, value)
    check_model(model)
    model.save()
    return model


def delete_model(model: LanguageModel) -> None:
    """Raises InUse while agents or other models refer to it."""
    try:
        model.delete()
    except ProtectedError:
        raise InUse(f"The model {model} is still in use; switch it off instead.") from None


def _defaults(provider: Provider, name: str) -> ModelFields:
    defaults = ModelFields(tokenizer=Tokenizer.O200K if provider.kind in _O200K else Tokenizer.ESTIMATE)
    if window := published_context_window(provider, name):
        defaults["context_window"] = window
    return defaults


def check_model(model: LanguageModel) -> None:
    """Raises ValidationError, InvalidInput, InvalidScript, FallbackRefused. With a fallback it needs a transaction."""
    model.full_clean()
    model_options(model.settings)
    if model.provider.kind == ProviderKind.SCRIPTED:
        validate_script(model.script)
    elif model.script is not None:
        raise InvalidScript("Only the models of a scripted provider have a script.")
    if model.fallback is not None:
        _check_fallback(model, model.fallback)


def _check_fallback(model: LanguageModel, fallback: LanguageModel) -> None:
    if fallback.workspace_id != model.workspace_id:
        raise FallbackRefused("A fallback must belong to the same workspace.")
    refuse_bad_chain({**_locked_fallbacks(model.workspace_id), model.id: fallback.id}, model.id)


def _locked_fallbacks(workspace_id: UUID) -> Mapping[UUID, UUID | None]:
    """Each model's fallback. Locks the workspace's models: two writers could otherwise close a ring together."""
    rows = LanguageModel.objects.select_for_update().filter(workspace_id=workspace_id).order_by("id")
    return dict(rows.values_list("id", "fallback_id"))
