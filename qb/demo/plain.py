"""For output that is not a terminal: one plain line every few seconds."""

from decimal import Decimal

from qb.demo.snapshot import Snapshot, money, short_path

EVERY_SECONDS = 5.0


def plain_line(snapshot: Snapshot) -> str:
    """Return the snapshot as one line."""
    facts = [snapshot.clock]
    if overview := snapshot.overview:
        events = overview["events"]
        total = sum((Decimal(month["total"]) for month in overview["months"]), Decimal(0))
        lag = overview["freshness"]["lag_records"]
        facts += [
            f"{money(total, overview['currency'])} {overview['currency']} of {events['accepted']:,} events",
            f"{events['per_second']:,.0f} events/s",
            f"lag {'unknown' if lag is None else lag}",
            f"rejected {events['rejected']:,}",
            f"duplicates {events['duplicates']:,}",
            f"taken back {events['voids'] + events['replaces']:,}",
            f"months closed {len(snapshot.seen.closes)}",
        ]
        if snapshot.seen.closes:
            title, text = snapshot.seen.closes[-1]
            facts.append(f"{title}: {text}")
    else:
        facts.append("no numbers yet")
    for one in snapshot.catch_ups:
        share = "" if one.share is None else f" ({one.share:.0%} done)"
        facts.append(f"catching up: {one.what}{share}")
    facts += [
        f"{one.name} {'restarted' if one.alive else 'down, restarts'} {one.restarts}x, see {short_path(one.log_file)}"
        for one in snapshot.standings
        if one.restarts
    ]
    return " | ".join(facts)
