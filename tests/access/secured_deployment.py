"""A deployment on a broker that takes accounts: its topics, the rights of its parts, and their environments."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Producer

from billing.acl_rules import PARTS, Operation, Right, rights_of
from billing.runtime.kafka import admin_client, make_missing_topics
from billing.settings import Settings, load_settings
from billing.topic_rules import Role
from tests.access.attempts import Use
from tests.access.secured_kafka import SecuredKafka

WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
# Every month that has events is over and due at once; a webhook that nobody takes is given up at once.
_OPTIONS = {
    "QB_BUDGETS": "[{name: each, customer: '*', count: 1}]",
    "QB_GRACE_SECONDS": "0",
    "QB_OUT_OF_ORDERNESS_SECONDS": "0",
    "QB_IDLE_AFTER_SECONDS": "1",
    "QB_CHECK_INTERVAL_SECONDS": "1",
    "QB_WEBHOOK_URL": "http://127.0.0.1:9/nobody",
    "QB_WEBHOOK_SECRET": WEBHOOK_SECRET,
    "QB_WEBHOOK_GIVE_UP_SECONDS": "0",
    "QB_RATE": "0",
    **{f"QB_{part}_PORT": "0" for part in ("PROCESSOR", "EXPORTER", "INVOICER", "BUDGETS", "NOTIFIER")},
}


@dataclass(frozen=True)
class SecuredDeployment:
    """Parts that come with accounts of their own.

    Args:
        kafka: the broker.
        folder: where files go.
        scope: the setting `dedup_scope`.
        group: the setting `consumer_group`.
    """

    kafka: SecuredKafka
    folder: Path
    scope: str = "partition"
    group: str = "billing"

    @property
    def settings(self) -> Settings:
        """Those of all parts, for whoever may do everything."""
        return load_settings({}, {**self._common(), "QB_BOOTSTRAP_SERVERS": self.kafka.broker.bootstrap_servers})

    def rights(self, part: str) -> tuple[Right, ...]:
        """Return the rights of a part's row."""
        return rights_of(part, self.settings)

    def uses(self, part: str) -> list[Use]:
        """Return the same, one by one."""
        return [(right.thing, operation) for right in self.rights(part) for operation in right.operations]

    def make_topics(self, roles: Iterable[Role] = tuple(Role)) -> None:
        """Make the topics as somebody who may do everything."""
        make_missing_topics(admin_client(self.settings), self.settings, list(roles), float("inf"))

    def with_password(self, user: str, password: str) -> dict[str, str]:
        """Return the environment of a part that comes with a password."""
        return self._of(self.kafka.password_servers, self.kafka.password_options(user, password))

    def with_certificate(self, user: str) -> dict[str, str]:
        """Return the environment of a part that comes with a certificate."""
        return self._of(self.kafka.certificate_servers, self.kafka.certificate_options(user))

    def produce(self, lines: Iterable[str]) -> None:
        """Produce events in one transaction, so that each partition that has some ends with a marker."""
        producer = Producer(
            {"bootstrap.servers": self.kafka.broker.bootstrap_servers, "transactional.id": "anybody", "log_level": 0}
        )
        producer.init_transactions(60)
        producer.begin_transaction()
        for number, line in enumerate(lines):
            producer.produce(self.settings.input_topic, line.encode(), partition=number % 4)
        producer.commit_transaction(60)

    def _of(self, servers: str, options: Mapping[str, object]) -> dict[str, str]:
        return {**self._common(), "QB_BOOTSTRAP_SERVERS": servers, "QB_KAFKA": json.dumps(options)}

    def _common(self) -> dict[str, str]:
        return {
            **_OPTIONS,
            "QB_STATE_DIR": str(self.folder / "state" / self.group),
            "QB_OUTPUT": str(self.folder / "invoices"),
            "QB_INSTANCE": "a",
            "QB_DEDUP_SCOPE": self.scope,
            "QB_CONSUMER_GROUP": self.group,
        }


def all_uses(deployment: SecuredDeployment) -> set[Use]:
    """Return each right that stands in any row."""
    return {use for part in PARTS for use in deployment.uses(part) if use[1] is not Operation.DESCRIBE}
