"""The fold: what records of one input partition add, and which of them are late.

The same records give the same result however they are cut into batches.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from billing.event import EventRules
from billing.period import MonthCalendar
from billing.sums import NO_SUMS, Sums
from processor.once import OnceRules
from processor.reading import Rejection


@dataclass(frozen=True)
class FoldRules:
    """What a fold keeps to.

    Args:
        events: what an event must keep to.
        calendar: the billing periods.
        out_of_orderness_ms: how far behind the watermark an event still counts as in time.
        once: how ids are kept.
    """

    events: EventRules
    calendar: MonthCalendar
    out_of_orderness_ms: int
    once: OnceRules = field(default_factory=OnceRules)


@dataclass
class Fold:
    """What a batch adds to a partition, besides the sums themselves.

    Args:
        watermark_ms: the highest event time of the partition after the batch; -1 without any.
        accepted: the sums of all events, packed in the order of the rules' types.
        taken: the sums of the events that are taken back, as they change the others: none of them is above 0 in count.
        late: how many events lay more than `out_of_orderness` behind the watermark when they came.
        rejections: the records that cannot be billed, in offset order; duplicates among them if they are kept.
        rejected: by reason, how many of these are no duplicates.
        duplicates: how many records repeated others.
        voids: how many records took an event back.
        replaces: how many events took the place of others.
        exact: how many records were read one by one.
    """

    watermark_ms: int = -1
    accepted: Sums = NO_SUMS
    taken: Sums = NO_SUMS
    late: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    rejected: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0
    voids: int = 0
    replaces: int = 0
    exact: int = 0
