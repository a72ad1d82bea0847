"""The processor, whose transaction somebody else ends at a step of its commit: a delayed EndTxn, made to measure.

Run as `python -m tests.processor.torn_processor process` with the settings of a processor in the environment, and
those of :class:`tests.torn_transactions.Tearing`; its steps are `STEPS`.
"""

import os
import sys
from typing import Any

from processor import id_table, quix_commit
from processor.worker import BillingWorker
from qb.cli import main
from tests.torn_transactions import Tearing

STEPS = ("before the worker writes", "amid the worker's records", "behind the flush", "behind the offsets",
         "behind the seal")  # fmt: skip


def tear(tearing: Tearing) -> None:
    """Put the tearing between the steps of every commit of this process. Each full chunk of ids comes before it."""
    id_table.TOLD_AT_ONCE = 1
    before_commit, commit = BillingWorker.before_commit, quix_commit.DirectProducer.commit_transaction
    produce_each = quix_commit.DirectProducer.produce_each

    def torn_before_commit(worker: BillingWorker, store_of: Any, output: Any) -> None:
        tearing.reached(STEPS[0])
        before_commit(worker, store_of, output)

    def torn_produce(producer: quix_commit.DirectProducer, *arguments: Any) -> None:
        produce_each(producer, *arguments)
        # What is rejected is the last that the worker writes, and State's changelog is still to come.
        producer._producer._producer.flush(60)
        tearing.reached(STEPS[1])

    def torn_commit(producer: quix_commit.DirectProducer, positions: Any, *options: Any, **more: Any) -> None:
        client = producer._producer
        send, end = client.send_offsets_to_transaction, client.commit_transaction

        def torn_send(*arguments: Any) -> None:
            tearing.reached(STEPS[2])
            send(*arguments)
            tearing.reached(STEPS[3])

        def torn_end(*arguments: Any) -> None:
            tearing.reached(STEPS[4])
            end(*arguments)

        client.send_offsets_to_transaction, client.commit_transaction = torn_send, torn_end
        try:
            commit(producer, positions, *options, **more)
        finally:
            client.send_offsets_to_transaction, client.commit_transaction = send, end

    for owner, name, torn in (
        (BillingWorker, "before_commit", torn_before_commit),
        (quix_commit.DirectProducer, "produce_each", torn_produce),
        (quix_commit.DirectProducer, "commit_transaction", torn_commit),
    ):
        setattr(owner, name, torn)


if __name__ == "__main__":
    group, instance = os.environ["QB_CONSUMER_GROUP"], os.environ["QB_INSTANCE"]
    tear(Tearing(STEPS[0], os.environ["QB_BOOTSTRAP_SERVERS"], f"{group}-{instance}"))
    sys.exit(main())
