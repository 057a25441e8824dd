"""A hint to the processor for numba's loops: fetch a place of memory that will soon be read."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_INT32, _BYTES = ir.IntType(32), ir.IntType(8).as_pointer()


@intrinsic
def prefetch(typingctx: Any, array: Any, offset: Any) -> Any:
    """Fetch the cache line that holds the byte ``offset`` of an array; beyond its end the hint does nothing."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.gep(builder.bitcast(data, _BYTES), [arguments[1]])
        kind = ir.FunctionType(ir.VoidType(), [_BYTES, _INT32, _INT32, _INT32])
        hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(hint, [place, _INT32(0), _INT32(3), _INT32(1)])  # to read; keep in every cache; data
        return context.get_dummy_value()

    return types.void(array, types.intp), emit
