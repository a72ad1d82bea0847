"""Single loads from memory, and the product of two 64-bit numbers, for kernels that read records where they lie.

An address is an int64. Nothing here checks a bound: each kernel compares with the end of its record first.
"""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

Whole = Any
"""A whole number as compiled code has it: 64 bits, signed unless it says so. For mypy anything: Numba infers it."""


def _load(width: int) -> Any:
    """Return an intrinsic that loads an integer of so many bits: unsigned, but for 32 bits."""
    returned = types.int32 if width == 32 else getattr(types, f"uint{width}")

    @intrinsic
    def load(_: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], ir.IntType(width).as_pointer())
            return builder.load(pointer, align=1)

        return returned(types.int64), generate

    return load


load8 = _load(8)
"""The byte at an address."""
load32 = _load(32)
"""The signed 32-bit integer at an address."""
load64 = _load(64)
"""The 64 bits at an address, in the machine's order."""


def _store(width: int) -> Callable[[Whole, Whole], None]:
    """Return an intrinsic that writes the low bits of a number to an address."""

    @intrinsic
    def store(_: Any, address: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], ir.IntType(width).as_pointer())
            value = arguments[1] if width == 64 else builder.trunc(arguments[1], ir.IntType(width))
            builder.store(value, pointer, align=1)
            return context.get_dummy_value()

        return types.none(types.int64, types.int64), generate

    return cast(Callable[[Whole, Whole], None], store)


store8, store32, store64 = _store(8), _store(32), _store(64)
"""Write the low bits of a number to an address."""


@intrinsic
def _address_of(_: Any, array: Any) -> Any:
    """The address of an array's first element."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = context.make_array(array)(context, builder, value=arguments[0])
        return builder.ptrtoint(made.data, ir.IntType(64))

    return types.int64(array), generate


address_of = cast(Callable[[Any], Whole], _address_of)
"""The address of an array's first element. The array must be kept for as long as it is used."""


@intrinsic
def _eight_words(_: Any, address: Any, wanted: Any, ignored: Any) -> Any:
    """See :data:`eight_words`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, bit, eight = ir.IntType(64), ir.IntType(8), ir.VectorType(ir.IntType(64), 8)

        def in_all(value: Any) -> Any:
            first = builder.insert_element(ir.Constant(eight, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
            every = ir.Constant(ir.VectorType(ir.IntType(32), 8), [0] * 8)
            return builder.shuffle_vector(first, ir.Constant(eight, ir.Undefined), every)

        held = builder.load(builder.inttoptr(arguments[0], eight.as_pointer()), align=8)
        told = builder.and_(held, in_all(builder.not_(arguments[2])))
        same = builder.icmp_unsigned("==", told, in_all(arguments[1]))
        zero = builder.icmp_unsigned("==", held, ir.Constant(eight, [0] * 8))
        low, high = (builder.zext(builder.bitcast(which, bit), word) for which in (same, zero))
        return builder.or_(low, builder.shl(high, ir.Constant(word, 8)))

    return types.uint64(types.int64, types.uint64, types.uint64), generate


eight_words = cast(Callable[[Whole, Whole, Whole], Whole], _eight_words)
"""Compare eight words that lie one behind the other, the first one at a multiple of eight.

Bits 0 to 7 say which of them are `wanted`, but for the bits that are ignored; bits 8 to 15, which of them are 0.
"""


@intrinsic
def _trailing_zeros(_: Any, word: Any) -> Any:
    """The number of bits 0 below the lowest bit 1 of a word; 64 if there is none."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


trailing_zeros = cast(Callable[[Whole], Whole], _trailing_zeros)


@intrinsic
def _folded_product(_: Any, left: Any, right: Any) -> Any:
    """The 128 bits of a product of two unsigned 64-bit numbers, its upper half xored into its lower one."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(argument, wide) for argument in arguments))
        upper = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))
        return builder.xor(builder.trunc(product, ir.IntType(64)), upper)

    return types.uint64(types.uint64, types.uint64), generate


folded_product = cast(Callable[[Whole, Whole], Whole], _folded_product)


@intrinsic
def _prefetch(_: Any, address: Any) -> Any:
    """Ask the processor to bring what lies at an address nearer. Any address is allowed."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = ir.IntType(8).as_pointer()
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        constants = [ir.Constant(number, value) for value in (0, 3, 1)]
        builder.call(function, [builder.inttoptr(arguments[0], pointer), *constants])
        return context.get_dummy_value()

    return types.none(types.int64), generate


prefetch = cast(Callable[[Whole], None], _prefetch)
