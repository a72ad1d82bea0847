"""A session of the invoicer: all that it holds from taking the ledger over to leaving or losing it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace

from prometheus_client import CollectorRegistry

from billing.claim import Claim
from billing.client_names import ledger_group
from billing.period import month_calendar
from billing.runtime.kafka import ensure_topics
from billing.runtime.ledger_writer import LEDGER_PARTITION
from billing.runtime.logs import get_logger
from billing.runtime.partition_bounds import PartitionBounds
from billing.runtime.signals import StopFlag
from billing.runtime.topic_reader import Record, TopicReader
from billing.settings import Settings
from invoicer.accounts import Accounts
from invoicer.closer import Closer, CloseReport, LedgerWriter
from invoicer.due import ClosingRule
from invoicer.files.archive import Archive
from invoicer.files.keeper import FileKeeper
from invoicer.input_topic import InputTopic
from invoicer.input_watch import InputWatch
from invoicer.ledger_writer import KafkaLedgerWriter
from invoicer.metrics import InvoicerMetrics
from invoicer.months import Months
from invoicer.moving_watch import moving_watch
from invoicer.sources import LedgerPlaces, SubtotalsFeed, invoices_of, read_ledger
from invoicer.steps import Steps, ignore_step
from invoicer.witness import Confirmed, check_files, check_log, read_confirmed

logger = get_logger(__name__)

TOPICS = ("input", "keyed", "subtotals", "invoices")

_CATCH_UP_SECONDS = 30.0


@dataclass(frozen=True)
class Session:
    """What the parts of a session are to the one who runs it; `confirm` raises if another invoicer has taken over."""

    accounts: Accounts
    feed: SubtotalsFeed
    months: Months
    files: FileKeeper
    confirm: Callable[[], None]


@dataclass(frozen=True)
class Listeners:
    """Who is told of what: figures, how far a close is, and each step."""

    metrics: InvoicerMetrics
    report: Callable[[CloseReport], None] = lambda _: None
    steps: Steps = ignore_step


@contextmanager
def open_session(
    settings: Settings, listeners: Listeners, claim: Claim, stop: StopFlag, answer_seconds: float = 30.0
) -> Iterator[Session]:
    """Take the ledger over, read both topics to their ends, and be ready to close months.

    1. Unless this is its first session, leave if a newer invoicer has claimed the ledger meanwhile: don't fence it.
    2. Fence every other invoicer: from here on nobody else writes, and what one left open is undone.
    3. Claim the ledger, unless a newer one has done so between 1 and 2.
    4. Read the ledger, which is final now.
    5. Read the subtotals, which are newer than all that the ledger has billed.

    Args:
        settings: all of them.
        listeners: who is told.
        claim: that of this invoicer, the same one for all its sessions.
        stop: asked while it takes time.
        answer_seconds: how long to wait for a broker.

    Raises:
        FencedError: a newer invoicer has claimed the ledger.
        LedgerLostError: another one takes over at this moment; only the next session tells whether it is newer.
        OperatorError: the broker does not answer.
        RecordError: a record that this program can't read.
    """
    partitions = ensure_topics(settings, TOPICS, answer_seconds)
    with ExitStack() as resources:
        # Steps 1 to 3.
        writer = resources.enter_context(closing(KafkaLedgerWriter(settings, listeners.steps, stop)))
        _take_over(settings, writer, claim)

        # Steps 4 and 5.
        bounds = PartitionBounds(settings)

        def confirm() -> None:
            reached = Confirmed(_ledger_end(bounds, settings), claim.name)
            writer.confirm(ledger_group(settings), reached.place(settings))

        yield replace(_build(settings, listeners, partitions, writer, resources, stop), confirm=confirm)


def _take_over(settings: Settings, writer: KafkaLedgerWriter, claim: Claim) -> None:
    # Step 1. What an open transaction would change does not count: it is this one that may have to end it.
    if claim.has_predecessor:
        claim.check(read_confirmed(settings, settled=False).holder)

    # Step 2.
    writer.take_over()

    # Step 3. The ledger's end that was confirmed stays: nobody has compared it with the ledger yet.
    confirmed = read_confirmed(settings)
    claim.check(confirmed.holder)
    writer.confirm(ledger_group(settings), confirmed.claimed_by(claim.name).place(settings))


@contextmanager
def open_preview(settings: Settings, writer: LedgerWriter, stop: StopFlag) -> Iterator[Session]:
    """Read both topics to their ends; what is closed then, goes to `writer` and not to the ledger.

    A running invoicer does not notice.

    Raises:
        OperatorError: the broker does not answer.
        RecordError: a record that this program can't read.
    """
    partitions = ensure_topics(settings, TOPICS)
    with ExitStack() as resources:
        listeners = Listeners(InvoicerMetrics(CollectorRegistry()))
        yield _build(settings, listeners, partitions, writer, resources, stop)


def _build(
    settings: Settings,
    listeners: Listeners,
    partitions: Mapping[str, int],
    writer: LedgerWriter,
    resources: ExitStack,
    stop: StopFlag,
) -> Session:
    accounts = Accounts()
    bounds = PartitionBounds(settings)
    logs = bounds.logs(settings.invoices_topic, range(partitions["invoices"]))
    check_log(settings.invoices_topic, logs, LEDGER_PARTITION, read_confirmed(settings).ledger_end)
    places = read_ledger(settings, accounts, partitions["invoices"])
    accounts.check_currency(settings.currency)
    check_files(settings.output, accounts.closes)
    if torn := accounts.torn_month:
        logger.warning("a transaction was cut in two: going on from the invoices that are there", month=torn)
        accounts.resume(torn, invoices_of(torn, _ledger_from(settings, partitions["invoices"], places, torn)))
    feed = resources.enter_context(closing(SubtotalsFeed(settings, accounts, partitions["subtotals"], bounds)))
    while not feed.catch_up(_CATCH_UP_SECONDS, stop) and not stop.requested:
        logger.info("subtotals are being read", records=feed.records)
    logger.info("subtotals read", records=feed.records, customers=len(accounts.customers))
    rule = ClosingRule(
        out_of_orderness_ms=int(settings.out_of_orderness_seconds * 1_000),
        grace_ms=int(settings.grace_seconds * 1_000),
        idle_after_ms=int(settings.idle_after_seconds * 1_000),
    )
    months = Months(
        closer=Closer(
            accounts=accounts,
            writer=writer,
            clock=settings.clock,
            currency=settings.currency,
            chunk_invoices=settings.close_chunk_invoices,
            report=listeners.report,
            steps=listeners.steps,
        ),
        calendar=month_calendar(settings.time_zone),
        rule=rule,
        clock=settings.clock,
        watch=InputWatch(InputTopic(settings, bounds), rule.idle_after_ms, moving_watch(settings, bounds)),
        catch_up=lambda stop: feed.catch_up(_CATCH_UP_SECONDS, stop),
        before_close=lambda month: places.begin(month, _ledger_end(bounds, settings)),
        metrics=listeners.metrics,
    )
    archive = Archive(
        settings.output, lambda month: _ledger_from(settings, partitions["invoices"], places, month), listeners.steps
    )
    files = FileKeeper(archive, listeners.metrics, settings.check_interval_seconds)
    return Session(accounts, feed, months, files, confirm=lambda: None)


def _ledger_end(bounds: PartitionBounds, settings: Settings) -> int:
    return bounds.log_ends(settings.invoices_topic, [LEDGER_PARTITION])[LEDGER_PARTITION]


def _ledger_from(settings: Settings, partitions: int, places: LedgerPlaces, month: str) -> Iterator[Record]:
    start = {LEDGER_PARTITION: places.starts.get(month, 0)}
    with TopicReader(settings, settings.invoices_topic, partitions, start) as reader:
        for batch in reader.read_to_end():
            yield from batch
