"""The embedded language model: llama.cpp's OpenAI-compatible server in this process, with SmolLM2-135M's weights.

Measured on 2 cores: up in 0.4 s, reads 440 prompt tokens/s, writes 90 tokens/s, 350 MB resident. Its threads sleep
where OpenMP's default is to spin: beside two busy processes that made 32 tokens/s of 0.4.
"""

import os
import sys
import threading

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import xllamacpp

from workers.local.ports import HOST
from workers.local.processes import die_with_parent
from workers.local.weights import CONTEXT_TOKENS, MODEL_NAME, weights

_PARALLEL = 2
_MOST_THREADS = 4
_PROMPT_CACHE_MIB = 256


def serve(port: int) -> None:
    """Answer `/v1/chat/completions`, `/v1/models` and `/health` on the loopback interface until this process ends."""
    server = xllamacpp.Server(_parameters(port))
    print(f"{MODEL_NAME} answers at {server.listening_address}/v1", flush=True)
    threading.Event().wait()


def _parameters(port: int) -> xllamacpp.CommonParams:
    """Two requests at once, each with the whole context; only pages of this very server may call it from a browser."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights())
    parameters.model_alias = {MODEL_NAME}
    parameters.hostnames = [HOST]
    parameters.port = port
    parameters.n_parallel = _PARALLEL
    parameters.n_ctx = CONTEXT_TOKENS * _PARALLEL
    parameters.n_gpu_layers = 0
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = _threads()
    parameters.cache_ram_mib = _PROMPT_CACHE_MIB
    parameters.cors_origins = f"http://{HOST}:{port}"
    parameters.ui = False
    parameters.verbosity = 1
    return parameters


def _threads() -> int:
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(usable, _MOST_THREADS)


if __name__ == "__main__":
    die_with_parent()
    serve(int(sys.argv[1]))
