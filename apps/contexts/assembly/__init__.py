"""Filling a token budget with the context of a run, and keeping a record of how."""

from apps.contexts.assembly.layout import Assembly
from apps.contexts.assembly.loading import rebuild
from apps.contexts.assembly.manifest import Manifest, ManifestItem
from apps.contexts.assembly.manifest import read as read_manifest
from apps.contexts.assembly.request import AssemblyRequest, Mount
from apps.contexts.assembly.service import assemble

__all__ = [
    "Assembly",
    "AssemblyRequest",
    "Manifest",
    "ManifestItem",
    "Mount",
    "assemble",
    "read_manifest",
    "rebuild",
]
