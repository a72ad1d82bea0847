"""PromQL of the dashboards.

Two exporters, run for availability, show the same numbers, so every expression first folds what they show into one
(`max by`) and then adds up. Every selector carries the dashboard's `job` variable.
"""

from grafana.builder.money import Currency

RATE_INTERVAL = "$__rate_interval"


def select(metric: str, window: str = "", /, **labels: str) -> str:
    """Return a selector of a metric's series: of the chosen jobs, with these labels, over a window if one is given."""
    matchers = ['job=~"$job"', *(f'{name}="{value}"' for name, value in labels.items())]
    return f"{metric}{{{', '.join(matchers)}}}" + (f"[{window}]" if window else "")


def fold(expression: str, *labels: str) -> str:
    """Fold what several exporters show into one series for each combination of labels."""
    return f"max by ({', '.join(labels)}) ({expression})" if labels else f"max({expression})"


def rate(metric: str, *keep: str, **labels: str) -> str:
    """Return a counter's increase per second, by the labels to keep."""
    return fold(f"rate({select(metric, RATE_INTERVAL, **labels)})", *keep)


def slope(gauge: str, *keep: str, **labels: str) -> str:
    """Return a gauge's change per second, by the labels to keep; below zero while it falls."""
    return fold(f"deriv({select(gauge, RATE_INTERVAL, **labels)})", *keep)


def increase(metric: str, *keep: str, window: str, **labels: str) -> str:
    """Return a counter's increase over a window, by the labels to keep."""
    return fold(f"increase({select(metric, window, **labels)})", *keep)


def quantile(share: float, histogram: str, *keep: str, **labels: str) -> str:
    """Return a histogram's quantile, by the labels to keep."""
    buckets = f"sum by ({', '.join(('le', *keep))}) (rate({select(histogram + '_bucket', RATE_INTERVAL, **labels)}))"
    return f"histogram_quantile({share}, {buckets})"


def of_month(metric: str, period: str, **labels: str) -> str:
    """Return a monthly gauge in the `open` or the `previous` month, by event type.

    Which month that is no label of the gauge tells; `billing_month_info` is joined for it.
    """
    value = fold(select(metric, **labels), "event_type", "month")
    months = fold(select("billing_month_info", period=period), "month")
    return f"sum by (event_type) ({value} * on (month) group_left () {months})"


class MoneyQueries:
    """The expressions about money, whose metric names depend on the currency."""

    def __init__(self, currency: Currency) -> None:
        self.subtotal = f"billing_subtotal_{currency.metric_suffix}"
        self.invoiced = f"billing_invoiced_{currency.metric_suffix}"

    def revenue(self, period: str, **labels: str) -> str:
        """Return the revenue of the open or the previous month, by event type."""
        return of_month(self.subtotal, period, **labels)

    def average_price(self, period: str, **labels: str) -> str:
        """Return revenue by event of a month, by event type; no number for a month without events."""
        return f"{self.revenue(period, **labels)} / ({events(period, **labels)} > 0)"

    def revenue_per_hour(self, **labels: str) -> str:
        """Return by event type how fast revenue grows, as it arrives; a credit counts down."""
        return f"sum by (event_type) ({slope(self.subtotal, 'event_type', 'month', **labels)}) * 3600"

    def recent_price(self, window: str, **labels: str) -> str:
        """Return by event type the average price of the events counted within a window."""
        money = fold(f"delta({select(self.subtotal, window, **labels)})", "event_type", "month")
        count = fold(f"delta({select('billing_subtotal_events', window, **labels)})", "event_type", "month")
        return f"sum by (event_type) ({money}) / (sum by (event_type) ({count}) > 0)"


def events(period: str, **labels: str) -> str:
    """Return the number of events of the open or the previous month, by event type."""
    return of_month("billing_subtotal_events", period, **labels)


def total(expression: str) -> str:
    """Add up what is left."""
    return f"sum({expression})"


def rejected_share() -> str:
    """Return the share of the events read that were refused."""
    return f"{total(rate('billing_events_rejected_total', 'reason'))} / {consumed_rate()}"


def duplicate_share() -> str:
    """Return the share of the records read that repeated another."""
    return f"{rate('billing_events_duplicate_total')} / {consumed_rate()}"


def billed_rate(**labels: str) -> str:
    """Return the events billed per second less those taken back, by event type."""
    return slope("billing_events_billed", "event_type", **labels)


def late_share() -> str:
    """Return the share of the events read that were late."""
    return f"{rate('billing_events_late_total')} / {consumed_rate()}"


def consumed_rate() -> str:
    """Return the events read per second; no number when none were."""
    return f"({total(rate('billing_events_consumed_total', 'partition'))} > 0)"


def commit_age() -> str:
    """Return the seconds since the newest commit of any partition."""
    return f"time() - {fold(select('billing_last_commit_timestamp_seconds'))}"
