"""What a kernel does with rows of matrices, as numba intrinsics.

A row of ``width`` floats (a multiple of 16) is worked on in strips of 16, each an LLVM vector. LLVM cuts these to what
the processor has: one register with AVX-512, two with AVX2, four with NEON or SSE. Scores, and the corrections of a
window, go strip by strip through all rows that take part, so nothing is spilled however wide these are. The corrections
of a pair go row by row, the input's row and what becomes of it in registers (the rows' two halves one after the other
where they are too wide for that): threads meet in the rows of frequent words, and one that works through six of these
side by side loses them to the other more often than one that is done with each at once (two threads need half the
time). Multiply-adds are `llvm.fmuladd`, which LLVM may fuse where the processor can; `llvm.fma` would call a library
function where it cannot.

Matrices come flat, aligned to 64 bytes, with rows padded to ``width``; a row is named by the offset of its first float.
``width`` and ``count``, the number of outputs, are constants. ``ahead`` are rows that will soon be read and written:
they are asked for strip by strip, so that what is fetched and what is computed share the time.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
ALIGNMENT = 4 * LANES  # bytes

_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)
_INT, _LONG = ir.IntType(32), ir.IntType(64)
_BYTES = ir.IntType(8).as_pointer()
_ZEROS = ir.Constant(_VECTOR, None)
_HELD = 10  # strips of a row that registers hold twice, of 32 with 16 floats each

Code = Callable[[Any, Any, Any, Any], Any]  # what writes LLVM code: (context, builder, signature, values)


def is_wide(width: int) -> bool:
    """Return whether a row is more than registers hold: one thread then waits for the third cache, and is faster by a
    tenth when rows are asked for two pairs early. Narrow rows come soon enough, and asking costs them a twentieth.
    """
    return width > _HELD * LANES


@intrinsic(prefer_literal=True)
def prefetch_row(typing: Any, matrix: Any, place: Any, width: Any) -> tuple[Any, Code]:
    """Ask for a row that will soon be read and written."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        row = _Array(context, builder, signature.args[0], values[0]).row(values[1])
        for strip in range(width.literal_value // LANES):
            _prefetch(builder, row, _LONG(strip))
        return context.get_dummy_value()

    return types.void(matrix, place, width), code


@intrinsic(prefer_literal=True)
def write_scores(
    typing: Any,
    inputs: Any,
    place: Any,
    outputs: Any,
    places: Any,
    scores: Any,
    first: Any,
    width: Any,
    count: Any,
) -> tuple[Any, Code]:
    """Write the inner products of an input's row with those of the outputs at ``places`` to scores[first:], which is
    aligned; the places up to the next multiple of 16 are written too. Terms are added in an order of LLVM's choice.
    """

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        x_rows, y_rows, offsets, written = _arrays(context, builder, signature, values, (0, 2, 3, 4))
        x = x_rows.row(values[1])
        ys = [y_rows.row(offsets.element(k)) for k in range(count.literal_value)]
        target = written.row(values[5])
        for number, begin in enumerate(range(0, len(ys), LANES)):
            part = ys[begin : begin + LANES]
            sums = [cgutils.alloca_once(builder, _VECTOR) for _ in part]
            for total in sums:
                builder.store(_ZEROS, total)
            with cgutils.for_range(builder, _LONG(width.literal_value // LANES)) as loop:
                taken = _load(builder, x, loop.index)
                for y, total in zip(part, sums, strict=True):
                    added = _multiply_add(builder, taken, _load(builder, y, loop.index), builder.load(total))
                    builder.store(added, total)
            totals = _totals(builder, [builder.load(total) for total in sums])
            _store(builder, totals, target, _LONG(number))
        return context.get_dummy_value()

    return types.void(inputs, place, outputs, places, scores, first, width, count), code


@intrinsic(prefer_literal=True)
def correct(
    typing: Any,
    inputs: Any,
    place: Any,
    outputs: Any,
    places: Any,
    errors: Any,
    ahead: Any,
    later: Any,
    width: Any,
    count: Any,
) -> tuple[Any, Code]:
    """Add g x to the row y of each output at ``places``, x being an input's row and g the output's error, and the sum
    of all g y to x, each y as it was.

    later: the rows of the pair behind the next one, of which the noise is fetched early where rows are wide.
    """

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arrays = _arrays(context, builder, signature, values, (0, 2, 3, 4, 5, 6))
        x_rows, y_rows, offsets, gs, near, far = arrays
        x = x_rows.row(values[1])
        outputs = range(count.literal_value)
        ys = [y_rows.row(offsets.element(k)) for k in outputs]
        coming = [(y_rows.row(near.element(k)), y_rows.row(far.element(k))) for k in outputs]
        errors = [_spread(builder, gs.element(k)) for k in outputs]
        for strips in _stretches(width.literal_value // LANES):
            before = [_load(builder, x, strip) for strip in strips]
            after = list(before)
            for k in outputs:
                y, g, (next_row, later_row) = ys[k], errors[k], coming[k]
                for number, strip in enumerate(strips):
                    held = _load(builder, y, strip)
                    after[number] = _multiply_add(builder, g, held, after[number])
                    added = _unfused(builder, builder.fmul(g, before[number]))
                    _store(builder, builder.fadd(added, held), y, strip)
                    _prefetch(builder, next_row, strip)
                    if k and is_wide(width.literal_value):
                        _prefetch_early(builder, later_row, strip)
            for strip, changed in zip(strips, after, strict=True):
                _store(builder, changed, x, strip)
        return context.get_dummy_value()

    return types.void(inputs, place, outputs, places, errors, ahead, later, width, count), code


@intrinsic(prefer_literal=True)
def correct_window(
    typing: Any,
    inputs: Any,
    around: Any,
    inside: Any,
    outputs: Any,
    places: Any,
    errors: Any,
    ahead: Any,
    width: Any,
    count: Any,
) -> tuple[Any, Code]:
    """Do what ``correct`` does for ``inside`` inputs, at the offsets ``around``, one after the other, and let the
    outputs, which all of them have, stay as they were until the last is through.

    errors: those of each input begin at a multiple of 16.
    """
    stride = -(-count.literal_value // LANES) * LANES

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arrays = _arrays(context, builder, signature, values, (0, 1, 3, 4, 5, 6))
        x_rows, x_offsets, y_rows, offsets, gs, coming = arrays
        outputs = range(count.literal_value)
        ys = [y_rows.row(offsets.element(k)) for k in outputs]
        next_rows = [y_rows.row(coming.element(k)) for k in outputs]
        sums = [cgutils.alloca_once(builder, _VECTOR) for _ in outputs]
        with cgutils.for_range(builder, _LONG(width.literal_value // LANES)) as loop:
            for row in next_rows:
                _prefetch(builder, row, loop.index)
            for total in sums:
                builder.store(_ZEROS, total)
            held = [_load(builder, y, loop.index) for y in ys]
            with cgutils.for_range(builder, values[2]) as window:
                x = x_rows.row(x_offsets.element(window.index))
                begin = builder.mul(window.index, _LONG(stride))
                taken = changed = _load(builder, x, loop.index)
                for k in outputs:
                    g = _spread(builder, gs.element(builder.add(begin, _LONG(k))))
                    changed = _multiply_add(builder, g, held[k], changed)
                    builder.store(_multiply_add(builder, g, taken, builder.load(sums[k])), sums[k])
                _store(builder, changed, x, loop.index)
            for y, total in zip(ys, sums, strict=True):  # an output may be there twice: it is read again
                added = builder.fadd(_load(builder, y, loop.index), builder.load(total))
                _store(builder, added, y, loop.index)
        return context.get_dummy_value()

    return types.void(inputs, around, inside, outputs, places, errors, ahead, width, count), code


class _Array:
    """A flat numba array, as LLVM code reads it."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        self._builder = builder
        self._data = context.make_array(kind)(context, builder, value).data

    def element(self, place: Any) -> Any:
        """Return the value at a place."""
        return self._builder.load(
            self._builder.gep(self._data, [_LONG(place) if isinstance(place, int) else place])
        )

    def row(self, offset: Any) -> Any:
        """Return the address of a row's first strip."""
        return self._builder.bitcast(self._builder.gep(self._data, [offset]), _VECTOR.as_pointer())


def _arrays(context: Any, builder: Any, signature: Any, values: Any, places: Sequence[int]) -> list[_Array]:
    return [_Array(context, builder, signature.args[place], values[place]) for place in places]


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
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{LANES}f32")
    return builder.call(function, [x, y, z])


def _unfused(builder: Any, product: Any) -> Any:
    """Return a product that LLVM adds in an instruction of its own.

    A multiply-add and a store get in each other's way (AMD's Zen 4: three cycles a strip); a product and a sum, each
    with two operands, leave room for it (two cycles).
    """
    kind = ir.FunctionType(_VECTOR, [_VECTOR])
    fence = cgutils.get_or_insert_function(builder.module, kind, f"llvm.arithmetic.fence.v{LANES}f32")
    return builder.call(fence, [product])


def _stretches(strips: int) -> list[list[Any]]:
    """Return the numbers of a row's strips in as few stretches as registers hold, of about the same length."""
    stretches = -(-strips // _HELD)
    bounds = [strips * number // stretches for number in range(stretches + 1)]
    return [[_LONG(strip) for strip in range(*pair)] for pair in itertools.pairwise(bounds)]


def _spread(builder: Any, number: Any) -> Any:
    """Return a vector whose floats are all the number."""
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(nothing, number, _INT(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_INT, LANES), None))


def _totals(builder: Any, vectors: list[Any]) -> Any:
    """Return the sums of the floats of up to 16 vectors, as one vector.

    Neighbours are folded into one: each then takes half the room. Four times, and a sum takes one float.
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


def _shuffled(builder: Any, a: Any, b: Any, places: list[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT, LANES), places))
