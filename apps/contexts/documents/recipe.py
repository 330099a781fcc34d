"""How documents are cut and embedded. Another recipe makes an unchanged file worth ingesting again."""

from typing import Final

from apps.providers.kinds import Tokenizer

CHUNK_TOKENS: Final = 180
"""Together with its heading a passage stays below the 256 word pieces that MiniLM reads."""

CHUNK_TOKENIZER: Final = Tokenizer.O200K
_CUTTER: Final = "semchunk-1"


def recipe(embedding_model: str) -> str:
    """The name of the way from bytes to chunks with this embedding model."""
    return f"{_CUTTER}/{CHUNK_TOKENS}/{embedding_model}"
