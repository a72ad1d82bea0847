"""The operations dashboard: is everything that arrives counted, correctly and soon?"""

from billing.settings import Settings
from grafana.builder import Json
from grafana.builder.boards.common import (
    BACKLOG_STEPS,
    COMMIT_AGE_STEPS,
    REJECTED_STEPS,
    VISIBLE_DELAY_STEPS,
    ZERO_IS_GOOD,
    freshness,
)
from grafana.builder.boards.event_time import columns
from grafana.builder.dashboard import OPERATIONS_UID, Board
from grafana.builder.json_source import json_target
from grafana.builder.layout import Section, in_line, sized
from grafana.builder.panels import override, prometheus_target, stat, state_timeline, table, timeseries, yes_no
from grafana.builder.promql import consumed_rate, duplicate_share, fold, late_share, quantile, rate, select, total

_NOT_MOVED = "records are counted where they are"
QUANTILES = ((0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"))


def board(settings: Settings) -> Board:
    """Return the operations dashboard."""
    return Board(
        uid=OPERATIONS_UID,
        title="Billing: operations",
        description="Health, lag, freshness, books and the inner life of exporter, processor and invoicer.",
        since="now-3h",
        sections=[
            Section("", [*in_line([_alerts(), *freshness(), _conservation()], 4), *_parts()]),
            Section("Input and lag", [sized(panel, 12, 8) for panel in _flow()]),
            Section("Books and rejected records", [sized(panel, 12, 8) for panel in _books()]),
            Section("Each event once", [sized(panel, 8, 8) for panel in _once()]),
            Section("Processor", [sized(panel, 8, 8) for panel in _processor()]),
            Section("Exporter", [sized(panel, 8, 8) for panel in _exporter()]),
            Section("Invoicer", in_line(_invoicer(), 4)),
            Section("Partitions and reasons, exactly (JSON data source)", _exact()),
        ],
    )


def _alerts() -> Json:
    return stat(
        "Alerts firing",
        "Alerts of the rules in prometheus/rules that fire now. Each names its section of the runbook.",
        prometheus_target('count(ALERTS{alertname=~"Billing.+", alertstate="firing"}) or vector(0)', instant=True),
        unit="locale",
        decimals=0,
        steps=ZERO_IS_GOOD,
    )


def _conservation() -> Json:
    differences = [f"max(abs({select(f'billing_conservation_difference_{unit}')}))" for unit in ("micros", "records")]
    return stat(
        "Books off by",
        "The largest difference that the conservation checks find: micros, and records. Anything but 0 for 2 minutes "
        "is an alert.",
        prometheus_target(" + ".join(differences), instant=True),
        unit="locale",
        decimals=0,
        steps=ZERO_IS_GOOD,
    )


def _parts() -> list[Json]:
    timeline = state_timeline(
        "Parts",
        "Whether each process answered Prometheus, over time.",
        [prometheus_target('up{job=~"$job"}', "{{job}} {{instance}}")],
        unit="none",
        mappings=yes_no("up", "down"),
    )
    versions = table(
        "Versions",
        "The version that each process runs. They should differ during an update only.",
        [prometheus_target(select("billing_build_info"), instant=True, table=True)],
        unit="none",
        transformations=columns({"job": "Job", "instance": "Instance", "version": "Version"}),
    )
    access = state_timeline(
        "Access",
        "Whether each process asks who one is, or is reached by its own machine alone. If it is open to the network "
        "instead, an alert fires.",
        [prometheus_target(select("billing_access_control"), "{{job}} {{instance}}")],
        unit="none",
        mappings=yes_no("controlled", "open"),
    )
    return [sized(timeline, 10, 7), sized(access, 7, 7), sized(versions, 7, 7)]


def _flow() -> list[Json]:
    lag = total(fold(select("billing_lag_records"), "partition"))
    return [
        timeseries(
            "Events read per second",
            "Records accepted and rejected, and duplicates, per second, by input partition.",
            [prometheus_target(rate("billing_events_consumed_total", "partition"), "partition {{partition}}")],
            stacked=True,
            unit="eps",
            legend_values=["lastNotNull", "max"],
        ),
        timeseries(
            "Lag",
            "Input records not counted yet, by input partition. One partition alone behind the others: a processor "
            "that stalls, or a key that outweighs all others.",
            [prometheus_target(fold(select("billing_lag_records"), "partition"), "partition {{partition}}")],
            stacked=True,
            unit="locale",
            decimals=0,
            legend_values=["lastNotNull", "max"],
        ),
        timeseries(
            "Backlog",
            "How long the waiting records take to count at the present rate. The alert begins at 5 minutes.",
            [prometheus_target(f"{lag} / {consumed_rate()}", "backlog")],
            unit="s",
            steps=BACKLOG_STEPS,
            limits=True,
        ),
        timeseries(
            "From event to total",
            "Time from Kafka taking an event to its total being served. The alert begins at 10 seconds for 1 in 100.",
            [prometheus_target(quantile(share, "billing_visible_delay_seconds"), name) for share, name in QUANTILES],
            unit="s",
            steps=VISIBLE_DELAY_STEPS,
            limits=True,
            legend_values=["lastNotNull", "max"],
        ),
        timeseries(
            "Age of the newest commit",
            "Time since the processor last committed, by input partition. It may grow where nothing arrives.",
            [
                prometheus_target(
                    f"time() - {fold(select('billing_last_commit_timestamp_seconds'), 'partition')}",
                    "partition {{partition}}",
                )
            ],
            unit="s",
            steps=COMMIT_AGE_STEPS,
            limits=True,
        ),
        timeseries(
            "Age of the watermark",
            "The wall clock less the highest event time, by input partition. In a simulation, whose clock is another, "
            "only the differences between partitions mean something.",
            [
                prometheus_target(
                    f"time() - {fold(select('billing_watermark_timestamp_seconds'), 'partition')}",
                    "partition {{partition}}",
                )
            ],
            unit="s",
        ),
        timeseries(
            "Waiting to be moved",
            "With dedup_scope topic: input records not moved to the keyed topic yet, by input partition. They are not "
            "in the lag. Many of them while none is moved is an alert.",
            [prometheus_target(fold(select("billing_unmoved_records"), "partition"), "partition {{partition}}")],
            stacked=True,
            unit="locale",
            decimals=0,
            no_value=_NOT_MOVED,
            legend_values=["lastNotNull", "max"],
        ),
        timeseries(
            "Moved per second",
            "With dedup_scope topic: records moved to the keyed topic per second, by processor.",
            [prometheus_target(rate("billing_processor_moved_records_total", "instance"), "{{instance}}")],
            stacked=True,
            unit="rps",
            no_value=_NOT_MOVED,
            legend_values=["lastNotNull", "max"],
        ),
    ]


def _books() -> list[Json]:
    windows = ("5m", "30m", "1h", "6h")
    return [
        timeseries(
            "Share of events rejected",
            "Rejected events as a share of those read, over the windows of the burn-rate alerts. The lines are 6 and "
            "14.4 times the budget of one in a thousand.",
            [prometheus_target(f"billing:events_rejected:ratio_rate{window}", window) for window in windows],
            unit="percentunit",
            steps=REJECTED_STEPS,
            limits=True,
            legend_values=["lastNotNull", "max"],
        ),
        timeseries(
            "Rejected events by reason",
            "Events per second that went to the topic of rejected records.",
            [prometheus_target(rate("billing_events_rejected_total", "reason"), "{{reason}}")],
            stacked=True,
            unit="eps",
            legend_values=["lastNotNull", "max"],
        ),
        timeseries(
            "Share of events late",
            "Accepted events that came later than the allowed out-of-orderness, as a share of those read.",
            [prometheus_target(late_share(), "late")],
            unit="percentunit",
        ),
        timeseries(
            "Conservation checks",
            "How far the sums over customers and over hours are off the accepted amounts, in micros, and the counts "
            "off the number of events billed, in records. Always 0.",
            [
                prometheus_target(
                    fold(f"abs({select(f'billing_conservation_difference_{unit}')})", "check"),
                    f"{{{{check}}}}, {unit}",
                )
                for unit in ("micros", "records")
            ],
            unit="locale",
            steps=ZERO_IS_GOOD,
        ),
    ]


def _once() -> list[Json]:
    refused = ("id_conflict", "too_old_to_deduplicate", "unknown_id", "already_voided")
    return [
        timeseries(
            "Share of duplicates",
            "Records that repeated an id with the same content, as a share of those read. They change nothing; many of "
            "them are a sender that sends again without need.",
            [prometheus_target(duplicate_share(), "duplicates")],
            unit="percentunit",
            no_value="no events",
        ),
        timeseries(
            "Voids and replacements",
            "Events taken back per second: by a void, or by an event that takes the place.",
            [prometheus_target(rate("billing_events_taken_back_total", "by"), "{{by}}")],
            stacked=True,
            unit="eps",
            legend_values=["lastNotNull", "max"],
        ),
        timeseries(
            "Id conflicts and refused voids",
            "Records rejected per second for what came before them: an id used for another event, an event too old to "
            "tell a duplicate, a void or replacement of an id that is not known or was voided before.",
            [
                prometheus_target(rate("billing_events_rejected_total", "reason", reason=reason), "{{reason}}")
                for reason in refused
            ],
            stacked=True,
            unit="eps",
            legend_values=["lastNotNull", "max"],
        ),
        timeseries(
            "Ids without a key",
            "Records per second that have an id and no key, by processor. A repeat of one may reach another input "
            "partition and count again. Any is an alert.",
            [prometheus_target(rate("billing_processor_unkeyed_ids_total", "instance"), "{{instance}}")],
            unit="eps",
            steps=ZERO_IS_GOOD,
        ),
        timeseries(
            "Ids known",
            "Ids within the window, by processor. Level once the window's days have passed, unless more events come.",
            [prometheus_target(select("billing_processor_known_ids"), "{{instance}}")],
            stacked=True,
            unit="locale",
            decimals=0,
            legend_values=["lastNotNull", "max"],
        ),
        timeseries(
            "Memory of ids",
            "Memory that the ids within the window take, by processor.",
            [prometheus_target(select("billing_processor_known_ids_memory_bytes"), "{{instance}}")],
            stacked=True,
            unit="bytes",
            legend_values=["lastNotNull", "max"],
        ),
    ]


def _per_event(histogram: str) -> str:
    """Return the mean of a histogram's observations."""
    return f"{total(rate(histogram + '_sum', 'instance'))} / ({total(rate(histogram + '_count', 'instance'))} > 0)"


def _processor() -> list[Json]:
    by_instance = "{{instance}}"
    return [
        timeseries(
            "Commits",
            "How long a commit takes: state, subtotals and transaction. It delays everything that arrives meanwhile.",
            [
                prometheus_target(quantile(share, "billing_processor_commit_duration_seconds"), name)
                for share, name in QUANTILES
            ],
            unit="s",
            legend_values=["lastNotNull", "max"],
        ),
        timeseries(
            "Folds",
            "How long it takes to add a batch of events up.",
            [
                prometheus_target(quantile(share, "billing_processor_fold_duration_seconds"), name)
                for share, name in QUANTILES
            ],
            unit="s",
            legend_values=["lastNotNull", "max"],
        ),
        timeseries(
            "Records per fold",
            "Mean size of a batch. It grows with the load, because a batch is whatever is waiting.",
            [prometheus_target(_per_event("billing_processor_fold_records"), "events")],
            unit="locale",
            decimals=1,
        ),
        timeseries(
            "Subtotals published per second",
            "Records written to the subtotals topic: one for each customer and month, and each quarter of a day, that "
            "changed in a commit.",
            [prometheus_target(rate("billing_processor_subtotals_published_total", "instance"), by_instance)],
            unit="wps",
        ),
        timeseries(
            "Partitions owned",
            "Input partitions by processor. Their sum is the number of input partitions.",
            [prometheus_target(select("billing_processor_assigned_partitions"), by_instance)],
            stacked=True,
            unit="locale",
            decimals=0,
        ),
        timeseries(
            "Entries in memory",
            "Customer-months and quarters of a day whose sums a processor keeps between commits.",
            [prometheus_target(select("billing_processor_hot_entries"), by_instance)],
            unit="locale",
            decimals=0,
        ),
        state_timeline(
            "Recovery",
            "Red while a processor restores its state from the changelog: nothing of its partitions is counted then.",
            [prometheus_target(f"1 - {select('billing_processor_recovering')}", by_instance)],
            unit="none",
            mappings=yes_no("working", "recovering"),
        ),
        timeseries(
            "Changelog records to restore",
            "How much of the changelog a recovery has still to read; 0 otherwise.",
            [prometheus_target(select("billing_processor_restore_remaining_records"), by_instance)],
            unit="locale",
            decimals=0,
        ),
        timeseries(
            "Age of the newest commit, by processor",
            "Time since each processor last committed, as it says itself.",
            [prometheus_target(f"time() - {select('billing_processor_last_commit_timestamp_seconds')}", by_instance)],
            unit="s",
            steps=COMMIT_AGE_STEPS,
            limits=True,
        ),
    ]


def _exporter() -> list[Json]:
    http = "billing_exporter_http_request_duration_seconds"
    return [
        timeseries(
            "Requests per second",
            "Answers by status code.",
            [prometheus_target(f"sum by (code) (rate({select(http + '_count', '$__rate_interval')}))", "{{code}}")],
            stacked=True,
            unit="reqps",
            legend_values=["lastNotNull", "max"],
        ),
        timeseries(
            "Answer time by route, 99 %",
            "99 of 100 answers of a route take no longer.",
            [prometheus_target(quantile(0.99, http, "route"), "{{route}}")],
            unit="s",
            legend_values=["lastNotNull", "max"],
        ),
        timeseries(
            "Records read per second",
            "Records that the exporter reads, by topic.",
            [
                prometheus_target(
                    rate("billing_exporter_records_read_total", "topic", "instance"), "{{topic}} {{instance}}"
                )
            ],
            unit="rps",
            legend_values=["lastNotNull", "max"],
        ),
        timeseries(
            "Series",
            "Money series shown, and those left out by the limit. Anything left out is an alert.",
            [
                prometheus_target(select("billing_exporter_series"), "shown by {{instance}}"),
                prometheus_target(select("billing_exporter_series_dropped"), "left out by {{instance}}"),
            ],
            unit="locale",
            decimals=0,
        ),
        timeseries(
            "Rendering /metrics",
            "Time of the newest rendering. Once for each change, however many scrape it.",
            [prometheus_target(select("billing_exporter_render_duration_seconds"), "{{instance}}")],
            unit="s",
        ),
        stat(
            "Unreadable records",
            "Records that could not be decoded since the exporter's start, such as those of another version. Totals "
            "may lack them.",
            prometheus_target(f"sum({select('billing_exporter_records_unreadable_total')})", instant=True),
            unit="locale",
            decimals=0,
            steps=ZERO_IS_GOOD,
            no_value="none",
        ),
    ]


def _invoicer() -> list[Json]:
    return [
        stat(
            "Months overdue",
            "Months past their due time that are not closed. An alert fires after an hour.",
            prometheus_target(fold(select("billing_invoicer_months_due")), instant=True),
            unit="locale",
            decimals=0,
            steps=((None, "green"), (1, "orange"), (2, "red")),
        ),
        stat(
            "Months without all files",
            "Closed months whose invoice files are not complete. The invoices are safe in their topic.",
            prometheus_target(fold(select("billing_invoicer_months_unwritten")), instant=True),
            unit="locale",
            decimals=0,
            steps=ZERO_IS_GOOD,
        ),
        stat(
            "File failures",
            "Attempts to write invoice files that failed within the time range.",
            prometheus_target(
                f"sum(increase({select('billing_invoicer_file_failures_total', '$__range')}))", instant=True
            ),
            unit="locale",
            decimals=0,
            steps=ZERO_IS_GOOD,
        ),
        stat(
            "Closing",
            "Whether a month is being closed right now.",
            prometheus_target(fold(select("billing_invoicer_closing")), instant=True),
            unit="none",
            mappings=[
                {
                    "type": "value",
                    "options": {
                        "0": {"text": "no", "color": "text", "index": 0},
                        "1": {"text": "yes", "color": "blue", "index": 1},
                    },
                }
            ],
        ),
        stat(
            "Newest round",
            "Time since the invoicer last looked for due months. Red from the alert's 15 minutes on.",
            prometheus_target(
                f"time() - {fold(select('billing_invoicer_last_check_timestamp_seconds'))}", instant=True
            ),
            unit="s",
            decimals=0,
            steps=((None, "green"), (300, "orange"), (900, "red")),
        ),
        stat(
            "Time to close a month",
            "Mean over the months closed since the invoicer's start.",
            prometheus_target(
                f"sum({select('billing_invoicer_close_duration_seconds_sum')})"
                f" / (sum({select('billing_invoicer_close_duration_seconds_count')}) > 0)",
                instant=True,
            ),
            unit="s",
            decimals=1,
            no_value="none closed",
        ),
    ]


def _exact() -> list[Json]:
    titles = {
        "partition": "Partition",
        "next_offset": "Next offset",
        "log_end_offset": "End of log",
        "lag": "Lag",
        "watermark": "Watermark",
        "last_commit": "Newest commit",
        "accepted": "Accepted",
        "rejected": "Rejected",
        "duplicates": "Duplicates",
        "voids": "Voids",
        "replaces": "Replacements",
    }
    partitions = table(
        "Input partitions",
        "What the processor's progress records say: up to where each partition is counted, and how many events.",
        [json_target("freshness")],
        unit="none",
        decimals=0,
        transformations=columns(titles),
        overrides=[override("Watermark", unit="dateTimeAsIso"), override("Newest commit", unit="dateTimeAsIso")],
    )
    reasons = table(
        "Rejected events",
        "Rejected records by reason, since the beginning.",
        [json_target("rejected")],
        sort_by="Records",
        unit="locale",
        decimals=0,
        transformations=columns({"reason": "Reason", "records": "Records"}),
    )
    return [sized(partitions, 16, 8), sized(reasons, 8, 8)]
