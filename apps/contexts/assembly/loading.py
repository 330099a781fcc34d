"""The texts that a manifest names by their hashes."""

import uuid
from collections.abc import Callable, Iterable

from apps.contexts.assembly.manifest import Manifest, ManifestItem
from apps.contexts.assembly.printing import Mode, text_digest, utf8
from apps.contexts.assembly.rendering import Rendering, render
from apps.core import blobs
from apps.core.exceptions import NotFound


def rebuild(workspace_id: uuid.UUID, manifest: Manifest, spoken: Iterable[str] = ()) -> Rendering:
    """The prompt of the manifest, byte for byte; `spoken` are the run's own texts: its instructions, the question.

    One query. Raises NotFound (`blob_not_found`) when a text is in neither.
    """
    return render(manifest, loader(workspace_id, manifest, spoken))


def loader(workspace_id: uuid.UUID, manifest: Manifest, spoken: Iterable[str] = ()) -> Callable[[ManifestItem], str]:
    """A function from a printed item to its text, with every text of the manifest at hand."""
    texts = {text_digest(text).hex(): utf8(text) for text in spoken}
    wanted = {item.digest for item in manifest.items if item.mode != Mode.STUB} - texts.keys()
    stored = blobs.load_many(workspace_id, map(bytes.fromhex, wanted)) if wanted else {}
    texts |= {digest.hex(): data.decode() for digest, data in stored.items()}

    def load(item: ManifestItem) -> str:
        if item.digest not in texts:
            raise NotFound(f"The text of {item.ref} is not stored.", code="blob_not_found", digest=item.digest)
        return texts[item.digest][slice(*(item.cut or (None, None)))]

    return load
