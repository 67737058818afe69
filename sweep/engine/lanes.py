"""Eight comparisons at once: instructions that the compiler does not find by itself.

A search that looks at eight values a step nearly always ends at its first, where a walk ends after
a number of steps that the processor can only guess, twice a trade. Without compiling
(`NUMBA_DISABLE_JIT=1`) the plain functions stand in.
"""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.core import config as numba_config
from numba.extending import intrinsic

from detectors.bars import Float

LANES = 8
"""Values looked at together; arrays have as many more behind the last place that is asked for."""


def _plain_short_of(values: Float, place: int, level: float) -> int:
    return sum(1 << k for k in range(LANES) if values[place + k] < level)


def _plain_trailing_zeros(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


@intrinsic
def _short_of(_typing: Any, values: Any, place: Any, level: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        eight, i32 = ir.VectorType(ir.DoubleType(), LANES), ir.IntType(32)
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        start = builder.gep(array.data, [arguments[1]])
        loaded = builder.load(builder.bitcast(start, eight.as_pointer()), align=8)
        one = builder.insert_element(ir.Constant(eight, ir.Undefined), arguments[2], i32(0))
        everywhere = ir.Constant(ir.VectorType(i32, LANES), [0] * LANES)
        levels = builder.shuffle_vector(one, one, everywhere)
        holds = builder.fcmp_ordered("<", loaded, levels)
        return builder.zext(builder.bitcast(holds, ir.IntType(LANES)), ir.IntType(64))

    return types.int64(values, types.int64, types.float64), generate


@intrinsic
def _trailing_zeros(_typing: Any, mask: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.int64), generate


_PLAIN = bool(vars(numba_config)["DISABLE_JIT"])

short_of: Callable[[Float, int, float], int] = (
    _plain_short_of if _PLAIN else cast("Callable[[Float, int, float], int]", _short_of)
)
"""Mask of the values from a place on that are < a level: bit k for value k; NaN is not."""

trailing_zeros: Callable[[int], int] = (
    _plain_trailing_zeros if _PLAIN else cast("Callable[[int], int]", _trailing_zeros)
)
"""Number of the lowest bit that is set in a mask; there must be one."""
