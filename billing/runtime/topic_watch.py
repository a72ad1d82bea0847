"""Checks a part's topics while it runs: what a person does to a topic meanwhile is seen before it costs money."""

from collections.abc import Iterator, Sequence

from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from billing.runtime.kafka import admin_client
from billing.runtime.logs import get_logger
from billing.runtime.part_server import HealthCheck
from billing.runtime.repeated_work import RepeatedWork
from billing.runtime.topic_check import (
    TopicRefusedError,
    check_topics,
    log_warnings,
    refuse_wrong,
    warnings_of,
    widen_changelog,
)
from billing.settings import Settings
from billing.topic_rules import PARTITIONS, TOPICS_RUNBOOK, Grade, Role, TopicFinding

logger = get_logger(__name__)

# Brokers learn of a change one after the other: so long after it has been seen by half, it is seen whole.
CONFIRM_SECONDS = 1.0


class TopicWatch(RepeatedWork, Collector):
    """Looks at topics every `topic_check_seconds`, in a thread of its own. Use it as a context manager.

    It shows `billing_topic_warnings` in the registry, says each new warning once, and keeps a refusal for the part to
    raise before it writes, once a second check a moment later has found the same. A broker that does not answer is
    asked again the next time.

    `checks` is how many times the broker has answered.

    Args:
        settings: the topics, and how often.
        roles: which topics.
        registry: where the warnings are shown; None shows them nowhere.

    Raises:
        OperatorError: an option in `kafka` is wrong.
    """

    def __init__(self, settings: Settings, roles: Sequence[str], registry: CollectorRegistry | None = None) -> None:
        super().__init__("topic-watch", settings.topic_check_seconds)
        self.checks = 0
        self._settings, self._roles = settings, roles
        self._admin = admin_client(settings, log_level=0)
        self._refusal: TopicRefusedError | None = None
        self._warnings: dict[tuple[str, str], TopicFinding] = {}
        self._shown: dict[tuple[str, str], int] = {}
        self._subtotals_partitions: str | None = None
        if registry is not None:
            registry.register(self)

    def raise_refusal(self) -> None:
        """Go on if the newest check refused nothing. Quick, and asks no broker.

        Raises:
            TopicRefusedError: a topic has become one that loses or doubles money.
        """
        if self._refusal is not None:
            raise self._refusal

    def check(self) -> HealthCheck:
        """Return what the newest check found, for readiness. Quick, and asks no broker."""
        warnings = [finding.sentence for _, finding in sorted(self._warnings.items())]
        if warnings:
            return HealthCheck("topics", False, f"{'; '.join(warnings)}; see {TOPICS_RUNBOOK}")
        asked = "the topics are what they must be" if self.checks else "no broker has told yet how the topics are set"
        return HealthCheck("topics", True, asked)

    def collect(self) -> Iterator[Metric]:
        """Yield each setting that is looked at: an alert could not tell one that is well from one that nobody asks."""
        family = GaugeMetricFamily(
            "billing_topic_warnings",
            "1 while a setting of a topic makes a loss possible or would stop billing, 0 while it does not",
            labels=("topic", "setting"),
        )
        for (topic, setting), warned in self._shown.items():
            family.add_metric((topic, setting), warned)
        yield family

    def work(self) -> None:
        """Check once; twice if the first time finds something to refuse."""
        try:
            findings = self._check()
            if self._refusal_of(findings) is not None and not self.stopped_within(CONFIRM_SECONDS):
                findings = self._check()
            self._take(findings)
            self.checks += 1
        except KafkaException as error:
            logger.debug("topics not checked this time", error=str(error))

    def _check(self) -> list[TopicFinding]:
        if Role.CHANGELOG in self._roles:
            widen_changelog(self._admin, self._settings)
        return check_topics(self._admin, self._settings, self._roles)

    def _take(self, findings: list[TopicFinding]) -> None:
        """Keep what a check found, and say what is new."""
        warnings = warnings_of(findings)
        log_warnings(finding for key, finding in warnings.items() if key not in self._warnings)
        self._warnings = warnings
        self._shown = {(one.topic, one.rule.setting): int(one.grade is Grade.WARN) for one in findings}
        if (refusal := self._refusal_of(findings)) is not None:
            logger.error("topic refused, stopping before the next write", error=str(refusal))
            self._refusal = refusal

    def _refusal_of(self, findings: list[TopicFinding]) -> TopicRefusedError | None:
        try:
            refuse_wrong(findings)
            self._refuse_other_partitions(findings)
        except TopicRefusedError as error:
            return error
        return None

    def _refuse_other_partitions(self, findings: list[TopicFinding]) -> None:
        """The subtotals of an input partition lie on one partition, which depends on how many there are."""
        for finding in findings:
            if finding.role is not Role.SUBTOTALS or finding.rule.setting != PARTITIONS:
                continue
            self._subtotals_partitions = self._subtotals_partitions or finding.found
            if finding.found != self._subtotals_partitions:
                raise TopicRefusedError(
                    f"topic {finding.topic}: partitions is {finding.found}, must stay {self._subtotals_partitions}: "
                    f"sums would lie in two places; count again into new topics, see {TOPICS_RUNBOOK}"
                )
