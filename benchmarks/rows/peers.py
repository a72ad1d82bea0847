"""The processor against the same job in Kafka Streams and in Flink."""

from benchmarks.figures import Figure, Outcome, at_least, at_most
from benchmarks.peer_jobs import PEERS, build, run_peer
from benchmarks.rows.processor import bare_rate, describe, plot_of
from benchmarks.runs import run_processor, run_summed, run_unread
from benchmarks.shapes import PLAIN
from benchmarks.stage import Stage

# How many times a peer's rate the processor's should be.
FACTORS = {"Kafka Streams, RocksDB": 8.0, "Flink, heap state": 2.7, "Flink, RocksDB state": 13.0}
CPU_SHARE = {"Flink, heap state": 0.35}


def against_peers(stage: Stage) -> Outcome:
    """The processor against Kafka Streams and Flink, warm, with the same input, checks and commit interval."""
    build()
    filled = stage.filled(PLAIN)
    # What it cannot be faster than, as long as it reads through Python, through librdkafka, and by its kernel.
    floors = {
        "bare*, which does nothing": bare_rate(stage, filled),
        "librdkafka, records unread": run_unread(stage, filled),
        "summed in memory, no State, no commit": run_summed(stage, filled),
    }
    rates = {**floors, "processor": run_processor(stage, filled).rate}
    ours, figures, memory = rates["processor"], [], []
    for peer in PEERS:
        rate, peak_mib = run_peer(stage, filled, peer)
        rates[peer.name] = rate
        memory.append(f"{peer.name}: {peer.guarantee}, {peak_mib:.0f} MiB at most")
        ratio = ours.events_per_second / rate.events_per_second
        cpu = ours.cpu_micros_per_event / rate.cpu_micros_per_event
        figures.append(Figure("processor", peer.name, ratio, at_least(FACTORS[peer.name])))
        aim = at_most(CPU_SHARE[peer.name]) if peer.name in CPU_SHARE else None
        figures.append(Figure("CPU per event", peer.name, cpu, aim))
        for name, floor in floors.items() if peer.name in CPU_SHARE else ():
            figures.append(Figure(name, peer.name, floor.events_per_second / rate.events_per_second))
            share = floor.cpu_micros_per_event / rate.cpu_micros_per_event
            figures.append(Figure(f"CPU per event: {name}", peer.name, share))
    return Outcome(figures, f"{describe(rates)}. {'. '.join(memory)}.", plot_of(rates))
