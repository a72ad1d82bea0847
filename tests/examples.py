"""How many examples a property test draws: fewer in `make test`, all in `make check`."""

from hypothesis import settings

# Hypothesis' own number, to which those in the tests relate.
USUAL = 100


def examples(number: int) -> int:
    """Return how many examples a test that wants `number` of them draws in this run."""
    return max(1, number * settings().max_examples // USUAL)
