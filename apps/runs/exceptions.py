"""What can go wrong with a run, by stable code."""

from apps.core.exceptions import Conflict, InvalidInput, NotFound, Unavailable


class RunNotFound(NotFound):
    """There is no such run in this workspace."""

    code = "run_not_found"


class ThreadNotFound(NotFound):
    """There is no such thread in this workspace."""

    code = "thread_not_found"


class StepNotFound(NotFound):
    """The run has no such step."""

    code = "step_not_found"


class ThreadBusy(Conflict):
    """The thread already has a run that has not finished."""

    code = "thread_busy"


class RunNotResumable(Conflict):
    """Only a failed run can be resumed."""

    code = "run_not_resumable"


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


class IllegalTransition(Conflict):
    """The run is in no state that allows this."""

    code = "illegal_transition"
