"""Rejects records by hand, with nothing else to do: what a record that cannot be billed cannot cost less than.

``python -m benchmarks.reject_floor SERVERS TOPIC SECONDS``; prints the rate as JSON. Records are read as the processor
reads them, and handed to the client in bulk with the headers that it writes, so many in each transaction.
"""

import json
import sys
import time
from dataclasses import asdict

import numpy as np

from benchmarks.by_hand import bulk_producer, transaction
from benchmarks.rate import Rate
from benchmarks.shapes import EventMaker, Shape
from billing.event import EventRules
from billing.runtime.native.block import JoinedValues, chosen, joined, joined_if_any
from billing.runtime.native.producing import HeaderColumn
from processor.reading import EventReader, Rejection

_RECORDS = 20_000
_CLIENT = "bench-reject-floor"


def headers_of(rejections: list[Rejection]) -> list[HeaderColumn]:
    """Return the headers that records are rejected with."""
    same = np.zeros(len(rejections), np.int64)
    return [
        ("reason", joined([rejection.reason.encode() for rejection in rejections])),
        ("detail", joined([rejection.detail.encode() for rejection in rejections])),
        ("source-topic", chosen([b"incoming"], same)),
        ("source-partition", chosen([b"0"], same)),
        ("source-offset", joined([b"%d" % rejection.position for rejection in rejections])),
    ]


def main(servers: str, topic: str, seconds: float) -> Rate:
    """Reject for so long, and return the rate."""
    maker = EventMaker(Shape("rejected", malformed_share=1.0))
    lines = maker.make(_RECORDS).payloads
    payloads = JoinedValues([lines.at(row) for row in range(_RECORDS)])
    producer, bulk = bulk_producer(servers, topic, _CLIENT)
    reader, now_ms, done = EventReader(EventRules()), int(time.time() * 1_000), 0
    began, began_cpu = time.monotonic(), time.process_time()
    while time.monotonic() - began < seconds:
        with transaction(producer):
            rejections = reader.read(payloads, now_ms).rejections
            values = joined([lines.at(rejection.position) for rejection in rejections])
            bulk.produce_each(topic, joined_if_any([None] * len(rejections)), values, headers_of(rejections))
        done += len(rejections)
    spent, cpu = time.monotonic() - began, time.process_time() - began_cpu
    return Rate(done / spent, cpu * 1e6 / done)


if __name__ == "__main__":
    print(json.dumps(asdict(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))))
