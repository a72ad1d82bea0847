"""Rejects records by hand, with nothing else to do: what a record that cannot be billed cannot cost less than.

``python -m benchmarks.reject_floor SERVERS TOPIC SECONDS``; prints the rate as JSON. Each record is read by the rules,
which find no event in it, and handed to the client in bulk with the headers that the processor writes, so many in each
transaction.
"""

import json
import sys
import time
from dataclasses import asdict

from benchmarks.by_hand import ANSWER_SECONDS, bulk_producer
from benchmarks.rate import Rate
from benchmarks.shapes import EventMaker, Shape
from billing.event import EventRejectedError, EventRules, decode_record
from billing.runtime.native.producing import HeaderColumn

_RECORDS = 20_000
_CLIENT = "bench-reject-floor"


def reject(payloads: list[bytes], rules: EventRules, now_ms: int) -> tuple[list[bytes], list[HeaderColumn]]:
    """Return those payloads that are no events, and the headers that they are rejected with."""
    rejected, reasons, details = [], [], []
    for payload in payloads:
        try:
            decode_record(payload, rules, now_ms)
        except EventRejectedError as error:
            rejected.append(payload)
            reasons.append(error.reason.encode())
            details.append(error.detail.encode())
    offsets = [b"%d" % offset for offset in range(len(rejected))]
    same = {"source-topic": b"incoming", "source-partition": b"0"}
    headers = [("reason", reasons), ("detail", details), ("source-offset", offsets)]
    return rejected, [*headers, *((name, [value] * len(rejected)) for name, value in same.items())]


def main(servers: str, topic: str, seconds: float) -> Rate:
    """Reject for so long, and return the rate."""
    maker = EventMaker(Shape("rejected", malformed_share=1.0))
    lines = maker.make(_RECORDS).payloads
    payloads = [lines.at(row) for row in range(_RECORDS)]
    producer, bulk = bulk_producer(servers, topic, _CLIENT)
    rules, now_ms, done = EventRules(), int(time.time() * 1_000), 0
    began, began_cpu = time.monotonic(), time.process_time()
    while time.monotonic() - began < seconds:
        producer.begin_transaction()
        rejected, headers = reject(payloads, rules, now_ms)
        bulk.produce_each(topic, [None] * len(rejected), rejected, headers)
        producer.flush(ANSWER_SECONDS)
        producer.commit_transaction(ANSWER_SECONDS)
        done += len(rejected)
    spent, cpu = time.monotonic() - began, time.process_time() - began_cpu
    return Rate(done / spent, cpu * 1e6 / done)


if __name__ == "__main__":
    print(json.dumps(asdict(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))))
