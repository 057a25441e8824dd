"""What a kernel does with rows of matrices, as numba intrinsics.

A row of ``width`` floats (a multiple of 16) is worked on strip by strip, through all rows that take part. A strip is an
LLVM vector of as many floats as a register has: 16 with AVX-512, otherwise 8 (one register of AVX2, two of NEON or
SSE), so that nothing is spilled. Multiply-adds are `llvm.fmuladd`, which LLVM may fuse where the processor can;
`llvm.fma` would call a library function where it cannot.

Matrices come flat, aligned to 64 bytes, with rows padded to ``width``; a row is named by the offset of its first float.
``width`` and ``count``, the number of outputs, are constants. Rows that will soon be needed are asked for line by line,
so that what is fetched and what is computed share the time.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from headway.training.word2vec.sigmoid import LARGEST, STEPS

_HOST = get_host_cpu_features().flatten()
LANES = 16 if "+avx512f" in os.environ.get("NUMBA_CPU_FEATURES", _HOST) else 8
ALIGNMENT = 4 * LANES  # bytes
LINE = 16  # floats of a cache's line

_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)
_INT, _LONG = ir.IntType(32), ir.IntType(64)
_INTS = ir.VectorType(_INT, LANES)
_BYTES = ir.IntType(8).as_pointer()
_ZEROS = ir.Constant(_VECTOR, None)
_SCALE = STEPS / (2 * LARGEST)

Code = Callable[[Any, Any, Any, Any], Any]  # what writes LLVM code: (context, builder, signature, values)


def stride(count: int) -> int:
    """Return how far apart in memory the errors of two inputs begin, each with ``count`` outputs."""
    return -(-count // LANES) * LANES


@intrinsic(prefer_literal=True)
def prefetch_row(typing: Any, matrix: Any, place: Any, width: Any) -> tuple[Any, Code]:
    """Ask for a row that will soon be read and written."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        row = _Array(context, builder, signature.args[0], values[0]).row(values[1])
        for strip in range(0, width.literal_value // LANES, LINE // LANES):
            _prefetch(builder, row, _LONG(strip))
        return context.get_dummy_value()

    return types.void(matrix, place, width), code


@intrinsic(prefer_literal=True)
def write_errors(
    typing: Any,
    inputs: Any,
    xs: Any,
    first: Any,
    together: Any,
    outputs: Any,
    ys: Any,
    begin: Any,
    for_word: Any,
    for_noise: Any,
    errors: Any,
    place: Any,
    width: Any,
    count: Any,
) -> tuple[Any, Code]:
    """Write to errors[place:] by how much the scores of an input with each output at ys[begin:] are wrong.

    A score is the inner product of two rows, whose terms are added in an order of LLVM's choice. for_word, for_noise:
    the error in each step of the logistic function, for the first output and for the others; one of these that is the
    first one again has the error behind the last step. together: how many inputs at xs[first:] are scored at once, a
    constant; the errors of the second begin ``stride(count)`` further.
    """
    numbers, outs = range(together.literal_value), range(count.literal_value)

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arrays = _arrays(context, builder, signature, values, (0, 1, 4, 5, 7, 8, 9))
        x_rows, x_places, y_rows, y_places, word_errors, noise_errors, written = arrays
        places = [y_places.element(values[6], k) for k in outs]
        x = [x_rows.row(x_places.element(values[2], number)) for number in numbers]
        y = [y_rows.row(offset) for offset in places]
        sums = [[_zero(builder) for _ in outs] for _ in numbers]
        with cgutils.for_range(builder, _LONG(width.literal_value // LANES)) as loop:
            taken = [_load(builder, row, loop.index) for row in x]
            for k in outs:
                held = _load(builder, y[k], loop.index)
                for number in numbers:
                    total = sums[number][k]
                    added = _multiply_add(builder, taken[number], held, builder.load(total))
                    builder.store(added, total)
        again = [builder.icmp_signed("==", offset, places[0]) for offset in places]
        steps = iter(_steps(builder, [builder.load(total) for row in sums for total in row]))
        for number in numbers:
            for k in outs:
                step = builder.select(again[k], _LONG(STEPS), next(steps)) if k else next(steps)
                error = (noise_errors if k else word_errors).element(step)
                written.write(error, place=values[10], behind=number * stride(len(outs)) + k)
        return context.get_dummy_value()

    kinds = (
        inputs, xs, first, together, outputs, ys, begin, for_word, for_noise, errors, place, width, count,
    )  # fmt: skip
    return types.void(*kinds), code


@intrinsic(prefer_literal=True)
def correct(
    typing: Any,
    inputs: Any,
    xs: Any,
    pair: Any,
    outputs: Any,
    ys: Any,
    now: Any,
    later: Any,
    errors: Any,
    width: Any,
    count: Any,
) -> tuple[Any, Code]:
    """Add g x to the row y of each output at ys[now:], x being the row of the input at xs[pair] and g the output's
    error, and the sum of all g y to x, each y as it was. Meanwhile the rows of the pair after the next are asked for,
    whose outputs are at ys[later:].
    """
    outs = range(count.literal_value)

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arrays = _arrays(context, builder, signature, values, (0, 1, 3, 4, 7))
        x_rows, x_places, y_rows, y_places, gs = arrays
        x, x_later = (x_rows.row(x_places.element(values[2], behind)) for behind in (0, 2))
        y, y_later = ([y_rows.row(y_places.element(values[at], k)) for k in outs] for at in (5, 6))
        errors = [_spread(builder, gs.element(k)) for k in outs]
        with cgutils.for_range(builder, _LONG(width.literal_value // LINE)) as loop:
            strips = _strips(builder, loop.index)
            for strip in strips:
                before = after = _load(builder, x, strip)
                for row, g in zip(y, errors, strict=True):
                    held = _load(builder, row, strip)
                    after = _multiply_add(builder, g, held, after)
                    _store(builder, _multiply_add(builder, g, before, held), row, strip)
                _store(builder, after, x, strip)
            for row in (x_later, *y_later):
                _prefetch_early(builder, row, strips[0])
        return context.get_dummy_value()

    return types.void(inputs, xs, pair, outputs, ys, now, later, errors, width, count), code


@intrinsic(prefer_literal=True)
def correct_window(
    typing: Any,
    inputs: Any,
    xs: Any,
    inside: Any,
    outputs: Any,
    ys: Any,
    errors: Any,
    ahead: Any,
    width: Any,
    count: Any,
) -> tuple[Any, Code]:
    """Do what ``correct`` does for ``inside`` inputs, one after the other, and let the outputs, which all of them have,
    stay as they were until the last is through. The rows of the next outputs, at ``ahead``, are asked for meanwhile.
    """
    outs = range(count.literal_value)

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arrays = _arrays(context, builder, signature, values, (0, 1, 3, 4, 5, 6))
        x_rows, x_places, y_rows, y_places, gs, coming = arrays
        y = [y_rows.row(y_places.element(k)) for k in outs]
        ahead = [y_rows.row(coming.element(k)) for k in outs]
        sums = [cgutils.alloca_once(builder, _VECTOR) for _ in outs]
        with cgutils.for_range(builder, _LONG(width.literal_value // LINE)) as loop:
            strips = _strips(builder, loop.index)
            for row in ahead:
                _prefetch(builder, row, strips[0])
            for strip in strips:
                for total in sums:
                    builder.store(_ZEROS, total)
                held = [_load(builder, row, strip) for row in y]
                with cgutils.for_range(builder, values[2]) as window:
                    x = x_rows.row(x_places.element(window.index))
                    begin = builder.mul(window.index, _LONG(stride(len(outs))))
                    taken = changed = _load(builder, x, strip)
                    for k in outs:
                        g = _spread(builder, gs.element(begin, k))
                        changed = _multiply_add(builder, g, held[k], changed)
                        builder.store(_multiply_add(builder, g, taken, builder.load(sums[k])), sums[k])
                    _store(builder, changed, x, strip)
                for row, total in zip(y, sums, strict=True):  # an output may be there twice: it is read again
                    added = builder.fadd(_load(builder, row, strip), builder.load(total))
                    _store(builder, added, row, strip)
        return context.get_dummy_value()

    return types.void(inputs, xs, inside, outputs, ys, errors, ahead, width, count), code


class _Array:
    """A flat numba array, as LLVM code reads it."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        self._builder = builder
        self._data = context.make_array(kind)(context, builder, value).data

    def element(self, place: Any, behind: int = 0) -> Any:
        """Return the value that lies some places behind a place."""
        return self._builder.load(self._address(place, behind))

    def write(self, value: Any, place: Any, behind: int = 0) -> None:
        """Write a value some places behind a place."""
        self._builder.store(value, self._address(place, behind))

    def row(self, offset: Any) -> Any:
        """Return the address of a row's first strip."""
        return self._builder.bitcast(self._builder.gep(self._data, [offset]), _VECTOR.as_pointer())

    def _address(self, place: Any, behind: int) -> Any:
        place = _LONG(place) if isinstance(place, int) else place
        return self._builder.gep(self._data, [self._builder.add(place, _LONG(behind))])


def _arrays(context: Any, builder: Any, signature: Any, values: Any, places: Sequence[int]) -> list[_Array]:
    return [_Array(context, builder, signature.args[place], values[place]) for place in places]


def _strips(builder: Any, line: Any) -> list[Any]:
    """Return the numbers of the strips of a row's line."""
    strips = LINE // LANES
    return [builder.add(builder.mul(line, _LONG(strips)), _LONG(number)) for number in range(strips)]


def _zero(builder: Any) -> Any:
    """Return a variable that is a vector of zeros."""
    total = cgutils.alloca_once(builder, _VECTOR)
    builder.store(_ZEROS, total)
    return total


def _load(builder: Any, row: Any, strip: Any) -> Any:
    return builder.load(builder.gep(row, [strip]), align=ALIGNMENT)


def _store(builder: Any, value: Any, row: Any, strip: Any) -> None:
    builder.store(value, builder.gep(row, [strip]), align=ALIGNMENT)


def _prefetch(builder: Any, row: Any, strip: Any) -> None:
    """Ask for a strip that is read and written next."""
    _ask(builder, row, strip, written=1, nearness=3)


def _prefetch_early(builder: Any, row: Any, strip: Any) -> None:
    """Ask the second cache for a strip, from where the first one gets it sooner when its time has come."""
    _ask(builder, row, strip, written=0, nearness=2)


def _ask(builder: Any, row: Any, strip: Any, *, written: int, nearness: int) -> None:
    kind = ir.FunctionType(ir.VoidType(), [_BYTES, _INT, _INT, _INT])
    prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    place, data = builder.bitcast(builder.gep(row, [strip]), _BYTES), _INT(1)
    builder.call(prefetch, [place, _INT(written), _INT(nearness), data])


def _multiply_add(builder: Any, x: Any, y: Any, z: Any) -> Any:
    return _call(builder, "llvm.fmuladd", x, y, z)


def _call(builder: Any, name: str, *vectors: Any) -> Any:
    """Return what one of LLVM's own functions gives for vectors."""
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(vectors))
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"{name}.v{LANES}f32"), vectors)


def _spread(builder: Any, number: Any) -> Any:
    """Return a vector whose floats are all the number."""
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(nothing, number, _INT(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(_INTS, None))


def _totals(builder: Any, vectors: list[Any]) -> Any:
    """Return the sums of the floats of up to ``LANES`` vectors, as one vector.

    Neighbours are folded into one, each of which then takes half the room, until a sum takes one float.
    """
    room = LANES
    while room > 1:
        half = room // 2
        low = [begin + place for begin in range(0, 2 * LANES, room) for place in range(half)]
        high = [place + half for place in low]
        pairs = zip(vectors[::2], [*vectors[1::2], _ZEROS], strict=False)
        vectors = [
            builder.fadd(_shuffled(builder, *pair, low), _shuffled(builder, *pair, high)) for pair in pairs
        ]
        room = half
    return vectors[0]


def _steps(builder: Any, sums: list[Any]) -> list[Any]:
    """Return the step of the logistic function in which the sum of each vector's floats falls, as integers."""
    scale, shift = ir.Constant(_VECTOR, [_SCALE] * LANES), ir.Constant(_VECTOR, [_SCALE * LARGEST] * LANES)
    last = ir.Constant(_VECTOR, [STEPS - 1.0] * LANES)
    found = []
    for begin in range(0, len(sums), LANES):
        part = sums[begin : begin + LANES]
        steps = _multiply_add(builder, _totals(builder, part), scale, shift)
        steps = _call(builder, "llvm.minnum", _call(builder, "llvm.maxnum", steps, _ZEROS), last)
        steps = builder.fptosi(steps, _INTS)
        lanes = (builder.extract_element(steps, _INT(lane)) for lane in range(len(part)))
        found += [builder.zext(step, _LONG) for step in lanes]
    return found


def _shuffled(builder: Any, a: Any, b: Any, places: list[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(_INTS, places))
