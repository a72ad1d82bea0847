"""Checks how the topics are kept: where records are lost by the way of keeping them, what is left may well agree."""

from collections.abc import Iterable

from billing.topic_rules import TOPICS_RUNBOOK, Grade, TopicFinding
from qb.audit.findings import Check, Findings


def check_topic_rules(rules: Iterable[TopicFinding], findings: Findings) -> None:
    """Report each setting that loses or doubles money, and each topic of which nobody may read how it is kept.

    An input that is compacted has lost events before anybody counted them, and all that is left agrees. So a topic
    whose cleanup policy is not known is not known to be whole.
    """
    for rule in rules:
        setting = rule.rule.setting
        if rule.grade is Grade.REFUSE:
            found = f"{rule.found}: {rule.rule.why}, see {TOPICS_RUNBOOK}"
        elif setting == "cleanup.policy" and rule.found is None:
            found = f"not known: this user lacks the right DescribeConfigs on the topic, see {TOPICS_RUNBOOK}"
        else:
            continue
        findings.add(Check.TOPICS, f"topic {rule.topic}: {setting}", rule.rule.must_be, found)
