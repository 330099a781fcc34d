"""What can go wrong with a run, by stable code."""

from apps.core.exceptions import Conflict, InvalidInput, NotFound, PermissionDenied, Unavailable


class RunNotFound(NotFound):
    """There is no such run in this workspace."""

    code = "run_not_found"


class ThreadNotFound(NotFound):
    """There is no such thread in this workspace."""

    code = "thread_not_found"


class StepNotFound(NotFound):
    """The run has no such step."""

    code = "step_not_found"


class EffectNotFound(NotFound):
    """The run has no such effect."""

    code = "effect_not_found"


class EffectNotOpen(Conflict):
    """Nothing is to be decided about this effect now."""

    code = "effect_not_open"


class EffectDecided(Conflict):
    """Somebody has decided about this effect."""

    code = "effect_decided"


class ThreadBusy(Conflict):
    """The thread already has a run that has not finished."""

    code = "thread_busy"


class EffectCommitted(Conflict):
    """A run of the thread has changed the world, or may have, and cannot be rolled back."""

    code = "effect_committed"


class NotInBatch(InvalidInput):
    """A batch cannot do this."""

    code = "not_in_batch"


class BatchNotFound(NotFound):
    """There is no such batch in this workspace."""

    code = "batch_not_found"


class InvalidBatch(InvalidInput):
    """Something is wrong with the runs of the batch; none was accepted."""

    code = "invalid_batch"


class InvalidRerun(InvalidInput):
    """The run cannot be run again like this."""

    code = "invalid_rerun"


class RunNotResumable(Conflict):
    """Only a failed run can be resumed."""

    code = "run_not_resumable"


class PayloadsRemoved(Conflict):
    """What the run was given and did is no longer kept."""

    code = "payloads_removed"


class RunNotFinished(Conflict):
    """The run has not finished yet."""

    code = "run_not_finished"


class RunFinished(Conflict):
    """The run has already finished."""

    code = "run_finished"


class InvalidRunInput(InvalidInput):
    """The input is not what the agent accepts."""

    code = "invalid_run_input"


class IntakePaused(Unavailable):
    """New runs are not accepted at the moment; running work goes on."""

    code = "intake_paused"


class CapNotFound(NotFound):
    """There is no such cap in this workspace."""

    code = "cap_not_found"


class CapBusy(Unavailable):
    """The cap cannot be changed at this moment; try again."""

    code = "cap_busy"


class AbovePlatformCap(PermissionDenied):
    """The platform does not let this workspace run so many at once."""

    code = "above_platform_cap"


class ScheduleNotFound(NotFound):
    """There is no such schedule in this workspace."""

    code = "schedule_not_found"


class ScheduleNameTaken(Conflict):
    """There is a schedule of this name already."""

    code = "schedule_name_taken"


class InvalidSchedule(InvalidInput):
    """The times are not what a schedule can fire at."""

    code = "invalid_schedule"


class WaitNotFound(NotFound):
    """There is no such wait in this workspace."""

    code = "wait_not_found"


class EventNotFound(NotFound):
    """No run waits for an event with this token."""

    code = "event_not_found"


class WaitNotOpen(Conflict):
    """The wait has ended."""

    code = "wait_not_open"


class DigestMismatch(Conflict):
    """The call is not the one that was shown; look at it again."""

    code = "digest_mismatch"


class AlreadyDecided(Conflict):
    """You have decided about this already."""

    code = "already_decided"


class NotYoursToDecide(PermissionDenied):
    """This is for others to decide."""

    code = "not_yours_to_decide"


class InvalidDecision(InvalidInput):
    """The decision does not fit what was asked."""

    code = "invalid_decision"


class IllegalTransition(Conflict):
    """The run is in no state that allows this."""

    code = "illegal_transition"
