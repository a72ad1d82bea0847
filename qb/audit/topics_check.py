"""Checks how the topics are kept: where records are lost by the way of keeping them, what is left may well agree."""

from collections.abc import Iterable

from billing.topic_rules import TOPICS_RUNBOOK, Grade, TopicFinding
from qb.audit.findings import Check, Findings


def check_topic_rules(rules: Iterable[TopicFinding], findings: Findings) -> None:
    """Report each setting that loses or doubles money, and note each topic whose settings may not be read."""
    unread = set()
    for rule in rules:
        setting = rule.rule.setting
        if rule.grade is Grade.REFUSE:
            found = f"{rule.found}: {rule.rule.why}, see {TOPICS_RUNBOOK}"
            findings.add(Check.TOPICS, f"topic {rule.topic}: {setting}", rule.rule.must_be, found)
        elif setting == "cleanup.policy" and rule.found is None:
            unread.add(rule.topic)
    for topic in sorted(unread):
        findings.notes.append(f"the settings of topic {topic}: the right DescribeConfigs is missing")
