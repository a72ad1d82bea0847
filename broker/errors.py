"""What goes wrong with the embedded broker, told to the person who can act on it."""

from billing.errors import OperatorError


class BrokerError(OperatorError):
    """The embedded broker cannot do what was asked."""
