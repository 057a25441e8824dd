"""Engines in processes of their own, so that the waiting threads of one take no time from another."""

import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from engines import engine


class Worker:
    """One engine: it is loaded in its process, and does nothing between its turns.

    Raises ImportError where the engine is not installed.
    """

    def __init__(self, name: str, weights: str, folder: Path, threads: int) -> None:
        self.name, self.weights = name, weights
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        arguments = (theirs, name, weights, folder, threads)
        context.Process(target=_serve, args=arguments, daemon=True).start()
        theirs.close()
        answer = self._connection.recv()
        if isinstance(answer, str):
            raise ImportError(answer)
        self.megabytes: float = answer

    @property
    def title(self) -> str:
        """Name and weights."""
        return f"{self.name} {self.weights}"

    def write(self, prompt: Sequence[int], count: int) -> list[int]:
        """Return the new tokens."""
        return self._ask(prompt, count)[0]

    def seconds(self, prompt: Sequence[int], count: int) -> float:
        """Return what writing them takes."""
        return self._ask(prompt, count)[1]

    def _ask(self, prompt: Sequence[int], count: int) -> tuple[list[int], float]:
        self._connection.send((prompt, count))
        ids, seconds = self._connection.recv()
        return ids, seconds


def _serve(connection: Connection, name: str, weights: str, folder: Path, threads: int) -> None:
    """Load the engine, then answer until the other end is closed."""
    torch.set_num_threads(threads)
    try:
        loaded = engine(name, weights, folder, threads)
    except ImportError as error:
        connection.send(str(error))
        return
    connection.send(loaded.megabytes)
    try:
        while True:
            prompt, count = connection.recv()
            started = time.perf_counter()
            ids = loaded.write(prompt, count)
            connection.send((ids, time.perf_counter() - started))
    except EOFError:
        return
