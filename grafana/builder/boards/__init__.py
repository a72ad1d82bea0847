"""The dashboards, one module each, and which of them a deployment has."""

from billing.settings import Settings
from grafana.builder import Json
from grafana.builder.boards import customer, event_type, infinity, management, operations
from grafana.builder.dashboard import dashboard


def all_boards(settings: Settings) -> dict[str, Json]:
    """Return the dashboards by file name: one for each event type, and those that every deployment has."""
    boards = {
        "management.json": management.board(settings),
        "operations.json": operations.board(settings),
        "customer.json": customer.board(settings),
    }
    boards |= {f"type-{name.lower()}.json": event_type.board(name, settings) for name in settings.types}
    return {name: dashboard(board, settings) for name, board in boards.items()}


def infinity_boards(settings: Settings) -> dict[str, Json]:
    """Return the dashboards of the Infinity plugin by file name; they are provisioned only on request."""
    return {"infinity.json": dashboard(infinity.board(settings), settings)}
