"""The whole way from a request to a prompt: gather, pack, lay out."""

from dataclasses import replace

from apps.contexts.assembly.counting import counter
from apps.contexts.assembly.gathering import gather
from apps.contexts.assembly.layout import Assembly, lay_out
from apps.contexts.assembly.packing import pack
from apps.contexts.assembly.request import AssemblyRequest
from apps.core.clock import Clock, SystemClock

_CLOCK = SystemClock()


def assemble(request: AssemblyRequest, clock: Clock = _CLOCK) -> Assembly:
    """Fill the budget. Reads the database and writes nothing; blocks, so call it from a thread.

    Raises PinsDoNotFit, ContextNotFound, VersionNotFound.
    """
    budget = request.budget_tokens - request.history_tokens
    shares = {str(mount.context_id): mount.share for mount in request.mounts if mount.share}
    packing = pack(gather(request, clock.now()), budget, shares, counter(request.tokenizer))
    assembly = lay_out(packing, tokenizer=request.tokenizer, budget=budget)
    return replace(assembly, manifest=assembly.manifest.continuing(request.previous))
