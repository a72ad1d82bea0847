"""The error that an operator can mend: the command line prints its message as it is and exits with 1."""


class OperatorError(RuntimeError):
    """Something is not as it must be, and the message says in one line what it is and what to do."""
