"""What goes wrong with the embedded broker, told to the person who can act on it."""


class BrokerError(Exception):
    """The embedded broker cannot do what was asked.

    Its text is one line for the operator: what is wrong and what to do about it.
    """
