"""The closing of a month."""

from benchmarks.close_month import FIRST_MONTH, close, exact_total, fill
from benchmarks.figures import Figure, Outcome, Plot, at_most
from benchmarks.stage import Stage, settings_of
from benchmarks.truth import compare

# Often enough for the client's buffer to be full in both.
UPDATES = (6, 18)


def close_month(stage: Stage) -> Outcome:
    """Closing a month, files included; memory as each subtotal is published more often."""
    customers = stage.sizes.close_customers
    runs = {}
    for updates in UPDATES:
        name = stage.new_name("close")
        environment = stage.environment(name, f"{name}.incoming", 4)
        settings = settings_of({**environment, "QB_OUTPUT": str(stage.directory / name)})
        fill(settings, customers, 1, updates)
        runs[updates] = close(settings, FIRST_MONTH, ["taskset", "--cpu-list", ",".join(map(str, stage.cores))])
        totals = runs[updates].invoices, runs[updates].exact
        compare((customers, exact_total(customers, updates)), totals, "invoices")
    once, often = runs.values()
    figures = [
        Figure(f"closing {customers:,} customers", "", once.seconds, unit="s"),
        Figure("memory", "", once.peak_mib, unit="MiB"),
        Figure("memory with 3 times the records", "", often.peak_mib / once.peak_mib, at_most(1.1)),
    ]
    details = f"files of {once.files_bytes / 1e6:.0f} MB; issuing took {sum(once.close_seconds):.1f} s of it."
    lines = {
        "seconds": [(float(n), run.seconds) for n, run in runs.items()],
        "MiB": [(float(n), run.peak_mib) for n, run in runs.items()],
    }
    return Outcome(figures, details, Plot("s and MiB", lines, "records per subtotal"))
