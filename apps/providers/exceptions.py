"""What can go wrong with providers and their models.

CefError
├── InvalidInput        InvalidScript, FallbackRefused, UnsafeAddress, InvalidCredentials, UnknownEmbedder,
│                       UnknownTokenizer
├── Conflict            InUse, ModelSwitchedOff
├── Unavailable         EmbeddingWeightsMissing
└── ProviderError       a request to a provider failed; names the provider, the model and the attempts
    ├── PassingProviderError    worth another try, or the fallback's turn
    │   └── ProviderUnavailable, ProviderTimeout, ProviderRateLimited
    └── ProviderRejected, ProviderAuthFailed, ProviderMalformed, ScriptExhausted
"""

from apps.core.exceptions import CefError, Conflict, InvalidInput, Unavailable


class InvalidScript(InvalidInput):
    """The script of a scripted model is not valid."""

    code = "invalid_script"


class FallbackRefused(InvalidInput):
    """A fallback chain may not come back to itself, nor be longer than three models."""

    code = "fallback_refused"


class UnsafeAddress(InvalidInput):
    """The address is not one that the platform may connect to."""

    code = "unsafe_address"


class InvalidCredentials(InvalidInput):
    """The credentials do not fit the provider's kind."""

    code = "invalid_credentials"


class UnknownEmbedder(InvalidInput):
    """There is no such embedding model."""

    code = "unknown_embedding_model"


class UnknownTokenizer(InvalidInput):
    """There is no such tokenizer."""

    code = "unknown_tokenizer"


class ModelSwitchedOff(Conflict):
    """The model or its provider is switched off."""

    code = "model_switched_off"


class InUse(Conflict):
    """Other rows still refer to this one."""

    code = "in_use"


class EmbeddingWeightsMissing(Unavailable):
    """The weights of the embedded embedding model are not installed."""

    code = "embedding_weights_missing"


class ProviderError(CefError):
    """A request to a model provider failed."""

    code = "provider_error"

    def __init__(
        self, message: str, *, provider: str, model: str, attempts: int = 1, status: int | None = None
    ) -> None:
        super().__init__(message, provider=provider, model=model, attempts=attempts, status=status)
        self.provider = provider
        self.model = model
        self.attempts = attempts
        self.status = status


class PassingProviderError(ProviderError):
    """A trouble that may pass: the fallback model is tried next."""


class ProviderUnavailable(PassingProviderError):
    """The provider could not be reached or could not serve."""

    code = "provider_unavailable"


class ProviderTimeout(PassingProviderError):
    """The provider did not answer in time."""

    code = "provider_timeout"


class ProviderRateLimited(PassingProviderError):
    """The provider, or the limit set for it here, allows no request now."""

    code = "provider_rate_limited"


class ProviderRejected(ProviderError):
    """The provider refused the request itself."""

    code = "provider_rejected"


class ProviderAuthFailed(ProviderError):
    """The provider refused the credentials."""

    code = "provider_auth_failed"


class ProviderMalformed(ProviderError):
    """The provider's answer could not be understood."""

    code = "provider_malformed"


class ScriptExhausted(ProviderError):
    """The script of a scripted model has no turn left."""

    code = "script_exhausted"
