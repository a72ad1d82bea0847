"""What is true of the deployment, whoever asks."""

from typing_extensions import TypedDict

from exporter.web.context import Context
from exporter.web.shapes import closed


@closed
class Facts(TypedDict):
    """Whether data and time are real, the one currency, and whose months they are."""

    standalone: bool
    simulated: bool
    currency: str
    time_zone: str


def facts(context: Context) -> Facts:
    """Return the facts of a running exporter."""
    settings = context.settings
    return {
        "standalone": context.standalone,
        "simulated": settings.simulation_speed > 0,
        "currency": settings.currency,
        "time_zone": settings.time_zone,
    }
