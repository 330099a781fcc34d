"""What contexts refuse, each with its own code.

CefError
├── NotFound
│   ├── ContextNotFound
│   ├── VersionNotFound
│   ├── EntryNotFound
│   └── ReferenceNotFound
├── Conflict
│   ├── StaleVersion         the branch has moved on since the writer read it
│   ├── ContextCycle         a context cannot lie below itself
│   ├── ContextExists
│   └── ContextInUse
└── InvalidInput
    ├── InvalidChange        entries that cannot be committed
    ├── InvalidPath
    ├── InvalidReference
    ├── PinsDoNotFit         what must be in the prompt is larger than its budget
    └── UnreadableDocument   a file that cannot become text; fails alone
"""

from apps.core.exceptions import Conflict, InvalidInput, NotFound


class ContextNotFound(NotFound):
    """There is no such context in this workspace."""

    code = "context_not_found"


class VersionNotFound(NotFound):
    """The context has no such version."""

    code = "version_not_found"


class EntryNotFound(NotFound):
    """The context has no entry under this key."""

    code = "entry_not_found"


class ReferenceNotFound(NotFound):
    """The reference leads nowhere, or to where this reader may not look."""

    code = "reference_not_found"


class StaleVersion(Conflict):
    """The branch has moved on; read it again and commit on top of its new head."""

    code = "stale_version"


class ContextCycle(Conflict):
    """A context cannot be moved below itself."""

    code = "context_cycle"


class ContextExists(Conflict):
    """There is a context at this path already."""

    code = "context_exists"


class ContextInUse(Conflict):
    """Something still refers to the context."""

    code = "context_in_use"


class InvalidChange(InvalidInput):
    """The changes cannot be committed."""

    code = "invalid_change"


class InvalidPath(InvalidInput):
    """A path is up to 16 names of lower-case letters, digits, dots, dashes and underscores, joined by slashes."""

    code = "invalid_path"


class InvalidReference(InvalidInput):
    """A reference looks like ctx:<context>@<version>#<key> or doc:<document>@<revision>:<start>-<end>."""

    code = "invalid_reference"


class PinsDoNotFit(InvalidInput):
    """The instructions and pinned entries are larger than the token budget."""

    code = "pins_do_not_fit"


class UnreadableDocument(InvalidInput):
    """The file cannot be read as text."""

    code = "unreadable_document"
