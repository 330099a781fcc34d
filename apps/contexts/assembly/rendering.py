"""The prompt again, byte for byte, from its manifest."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from apps.contexts.assembly.candidates import Layer
from apps.contexts.assembly.manifest import Manifest, ManifestItem
from apps.contexts.assembly.printing import Mode, body, heading, stub

Loader = Callable[[ManifestItem], str]


@dataclass(frozen=True, slots=True)
class Rendering:
    """The two regions of a prompt."""

    stable: str
    tail: str


def render(manifest: Manifest, loader: Loader) -> Rendering:
    """Print the manifest's items; `loader` returns the text that an item's digest and cut name."""
    stable = (item for item in manifest.items if Layer(item.layer).is_stable)
    tail = (item for item in manifest.items if not Layer(item.layer).is_stable)
    return Rendering(_print(stable, loader), _print(tail, loader))


def _print(items: Iterable[ManifestItem], loader: Loader) -> str:
    return "".join(_text(item, loader) for item in items)


def _text(item: ManifestItem, loader: Loader) -> str:
    if item.mode == Mode.STUB:
        return stub(item.title, item.ref, item.full_tokens)
    return heading(Layer(item.layer), item.title) + body(loader(item))
