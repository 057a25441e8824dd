"""Rows of a matrix as numba values: what a kernel holds in registers instead of in memory.

A row of ``width`` floats (a multiple of 16) is an array of LLVM vectors of 16 floats. LLVM cuts these to what the
processor has: one register each with AVX-512, two with AVX2, four with NEON or SSE. One vector of the whole width
would be legal too, and is several times slower. Multiply-adds are `llvm.fmuladd`, which LLVM may fuse where the
processor can; `llvm.fma` would call a library function where it cannot.

Matrices come flat, aligned to 64 bytes, with rows padded to ``width``; a row is named by the offset of its first float.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

LANES = 16
ALIGNMENT = 4 * LANES  # bytes

_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)
_INT = ir.IntType(32)
_BYTES = ir.IntType(8).as_pointer()


class Row(types.Type):
    """The numba type of a row of ``width`` floats."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.parts = width // LANES
        super().__init__(name=f"Row({width})")


@register_model(Row)
class _RowModel(models.PrimitiveModel):
    def __init__(self, manager: Any, row: Row) -> None:
        super().__init__(manager, row, ir.ArrayType(_VECTOR, row.parts))


Code = Callable[[Any, Any, Any, Any], Any]  # what writes LLVM code: (context, builder, signature, values)


@intrinsic(prefer_literal=True)
def load_row(typing: Any, matrix: Any, offset: Any, width: Any) -> tuple[Any, Code]:
    """Return the row of ``width`` floats (a constant) that begins at ``offset``."""
    row = Row(width.literal_value)

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], values[0], values[1])
        return _packed(builder, [builder.load(p, align=ALIGNMENT) for p in _parts_of(builder, place, row)])

    return row(matrix, offset, width), code


@intrinsic
def store_row(typing: Any, matrix: Any, offset: Any, row: Any) -> tuple[Any, Code]:
    """Write a row to the matrix."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], values[0], values[1])
        for part, target in zip(
            _unpacked(builder, values[2], row), _parts_of(builder, place, row), strict=True
        ):
            builder.store(part, target, align=ALIGNMENT)
        return context.get_dummy_value()

    return types.void(matrix, offset, row), code


@intrinsic
def prefetch_row(typing: Any, matrix: Any, offset: Any, like: Any) -> tuple[Any, Code]:
    """Ask for a row (as wide as ``like``) that will soon be read and written."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [_BYTES, _INT, _INT, _INT])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        place = _place(context, builder, signature.args[0], values[0], values[1])
        write, keep, data = _INT(1), _INT(3), _INT(1)
        for part in _parts_of(builder, place, like):
            builder.call(prefetch, [builder.bitcast(part, _BYTES), write, keep, data])
        return context.get_dummy_value()

    return types.void(matrix, offset, like), code


@intrinsic
def zero_row(typing: Any, like: Any) -> tuple[Any, Code]:
    """Return a row of zeros as wide as ``like``."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return ir.Constant(ir.ArrayType(_VECTOR, like.parts), None)

    return like(like), code


@intrinsic
def dot(typing: Any, a: Any, b: Any) -> tuple[Any, Code]:
    """Return the inner product of two rows; its terms are added in an order of LLVM's choice."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        left, right = (_unpacked(builder, value, a) for value in values)
        total = builder.fmul(left[0], right[0])
        for x, y in zip(left[1:], right[1:], strict=True):
            total = _multiply_add(builder, x, y, total)
        kind = ir.FunctionType(_FLOAT, [_FLOAT, _VECTOR])
        add = cgutils.get_or_insert_function(builder.module, kind, f"llvm.vector.reduce.fadd.v{LANES}f32")
        return builder.call(add, [_FLOAT(0.0), total], fastmath=("fast",))

    return types.float32(a, b), code


@intrinsic
def add_scaled(typing: Any, factor: Any, x: Any, y: Any) -> tuple[Any, Code]:
    """Return factor x + y."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        spread = _spread(builder, values[0])
        pairs = zip(_unpacked(builder, values[1], x), _unpacked(builder, values[2], y), strict=True)
        return _packed(builder, [_multiply_add(builder, spread, p, q) for p, q in pairs])

    return y(types.float32, x, y), code


@intrinsic
def add_to(typing: Any, matrix: Any, offset: Any, factor: Any, row: Any) -> tuple[Any, Code]:
    """Add factor row to a row in memory, part by part: no more than one part of it is in a register at a time."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        spread = _spread(builder, values[2])
        place = _place(context, builder, signature.args[0], values[0], values[1])
        parts = _parts_of(builder, place, row)
        for target, part in zip(parts, _unpacked(builder, values[3], row), strict=True):
            summed = _multiply_add(builder, spread, part, builder.load(target, align=ALIGNMENT))
            builder.store(summed, target, align=ALIGNMENT)
        return context.get_dummy_value()

    return types.void(matrix, offset, types.float32, row), code


@intrinsic
def add_row_to(
    typing: Any, matrix: Any, offset: Any, factor: Any, other: Any, other_offset: Any, like: Any
) -> tuple[Any, Code]:
    """Add factor times another matrix' row to a row in memory, both as wide as ``like``, part by part."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        spread = _spread(builder, values[2])
        target = _place(context, builder, signature.args[0], values[0], values[1])
        source = _place(context, builder, signature.args[3], values[3], values[4])
        pairs = zip(_parts_of(builder, target, like), _parts_of(builder, source, like), strict=True)
        for to, part in pairs:
            taken, held = builder.load(part, align=ALIGNMENT), builder.load(to, align=ALIGNMENT)
            builder.store(_multiply_add(builder, spread, taken, held), to, align=ALIGNMENT)
        return context.get_dummy_value()

    return types.void(matrix, offset, types.float32, other, other_offset, like), code


@intrinsic
def add_rows(typing: Any, x: Any, y: Any) -> tuple[Any, Code]:
    """Return x + y."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pairs = zip(_unpacked(builder, values[0], x), _unpacked(builder, values[1], y), strict=True)
        return _packed(builder, [builder.fadd(p, q) for p, q in pairs])

    return x(x, y), code


def _spread(builder: Any, number: Any) -> Any:
    """Return a vector whose floats are all the number."""
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(nothing, number, _INT(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_INT, LANES), None))


def _place(context: Any, builder: Any, kind: Any, matrix: Any, offset: Any) -> Any:
    """Return the address of a float of a flat array, as one of a vector."""
    data = context.make_array(kind)(context, builder, matrix).data
    return builder.bitcast(builder.gep(data, [offset]), _VECTOR.as_pointer())


def _parts_of(builder: Any, place: Any, row: Row) -> list[Any]:
    return [builder.gep(place, [_INT(part)]) for part in range(row.parts)]


def _packed(builder: Any, parts: list[Any]) -> Any:
    row = ir.Constant(ir.ArrayType(_VECTOR, len(parts)), ir.Undefined)
    for position, part in enumerate(parts):
        row = builder.insert_value(row, part, position)
    return row


def _unpacked(builder: Any, value: Any, row: Row) -> list[Any]:
    return [builder.extract_value(value, part) for part in range(row.parts)]


def _multiply_add(builder: Any, x: Any, y: Any, z: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{LANES}f32")
    return builder.call(function, [x, y, z])
