"""A table of wrong settings for every kind of topic, and what each must be called."""

from billing.topic_rules import Grade, Role

COMPACTED = (Role.MOVED, Role.SUBTOTALS, Role.INVOICES, Role.NOTIFICATIONS, Role.CHANGELOG)
DELETED = (Role.INPUT, Role.KEYED, Role.REJECTED)

# (setting, value, grade) of every role that has the rule.
_EVERYWHERE = (
    ("retention.ms", "86400000", Grade.WARN),
    ("retention.bytes", "1000000", Grade.WARN),
    ("min.insync.replicas", "2", Grade.WARN),
    ("message.timestamp.before.max.ms", "60000", Grade.WARN),
    ("message.timestamp.after.max.ms", "60000", Grade.WARN),
    ("max.message.bytes", "2000", Grade.WARN),
)
_RIGHT_EVERYWHERE = (
    ("message.timestamp.type", "LogAppendTime"),
    ("message.timestamp.after.max.ms", "3600000"),
)

Case = tuple[Role, str, str, Grade]


def cases() -> list[Case]:
    """Return (role, setting, value, grade) of everything that is tried; the last ones are right."""
    found: list[Case] = [(role, *wrong) for role in Role for wrong in _EVERYWHERE]
    for role in COMPACTED:
        found += [
            (role, "cleanup.policy", "delete", Grade.REFUSE),
            (role, "cleanup.policy", "compact,delete", Grade.REFUSE),
            (role, "delete.retention.ms", "1000", Grade.WARN),
            (role, "min.compaction.lag.ms", "9999999999", Grade.WARN),
            (role, "unclean.leader.election.enable", "true", Grade.REFUSE),
        ]
    for role in DELETED:
        found += [
            (role, "cleanup.policy", "compact", Grade.REFUSE),
            (role, "cleanup.policy", "compact,delete", Grade.REFUSE),
            (role, "unclean.leader.election.enable", "true", Grade.WARN),
        ]
    return found + [(role, *right, Grade.OK) for role in Role for right in _RIGHT_EVERYWHERE]
