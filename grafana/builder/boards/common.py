"""Panels that several dashboards share, so that they mean the same everywhere."""

from grafana.builder import Json
from grafana.builder.money import Currency
from grafana.builder.panels import prometheus_target, stat, timeseries, yes_no
from grafana.builder.promql import (
    commit_age,
    consumed_rate,
    fold,
    late_share,
    quantile,
    rate,
    rejected_share,
    select,
    total,
)

# The alerts' thresholds (prometheus/rules): a commit within 2 minutes, a total within 10 seconds, 0.6 % and 1.44 % of
# the rejected records.
COMMIT_AGE_STEPS = ((None, "green"), (30, "orange"), (120, "red"))
VISIBLE_DELAY_STEPS = ((None, "green"), (2, "orange"), (10, "red"))
REJECTED_STEPS = ((None, "green"), (0.006, "orange"), (0.0144, "red"))
BACKLOG_STEPS = ((None, "green"), (60, "orange"), (300, "red"))
# Of the month before: reached is good news at any time of the month.
REACHED_STEPS = ((None, "blue"), (1, "green"))
ZERO_IS_GOOD = ((None, "green"), (1, "red"))


def against_month_before(currency: Currency, now: str, before: str) -> list[Json]:
    """Return revenue of the month before, and how much of it the open month has reached; both are PromQL."""
    return [
        stat(
            "Revenue, month before",
            "Total of the whole month before the open one. Late events may still change it until it is invoiced.",
            prometheus_target(before, instant=True),
            unit=currency.exact_unit,
            decimals=currency.digits,
            no_value="no month before",
        ),
        stat(
            "Reached of the month before",
            "This month's revenue as a share of all of the month before. Green once it is reached. For the month "
            "before up to the same day see the event-time row.",
            prometheus_target(f"{now} / ({before} > 0)", instant=True),
            unit="percentunit",
            decimals=1,
            steps=REACHED_STEPS,
            no_value="no month before",
        ),
    ]


def freshness() -> list[Json]:
    """Return four numbers that say whether the totals on this dashboard can be relied on right now."""
    return [ready(), newest_commit(), visible_delay(), backlog()]


def ready() -> Json:
    """Return whether the exporter has read everything."""
    return stat(
        "Totals known",
        "Whether the exporter has read the subtotals topic to its end. Until then it shows no totals rather than "
        "too small ones.",
        prometheus_target(f"min({select('billing_ready')})", instant=True),
        unit="none",
        mappings=yes_no("yes", "catching up"),
    )


def newest_commit() -> Json:
    """Return how long ago anything was counted."""
    return stat(
        "Newest commit",
        "How long ago the processor last committed what it counted. It grows while no events arrive; with events "
        "arriving it stays below a second or two. Red from the alert's 2 minutes on.",
        prometheus_target(commit_age(), instant=True),
        unit="s",
        decimals=1,
        steps=COMMIT_AGE_STEPS,
    )


def visible_delay() -> Json:
    """Return how long an event takes to show."""
    return stat(
        "Event to total, 99 %",
        "Within this time 99 of 100 events get from Kafka into the totals shown. Red from the alert's 10 seconds on.",
        prometheus_target(quantile(0.99, "billing_visible_delay_seconds")),
        unit="s",
        decimals=2,
        steps=VISIBLE_DELAY_STEPS,
        no_value="no events",
    )


def backlog() -> Json:
    """Return the unread input as time."""
    lag = total(fold(select("billing_lag_records"), "partition"))
    return stat(
        "Backlog",
        "How long the waiting input takes to count at the present rate. Totals lack that much. Red from the alert's "
        "5 minutes on.",
        prometheus_target(f"{lag} / {consumed_rate()}"),
        unit="s",
        decimals=1,
        steps=BACKLOG_STEPS,
        no_value="no events",
    )


def rejected_share_stat() -> Json:
    """Return the share of events that cannot be billed."""
    return stat(
        "Rejected",
        "Share of the events read lately that cannot be billed and wait in `billing.rejected`. All types together: "
        "what can't be read has no type. Orange and red where the burn-rate alerts begin.",
        prometheus_target(rejected_share()),
        unit="percentunit",
        decimals=2,
        steps=REJECTED_STEPS,
        no_value="no events",
    )


def late_share_stat() -> Json:
    """Return the share of events that came late."""
    return stat(
        "Late",
        "Share of the events read lately that came later than the allowed out-of-orderness. They are billed all the "
        "same; for a month that is already invoiced they become an adjustment. All types together.",
        prometheus_target(late_share()),
        unit="percentunit",
        decimals=2,
        steps=((None, "green"), (0.01, "orange"), (0.05, "red")),
        no_value="no events",
    )


def late_and_rejected() -> Json:
    """Return late and rejected events over time."""
    return timeseries(
        "Late and rejected events",
        "Late and rejected events per second, by reason. All types together.",
        [
            prometheus_target(rate("billing_events_rejected_total", "reason"), "rejected: {{reason}}"),
            prometheus_target(rate("billing_events_late_total"), "late"),
        ],
        unit="eps",
        legend_values=["lastNotNull", "max"],
    )
