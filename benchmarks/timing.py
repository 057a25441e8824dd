"""Alternated timing: every contender runs in turn, so that a drift of the machine's speed meets all alike."""

import statistics
import time
from collections.abc import Callable, Mapping


def alternate(
    contenders: Mapping[str, Callable[[], object]], rounds: int, *, warm_up: bool = True
) -> dict[str, list[float]]:
    """Run each contender once to warm up, then ``rounds`` times in turn; return the seconds of each run."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values() if warm_up else ():
        contender()
    for _ in range(rounds):
        for name, contender in contenders.items():
            started = time.perf_counter()
            contender()
            times[name].append(time.perf_counter() - started)
    return times


def report(title: str, times: Mapping[str, list[float]], ours: str, work: float, unit: str) -> None:
    """Print each contender's median and range, and how many times as fast ours is, pair by pair."""
    print(f"\n{title}")
    for name, seconds in times.items():
        rates = sorted(work / value for value in seconds)
        ratios = sorted(theirs / mine for theirs, mine in zip(seconds, times[ours], strict=True))
        ratio = "" if name == ours else f"   ours is {statistics.median(ratios):.2f} times as fast "
        spread = "" if name == ours else f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(
            f"  {name:34} {statistics.median(rates):10.1f} {unit} ({rates[0]:.1f} to {rates[-1]:.1f}){ratio}{spread}"
        )
