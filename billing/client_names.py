"""The names by which Kafka knows the parts as clients: consumer groups and transactional ids, beside the topics' names.

Rights are given to these names, so they follow from the settings alone.
"""

from billing.settings import Settings

# Who writes a ledger or the input in transactions, as its transactional id tells.
INVOICER = "invoicer"
BUDGETS = "budgets"
REPLAY = "replay"

# The group of all who read a topic whole. Nothing is committed in it, but no consumer is made without one, and each
# asks who coordinates its group.
READERS_GROUP = "unused-reader"


def ledger_group(settings: Settings) -> str:
    """Return the consumer group whose committed offset says how far the ledger of invoices has reached."""
    return f"{settings.invoices_topic}-{INVOICER}"


def writer_transactional_id(topic: str, who: str) -> str:
    """Return the one transactional id of those who write a topic as `who`: the later one fences the earlier."""
    return f"{topic}-{who}"


def counting_transactional_ids(settings: Settings) -> str:
    """Return what the transactional ids of a deployment's processors begin with; the instance follows."""
    return f"{settings.consumer_group}-"


def moving_transactional_ids(settings: Settings) -> str:
    """Return what the transactional ids begin with under which processors move records; the instance follows."""
    return f"{settings.keyed_topic}-moving-{settings.consumer_group}-"
