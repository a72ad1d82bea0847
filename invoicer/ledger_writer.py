"""Writes the ledger of invoices, and what invoicers confirm of it beside a group's offset."""

from confluent_kafka import Consumer, TopicPartition

from billing.client_names import INVOICER
from billing.runtime.ledger_writer import LedgerWriter, ignore_write_step
from billing.runtime.signals import NEVER, StopFlag
from billing.settings import Settings
from invoicer.steps import Step, Steps, ignore_step


class KafkaLedgerWriter(LedgerWriter):
    """Writes records to the invoices topic, all of a call or none.

    Args:
        settings: where the broker is, and the topic.
        steps: told of each step of a transaction.
        stop: asked while the broker does not answer.
    """

    def __init__(self, settings: Settings, steps: Steps = ignore_step, stop: StopFlag = NEVER) -> None:
        super().__init__(settings, settings.invoices_topic, INVOICER, lambda step: steps(Step(step.value)), stop)

    def confirm(self, group: str, place: TopicPartition) -> None:
        """Commit how far the ledger reaches as a group's offset: a witness, and proof that nobody has taken over.

        Args:
            group: the consumer group.
            place: the topic and partition that the group keeps it under, the ledger's end, and who claims it.

        Raises:
            LedgerLostError: as :meth:`commit`.
        """
        consumer = Consumer({**self._client_config, "group.id": group})
        try:
            member = consumer.consumer_group_metadata()
            self._transact(
                lambda: self._persist(
                    lambda seconds: self._producer.send_offsets_to_transaction([place], member, seconds)
                ),
                ignore_write_step,
            )
        finally:
            consumer.close()
