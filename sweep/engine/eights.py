"""Eight numbers as one value: an instruction of the processor for all of them.

The compiler joins lanes by itself only where a loop is plain enough; what runs once a trade says
so. Without compiling (`NUMBA_DISABLE_JIT=1`) arrays of eight stand in.
"""

import operator
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import config as numba_config
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable
from numpy.typing import NDArray

from detectors.bars import Float

LANES = 8
"""Numbers taken together; arrays have as many more behind the last place that is asked for."""

Eight = Float
"""Eight numbers; they can be added, subtracted, multiplied and divided."""

Array = Float | NDArray[np.int32]

_VECTOR, _I32, _I64 = ir.VectorType(ir.DoubleType(), LANES), ir.IntType(32), ir.IntType(64)


class _Eight(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Eight")


_eight_type = _Eight()


@register_model(_Eight)
class _EightModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:  # noqa: ANN401
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


def _arithmetic(symbol: Any, instruction: str) -> None:  # noqa: ANN401
    def typing(_context: Any) -> Any:  # noqa: ANN401
        def both(one: Any, other: Any) -> Any:  # noqa: ANN401
            return _eight_type if isinstance(one, _Eight) and isinstance(other, _Eight) else None

        return both

    def lowering(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return getattr(builder, instruction)(*arguments)

    type_callable(symbol)(typing)
    lower_builtin(symbol, _Eight, _Eight)(lowering)  # type: ignore[no-untyped-call]


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _arithmetic(_symbol, _instruction)


def _address(context: Any, builder: Any, array_type: Any, array: Any, place: Any) -> Any:  # noqa: ANN401
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [place])


@intrinsic
def _eight(_typing: Any, values: Any, place: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        start = _address(context, builder, signature.args[0], *arguments)
        return builder.load(builder.bitcast(start, _VECTOR.as_pointer()), align=8)

    return _eight_type(values, types.int64), generate


@intrinsic
def _down(_typing: Any, table: Any, row: Any, column: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        strides = [builder.extract_value(array.strides, axis) for axis in (0, 1)]
        ahead = builder.add(*map(builder.mul, arguments[1:], strides))
        start = builder.add(builder.ptrtoint(array.data, _I64), ahead)
        found: Any = ir.Constant(_VECTOR, ir.Undefined)
        for lane in range(LANES):
            number = builder.load(builder.inttoptr(start, ir.DoubleType().as_pointer()))
            found = builder.insert_element(found, number, _I32(lane))
            start = builder.add(start, strides[0])
        return found

    return _eight_type(table, types.int64, types.int64), generate


@intrinsic
def _put(_typing: Any, values: Any, place: Any, numbers: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        start = _address(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], builder.bitcast(start, _VECTOR.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(values, types.int64, _eight_type), generate


@intrinsic
def _spread(_typing: Any, number: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), arguments[0], _I32(0))
        everywhere = ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)
        return builder.shuffle_vector(one, one, everywhere)

    return _eight_type(types.float64), generate


def _comparison(symbol: str) -> Any:  # noqa: ANN401
    @intrinsic
    def mask(_typing: Any, one: Any, other: Any) -> Any:  # noqa: ANN401, ARG001
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            holds = builder.fcmp_ordered(symbol, *arguments)
            return builder.zext(builder.bitcast(holds, ir.IntType(LANES)), _I64)

        return types.int64(_eight_type, _eight_type), generate

    return mask


@intrinsic
def _where_below(_typing: Any, one: Any, other: Any, then: Any, otherwise: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.select(builder.fcmp_ordered("<", *arguments[:2]), *arguments[2:])

    return _eight_type(*(4 * [_eight_type])), generate


@intrinsic
def _trailing_zeros(_typing: Any, mask: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.int64), generate


@intrinsic
def _fetch(_typing: Any, values: Any, place: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        byte = ir.IntType(8).as_pointer()
        start = _address(context, builder, signature.args[0], *arguments)
        kind = ir.FunctionType(ir.VoidType(), [byte, _I32, _I32, _I32])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        # Not for writing alone, to stay in all caches, data.
        builder.call(prefetch, [builder.bitcast(start, byte), _I32(0), _I32(3), _I32(1)])
        return context.get_dummy_value()

    return types.void(values, types.int64), generate


def lines(count: int) -> Float:
    """Return room for rows of eight numbers, each a cache line: float64 [count, LANES], void."""
    room = np.empty((count + 1) * LANES)
    ahead = -(room.ctypes.data // room.itemsize) % LANES
    return room[ahead : ahead + count * LANES].reshape(count, LANES)


def _plain_eight(values: Float, place: int) -> Eight:
    return values[place : place + LANES].copy()


def _plain_down(table: Float, row: int, column: int) -> Eight:
    return table[row : row + LANES, column]


def _plain_put(values: Float, place: int, numbers: Eight) -> None:
    values[place : place + LANES] = numbers


def _plain_spread(number: float) -> Eight:
    return np.full(LANES, number)


def _plain_mask(holds: NDArray[np.bool_]) -> int:
    return cast("int", np.packbits(holds, bitorder="little")[0].astype(np.int64))


def _plain_below(one: Eight, other: Eight) -> int:
    return _plain_mask(one < other)


def _plain_reaching(one: Eight, other: Eight) -> int:
    return _plain_mask(one >= other)


def _plain_where_below(one: Eight, other: Eight, then: Eight, otherwise: Eight) -> Eight:
    return np.where(one < other, then, otherwise)


def _plain_trailing_zeros(mask: int) -> int:
    return (int(mask) & -int(mask)).bit_length() - 1


def _plain_fetch(values: Array, place: int) -> None:
    """Do nothing: what is fetched ahead changes no number."""


_PLAIN = bool(vars(numba_config)["DISABLE_JIT"])

eight = cast("Callable[[Float, int], Eight]", _plain_eight if _PLAIN else _eight)
"""Return the eight numbers from a place of an array on."""

down = cast("Callable[[Float, int, int], Eight]", _plain_down if _PLAIN else _down)
"""Return eight numbers of a column of a table, from a row on."""

put = cast("Callable[[Float, int, Eight], None]", _plain_put if _PLAIN else _put)
"""Write eight numbers into an array, from a place on."""

spread = cast("Callable[[float], Eight]", _plain_spread if _PLAIN else _spread)
"""Return a number eight times."""

below = cast("Callable[[Eight, Eight], int]", _plain_below if _PLAIN else _comparison("<"))
"""Return a mask: bit k where lane k of the first is below that of the second; NaN is not."""

reaching = cast("Callable[[Eight, Eight], int]", _plain_reaching if _PLAIN else _comparison(">="))
"""Return a mask: bit k where lane k of the first is at or above that of the second; NaN is not."""

where_below = cast(
    "Callable[[Eight, Eight, Eight, Eight], Eight]", _plain_where_below if _PLAIN else _where_below
)
"""Return, lane by lane, the third where the first is below the second, else the fourth."""

trailing_zeros = cast("Callable[[int], int]", _plain_trailing_zeros if _PLAIN else _trailing_zeros)
"""Return the number of the lowest bit that is set in a mask; there must be one."""

fetch = cast("Callable[[Array, int], None]", _plain_fetch if _PLAIN else _fetch)
"""Have the cache line of a place of an array brought: it is needed soon."""
