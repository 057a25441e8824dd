"""What a kernel does with rows of matrices, as numba intrinsics.

A row of ``width`` floats (a multiple of 16) is worked on strip by strip, through all rows that take part. A strip is an
LLVM vector of ``lanes`` floats, 8 (one register of AVX2, two of NEON or SSE) or 16 (AVX-512), so that nothing is
spilled. Multiply-adds are `llvm.fmuladd`, which LLVM may fuse where the processor can; `llvm.fma` would call a library
function where it cannot.

Matrices come flat, aligned to 64 bytes, with rows padded to ``width``; a row is named by the offset of its first float.
``width``, ``count`` (of outputs) and ``lanes`` are constants. Rows that will soon be needed are asked for line by line,
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

from headway.models.word2vec import LINE
from headway.training.word2vec.sigmoid import LARGEST, STEPS

_HOST = get_host_cpu_features().flatten()
NARROW = 8
WIDEST = 16 if "+avx512f" in os.environ.get("NUMBA_CPU_FEATURES", _HOST) else NARROW
FIRST_CACHE, SECOND_CACHE = 3, 2  # how near a line is brought, in LLVM's numbers

_FLOAT = ir.FloatType()
_INT, _LONG = ir.IntType(32), ir.IntType(64)
_BYTES = ir.IntType(8).as_pointer()
_SCALE = STEPS / (2 * LARGEST)

Code = Callable[[Any, Any, Any, Any], Any]  # what writes LLVM code: (context, builder, signature, values)


@intrinsic(prefer_literal=True)
def prefetch_row(typing: Any, matrix: Any, place: Any, width: Any) -> tuple[Any, Code]:
    """Ask for a row that will soon be read and written."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        rows = _Array(context, builder, signature.args[0], values[0])
        for line in range(0, width.literal_value, LINE):
            _ask(builder, rows.address(values[1], line), written=1, nearness=FIRST_CACHE)
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
    lanes: Any,
) -> tuple[Any, Code]:
    """Write to errors[place:] by how much the scores of an input with each output at ys[begin:] are wrong.

    A score is the inner product of two rows, whose terms are added in an order of LLVM's choice. for_word, for_noise:
    the error in each step of the logistic function, for the first output and for the others; one of these that is the
    first one again has the error behind the last step. together: how many inputs at xs[first:] are scored at once, a
    constant; the errors of the second begin ``count`` further.
    """
    numbers, outs = range(together.literal_value), range(count.literal_value)

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arrays = _arrays(context, builder, signature, values, (0, 1, 4, 5, 7, 8, 9))
        x_rows, x_places, y_rows, y_places, word_errors, noise_errors, written = arrays
        places = [y_places.element(values[6], k) for k in outs]
        vectors = _Vectors(builder, lanes.literal_value)
        x = [vectors.row(x_rows, x_places.element(values[2], number)) for number in numbers]
        y = [vectors.row(y_rows, offset) for offset in places]
        sums = [[vectors.zero() for _ in outs] for _ in numbers]
        with cgutils.for_range(builder, _LONG(width.literal_value // vectors.lanes)) as loop:
            taken = [vectors.load(row, loop.index) for row in x]
            for k in outs:
                held = vectors.load(y[k], loop.index)
                for number in numbers:
                    vectors.add_product(sums[number][k], taken[number], held)
        again = [builder.icmp_signed("==", offset, places[0]) for offset in places]
        steps = iter(vectors.steps([builder.load(total) for row in sums for total in row]))
        for number in numbers:
            for k in outs:
                step = builder.select(again[k], _LONG(STEPS), next(steps)) if k else next(steps)
                error = (noise_errors if k else word_errors).element(step)
                written.write(error, place=values[10], behind=number * len(outs) + k)
        return context.get_dummy_value()

    kinds = (
        inputs, xs, first, together, outputs, ys, begin, for_word, for_noise, errors, place,
        width, count, lanes,
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
    lanes: Any,
    nearness: Any,
) -> tuple[Any, Code]:
    """Add g x to the row y of each output at ys[now:], x being the row of the input at xs[pair] and g the output's
    error, and the sum of all g y to x, each y as it was. Meanwhile the rows of the pair after the next are asked for,
    whose outputs are at ys[later:], to the cache of a constant ``nearness``.
    """
    outs = range(count.literal_value)

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arrays = _arrays(context, builder, signature, values, (0, 1, 3, 4, 7))
        x_rows, x_places, y_rows, y_places, gs = arrays
        vectors = _Vectors(builder, lanes.literal_value)
        x, x_later = (vectors.row(x_rows, x_places.element(values[2], behind)) for behind in (0, 2))
        y, y_later = ([vectors.row(y_rows, y_places.element(values[at], k)) for k in outs] for at in (5, 6))
        errors = [vectors.spread(gs.element(k)) for k in outs]
        with cgutils.for_range(builder, _LONG(width.literal_value // LINE)) as loop:
            strips = vectors.strips(loop.index)
            for strip in strips:
                before = after = vectors.load(x, strip)
                for row, g in zip(y, errors, strict=True):
                    held = vectors.load(row, strip)
                    after = vectors.multiply_add(g, held, after)
                    vectors.store(vectors.multiply_add(g, before, held), row, strip)
                vectors.store(after, x, strip)
            for row in (x_later, *y_later):
                _ask(builder, builder.gep(row, [strips[0]]), written=0, nearness=nearness.literal_value)
        return context.get_dummy_value()

    return types.void(inputs, xs, pair, outputs, ys, now, later, errors, width, count, lanes, nearness), code


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
    lanes: Any,
) -> tuple[Any, Code]:
    """Do what ``correct`` does for ``inside`` inputs, one after the other, and let the outputs, which all of them have,
    stay as they were until the last is through. The rows of the next outputs, at ``ahead``, are asked for meanwhile.
    """
    outs = range(count.literal_value)

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arrays = _arrays(context, builder, signature, values, (0, 1, 3, 4, 5, 6))
        x_rows, x_places, y_rows, y_places, gs, coming = arrays
        vectors = _Vectors(builder, lanes.literal_value)
        y = [vectors.row(y_rows, y_places.element(k)) for k in outs]
        ahead = [vectors.row(y_rows, coming.element(k)) for k in outs]
        sums = [vectors.zero() for _ in outs]
        with cgutils.for_range(builder, _LONG(width.literal_value // LINE)) as loop:
            strips = vectors.strips(loop.index)
            for row in ahead:
                _ask(builder, builder.gep(row, [strips[0]]), written=1, nearness=FIRST_CACHE)
            for strip in strips:
                for total in sums:
                    builder.store(vectors.zeros, total)
                held = [vectors.load(row, strip) for row in y]
                with cgutils.for_range(builder, values[2]) as window:
                    x = vectors.row(x_rows, x_places.element(window.index))
                    begin = builder.mul(window.index, _LONG(len(outs)))
                    taken = changed = vectors.load(x, strip)
                    for k in outs:
                        g = vectors.spread(gs.element(begin, k))
                        changed = vectors.multiply_add(g, held[k], changed)
                        vectors.add_product(sums[k], g, taken)
                    vectors.store(changed, x, strip)
                for row, total in zip(y, sums, strict=True):  # an output may be there twice: it is read again
                    added = builder.fadd(vectors.load(row, strip), builder.load(total))
                    vectors.store(added, row, strip)
        return context.get_dummy_value()

    return types.void(inputs, xs, inside, outputs, ys, errors, ahead, width, count, lanes), code


class _Array:
    """A flat numba array, as LLVM code reads it."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        self._builder = builder
        self._data = context.make_array(kind)(context, builder, value).data

    def address(self, place: Any, behind: int = 0) -> Any:
        """Return the address of the value that lies some places behind a place."""
        place = _LONG(place) if isinstance(place, int) else place
        return self._builder.gep(self._data, [self._builder.add(place, _LONG(behind))])

    def element(self, place: Any, behind: int = 0) -> Any:
        """Return the value that lies some places behind a place."""
        return self._builder.load(self.address(place, behind))

    def write(self, value: Any, place: Any, behind: int = 0) -> None:
        """Write a value some places behind a place."""
        self._builder.store(value, self.address(place, behind))


def _arrays(context: Any, builder: Any, signature: Any, values: Any, places: Sequence[int]) -> list[_Array]:
    return [_Array(context, builder, signature.args[place], values[place]) for place in places]


class _Vectors:
    """LLVM vectors of ``lanes`` floats, each a strip of a row, and what is done with them."""

    def __init__(self, builder: Any, lanes: int) -> None:
        self.lanes = lanes
        self._builder = builder
        self._kind = ir.VectorType(_FLOAT, lanes)
        self._ints = ir.VectorType(_INT, lanes)
        self.zeros = self._all(0.0)

    def row(self, rows: _Array, offset: Any) -> Any:
        """Return the address of a row's first strip."""
        return self._builder.bitcast(rows.address(offset), self._kind.as_pointer())

    def strips(self, line: Any) -> list[Any]:
        """Return the numbers of the strips of a row's line."""
        builder, strips = self._builder, LINE // self.lanes
        return [builder.add(builder.mul(line, _LONG(strips)), _LONG(number)) for number in range(strips)]

    def load(self, row: Any, strip: Any) -> Any:
        """Return a strip of a row."""
        return self._builder.load(self._builder.gep(row, [strip]), align=4 * self.lanes)

    def store(self, value: Any, row: Any, strip: Any) -> None:
        """Write a strip of a row."""
        self._builder.store(value, self._builder.gep(row, [strip]), align=4 * self.lanes)

    def zero(self) -> Any:
        """Return a variable that is a vector of zeros."""
        total = cgutils.alloca_once(self._builder, self._kind)
        self._builder.store(self.zeros, total)
        return total

    def multiply_add(self, x: Any, y: Any, z: Any) -> Any:
        """Return x y + z."""
        return self._call("llvm.fmuladd", x, y, z)

    def add_product(self, total: Any, x: Any, y: Any) -> None:
        """Add x y to a variable."""
        self._builder.store(self.multiply_add(x, y, self._builder.load(total)), total)

    def spread(self, number: Any) -> Any:
        """Return a vector whose floats are all the number."""
        nothing = ir.Constant(self._kind, ir.Undefined)
        first = self._builder.insert_element(nothing, number, _INT(0))
        return self._builder.shuffle_vector(first, nothing, ir.Constant(self._ints, None))

    def steps(self, sums: list[Any]) -> list[Any]:
        """Return the step of the logistic function in which the sum of each vector's floats falls, as integers."""
        builder, found = self._builder, []
        for begin in range(0, len(sums), self.lanes):
            part = sums[begin : begin + self.lanes]
            steps = self.multiply_add(self._totals(part), self._all(_SCALE), self._all(_SCALE * LARGEST))
            steps = self._call(
                "llvm.minnum", self._call("llvm.maxnum", steps, self.zeros), self._all(STEPS - 1)
            )
            steps = builder.fptosi(steps, self._ints)
            lanes = (builder.extract_element(steps, _INT(lane)) for lane in range(len(part)))
            found += [builder.zext(step, _LONG) for step in lanes]
        return found

    def _totals(self, vectors: list[Any]) -> Any:
        """Return the sums of the floats of up to ``lanes`` vectors, as one vector.

        Neighbours are folded into one, each of which then takes half the room, until a sum takes one float.
        """
        room = self.lanes
        while room > 1:
            half = room // 2
            low = [begin + place for begin in range(0, 2 * self.lanes, room) for place in range(half)]
            high = [place + half for place in low]
            pairs = zip(vectors[::2], [*vectors[1::2], self.zeros], strict=False)
            vectors = [
                self._builder.fadd(self._shuffled(*pair, low), self._shuffled(*pair, high)) for pair in pairs
            ]
            room = half
        return vectors[0]

    def _all(self, number: float) -> Any:
        return ir.Constant(self._kind, [float(number)] * self.lanes)

    def _shuffled(self, a: Any, b: Any, places: list[int]) -> Any:
        return self._builder.shuffle_vector(a, b, ir.Constant(self._ints, places))

    def _call(self, name: str, *vectors: Any) -> Any:
        """Return what one of LLVM's own functions gives for vectors."""
        kind = ir.FunctionType(self._kind, [self._kind] * len(vectors))
        function = cgutils.get_or_insert_function(self._builder.module, kind, f"{name}.v{self.lanes}f32")
        return self._builder.call(function, vectors)


def _ask(builder: Any, address: Any, *, written: int, nearness: int) -> None:
    """Ask for a line of memory."""
    kind = ir.FunctionType(ir.VoidType(), [_BYTES, _INT, _INT, _INT])
    prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    place, data = builder.bitcast(address, _BYTES), _INT(1)
    builder.call(prefetch, [place, _INT(written), _INT(nearness), data])
