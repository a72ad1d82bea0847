"""Events as metrics: billed, taken back, rejected, how far each input partition is, and whether the books agree."""

from collections.abc import Mapping

from billing.subtotal import Progress
from billing.sums import of_slot
from exporter.metrics.family import Family, Row, counter, gauge, single
from exporter.model.input_ends import InputEnds
from exporter.model.view import View

_PARTITION = ("partition",)


def flow(view: View) -> list[Family]:
    """Return what the progress records and the sums tell."""
    progress = view.progress()
    return [*_events(view, progress), *_partitions(progress), *_imbalance(view)]


def ends(known: InputEnds, next_offsets: Mapping[int, int]) -> list[Family]:
    """Return how far the input reaches, and how much of it is not counted yet."""
    return [
        gauge("billing_log_end_offset", "End of the input partition", _PARTITION,
              [((str(partition),), end) for partition, end in sorted(known.offsets.items())]),
        gauge("billing_lag_records", "Input records not counted yet", _PARTITION,
              [((str(partition),), lag) for partition, lag in sorted(known.lag(next_offsets).items())]),
        gauge("billing_unmoved_records", "Input records not moved yet", _PARTITION,
              [((str(partition),), records) for partition, records in sorted((known.unmoved or {}).items())]),
        gauge("billing_moved_offset", "Offset up to which the input partition is moved", _PARTITION,
              [((str(partition),), offset) for partition, offset in sorted(known.moved.items())]),
    ]  # fmt: skip


def _events(view: View, progress: Mapping[int, Progress]) -> list[Family]:
    billed: list[Row] = [((name,), of_slot(view.sums, slot)[1]) for slot, name in enumerate(view.types.names)]
    taken_back: list[Row] = [
        (("void",), sum(one.voids for one in progress.values())),
        (("replacement",), sum(one.replaces for one in progress.values())),
    ]
    return [
        gauge("billing_events_billed", "Events accepted and not taken back", ("event_type",), billed),
        single(counter, "billing_events_accepted", "Records billed: events, voids and replacements",
               sum(one.accepted for one in progress.values())),
        counter("billing_events_taken_back", "Events that a void took back, or a replacement", ("by",), taken_back),
        single(counter, "billing_events_duplicate", "Records that repeated an id with the same content",
               sum(one.duplicates for one in progress.values())),
        counter("billing_events_rejected", "Rejected records", ("reason",),
                [((reason,), count) for reason, count in view.rejected().items()]),
        single(counter, "billing_events_late",
               "Accepted events further behind the watermark than out_of_orderness_seconds",
               sum(one.late for one in progress.values())),
    ]  # fmt: skip


def _partitions(progress: Mapping[int, Progress]) -> list[Family]:
    by_label = [((str(partition),), one) for partition, one in progress.items()]
    return [
        counter("billing_events_consumed", "Records read: accepted, rejected and duplicates", _PARTITION,
                [(label, one.consumed) for label, one in by_label]),
        gauge("billing_next_offset", "Offset after the last record counted", _PARTITION,
              [(label, one.next_offset) for label, one in by_label]),
        gauge("billing_watermark_timestamp_seconds", "Highest event time accepted", _PARTITION,
              [(label, one.watermark_ms / 1_000) for label, one in by_label if one.watermark_ms >= 0]),
        gauge("billing_last_commit_timestamp_seconds", "Wall clock at the processor's newest commit", _PARTITION,
              [(label, one.committed_ms / 1_000) for label, one in by_label if one.committed_ms >= 0]),
    ]  # fmt: skip


def _imbalance(view: View) -> list[Family]:
    off = view.imbalance()
    return [
        gauge("billing_conservation_difference_micros",
              "How far sums over customers and over hours are off the sum of accepted amounts", ("check",),
              [(("customers",), off.customers_micros), (("hours",), off.hours_micros)]),
        gauge("billing_conservation_difference_records",
              "How far counts over customers and over hours are off the count of events billed", ("check",),
              [(("customers",), off.customers_records), (("hours",), off.hours_records)]),
    ]  # fmt: skip
