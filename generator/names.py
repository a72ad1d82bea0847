"""Who is billed: ten fixed names, or as many as are asked for, such as ``Charlie-000123``."""

from random import Random

NAMES = ("Anna", "Bruno", "Charlie", "Dora", "Emil", "Frida", "Gustav", "Hanna", "Ivan", "Julia")


def customer_name(index: int, count: int) -> str:
    """Return the name of customer `index` (from 0) of `count`: up to ten go by their first names alone."""
    return NAMES[index] if count <= len(NAMES) else f"{NAMES[index % len(NAMES)]}-{index:06d}"


def draw_customer(random: Random, count: int) -> str:
    """Return one of `count` customers. Those with a low index come up more often, so that a list has a top."""
    return customer_name(int(count * random.random() ** 1.5), count)
