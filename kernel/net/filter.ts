/**
 * Classic BPF, by which a socket says what it wants to see: the machine of S. McCanne and V.
 * Jacobson, "The BSD Packet Filter" (USENIX 1993), as Linux extends it (bpf(4) of the BSDs;
 * Documentation/networking/filter.rst).
 *
 *     filterIsValid(program, count)             whether all its instructions are, and it ends
 *     filterRun(program, count, context)        how many bytes of the packet to keep; 0: none, drop it
 *
 *     struct sock_filter    0 code (u16)   2 jt (u8)   3 jf (u8)   4 k (u32)
 *
 * Jumps go forward only, so a program that is valid ends. What it loads from outside of the packet
 * ends it, as by `ret #0`.
 */
import { load8, load16, load32 } from "../arch/hw";

export const INSTRUCTION_SIZE: usize = 8;
/** BPF_MAXINSNS. */
export const INSTRUCTIONS_MAX: u32 = 4096;
const MEMORY_WORDS: u32 = 16;

// Classes of instructions, include/uapi/linux/bpf_common.h.
const CLASS_MASK: u32 = 0x07;
const BPF_LD: u32 = 0x00;
const BPF_LDX: u32 = 0x01;
const BPF_ST: u32 = 0x02;
const BPF_STX: u32 = 0x03;
const BPF_ALU: u32 = 0x04;
const BPF_JMP: u32 = 0x05;
const BPF_RET: u32 = 0x06;
// Of loads: sizes and modes.
const SIZE_MASK: u32 = 0x18;
const BPF_H: u32 = 0x08;
const BPF_B: u32 = 0x10;
const MODE_MASK: u32 = 0xe0;
const BPF_IMM: u32 = 0x00;
const BPF_ABS: u32 = 0x20;
const BPF_IND: u32 = 0x40;
const BPF_MEM: u32 = 0x60;
const BPF_LEN: u32 = 0x80;
const BPF_MSH: u32 = 0xa0;
// Of arithmetic and jumps: operations, and where the operand is.
const OPERATION_MASK: u32 = 0xf0;
const BPF_ADD: u32 = 0x00;
const BPF_SUB: u32 = 0x10;
const BPF_MUL: u32 = 0x20;
const BPF_DIV: u32 = 0x30;
const BPF_OR: u32 = 0x40;
const BPF_AND: u32 = 0x50;
const BPF_LSH: u32 = 0x60;
const BPF_RSH: u32 = 0x70;
const BPF_NEG: u32 = 0x80;
const BPF_MOD: u32 = 0x90;
const BPF_XOR: u32 = 0xa0;
const BPF_JA: u32 = 0x00;
const BPF_JEQ: u32 = 0x10;
const BPF_JGT: u32 = 0x20;
const BPF_JGE: u32 = 0x30;
const BPF_JSET: u32 = 0x40;
const BPF_X: u32 = 0x08;
const RET_A: u32 = 0x16;
const RET_K: u32 = 0x06;
const MISC_TAX: u32 = 0x07;
const MISC_TXA: u32 = 0x87;

// Offsets of loads that mean something else, include/uapi/linux/filter.h: what is known of the
// packet, and places from the network's and the link's header on.
const SKF_AD_OFF: i32 = -0x1000;
const SKF_NET_OFF: i32 = -0x10_0000;
const SKF_LL_OFF: i32 = -0x20_0000;
const SKF_AD_PROTOCOL: i32 = 0;
const SKF_AD_PKTTYPE: i32 = 4;
const SKF_AD_IFINDEX: i32 = 8;
const SKF_AD_VLAN_TAG: i32 = 44;
const SKF_AD_VLAN_TAG_PRESENT: i32 = 48;

/** What a program is run on. Bytes before `start` that belong to the packet are the link's. */
@unmanaged
export class FilterContext {
  /** Address of what the socket is given, and its length. */
  start: u64;
  length: u32;
  /** From `start` to the network's header: 0 where the socket is given no link header. */
  networkOffset: u32;
  /** Bytes of a link header before `start`. */
  linkBytes: u32;
  etherType: u32;
  kind: u32;
  interfaceIndex: i32;
}

function codeAt(program: usize, index: u32): u32 {
  return load<u16>(program + <usize>index * INSTRUCTION_SIZE);
}

function operandAt(program: usize, index: u32): u32 {
  return load<u32>(program + <usize>index * INSTRUCTION_SIZE, 4);
}

function isKnownExtension(offset: i32): bool {
  return (
    offset == SKF_AD_PROTOCOL ||
    offset == SKF_AD_PKTTYPE ||
    offset == SKF_AD_IFINDEX ||
    offset == SKF_AD_VLAN_TAG ||
    offset == SKF_AD_VLAN_TAG_PRESENT
  );
}

function isValidLoad(code: u32, k: u32): bool {
  const isWord = (code & SIZE_MASK) == 0;
  const isX = (code & CLASS_MASK) == BPF_LDX;
  switch (code & MODE_MASK) {
    case BPF_IMM:
    case BPF_LEN:
      return isWord;
    case BPF_MEM:
      return isWord && k < MEMORY_WORDS;
    case BPF_MSH:
      return isX && (code & SIZE_MASK) == BPF_B;
    case BPF_ABS:
      if (isX || (code & SIZE_MASK) == SIZE_MASK) return false;
      return <i32>k < SKF_AD_OFF || <i32>k >= 0 || isKnownExtension(<i32>k - SKF_AD_OFF);
    case BPF_IND:
      return !isX && (code & SIZE_MASK) != SIZE_MASK;
    default:
      return false;
  }
}

function isValidArithmetic(code: u32, k: u32): bool {
  const operation = code & OPERATION_MASK;
  if (operation > BPF_XOR) return false;
  if (operation == BPF_NEG) return (code & BPF_X) == 0;
  if ((code & BPF_X) != 0) return true;
  if (operation == BPF_DIV || operation == BPF_MOD) return k != 0;
  return (operation != BPF_LSH && operation != BPF_RSH) || k < 32;
}

/** Whether a jump ends within the program, `left` instructions of which follow. */
function isValidJump(at: usize, code: u32, k: u32, left: u32): bool {
  if ((code & OPERATION_MASK) == BPF_JA) return code == (BPF_JMP | BPF_JA) && k < left;
  return (
    (code & OPERATION_MASK) <= BPF_JSET &&
    <u32>load<u8>(at, 2) < left &&
    <u32>load<u8>(at, 3) < left
  );
}

export function filterIsValid(program: usize, count: u32): bool {
  if (count == 0 || count > INSTRUCTIONS_MAX) return false;
  for (let i: u32 = 0; i < count; i++) {
    const at = program + <usize>i * INSTRUCTION_SIZE;
    const code = codeAt(program, i);
    const k = operandAt(program, i);
    if (code > 0xff) return false;
    let isValid = false;
    switch (code & CLASS_MASK) {
      case BPF_LD:
      case BPF_LDX:
        isValid = isValidLoad(code, k);
        break;
      case BPF_ST:
      case BPF_STX:
        isValid = code <= BPF_STX && k < MEMORY_WORDS;
        break;
      case BPF_ALU:
        isValid = isValidArithmetic(code, k);
        break;
      case BPF_JMP:
        isValid = isValidJump(at, code, k, count - 1 - i);
        break;
      case BPF_RET:
        isValid = code == RET_A || code == RET_K;
        break;
      default:
        isValid = code == MISC_TAX || code == MISC_TXA;
    }
    if (!isValid) return false;
  }
  return (codeAt(program, count - 1) & CLASS_MASK) == BPF_RET;
}

/** The memory of the program that runs; no other runs meanwhile. */
const words: usize = memory.data(16 * 4, 4);

/** There is no such place in the packet. */
const NOWHERE: i64 = -1;

/** A value of the packet, or of what is known of it; NOWHERE. */
function loadPacket(context: FilterContext, offset: i32, size: u32): i64 {
  let at = <i64>offset;
  if (offset < 0) {
    if (offset >= SKF_AD_OFF) return loadExtension(context, offset - SKF_AD_OFF);
    if (offset >= SKF_NET_OFF) at = <i64>context.networkOffset + (offset - SKF_NET_OFF);
    else if (offset >= SKF_LL_OFF) at = <i64>(offset - SKF_LL_OFF) - context.linkBytes;
    else return NOWHERE;
  }
  const bytes: i64 = size == BPF_B ? 1 : size == BPF_H ? 2 : 4;
  if (at < -(<i64>context.linkBytes) || at + bytes > <i64>context.length) return NOWHERE;
  const address = context.start + <u64>at;
  if (size == BPF_B) return load8(address);
  return size == BPF_H ? bswap<u16>(<u16>load16(address)) : bswap<u32>(load32(address));
}

function loadExtension(context: FilterContext, offset: i32): i64 {
  switch (offset) {
    case SKF_AD_PROTOCOL:
      return context.etherType;
    case SKF_AD_PKTTYPE:
      return context.kind;
    case SKF_AD_IFINDEX:
      return context.interfaceIndex;
    case SKF_AD_VLAN_TAG:
    case SKF_AD_VLAN_TAG_PRESENT:
      // Tags are where they came: in the frame.
      return 0;
    default:
      return NOWHERE;
  }
}

/** The value of a load instruction; NOWHERE. */
function loadValue(context: FilterContext, code: u32, k: u32, x: u32): i64 {
  switch (code & MODE_MASK) {
    case BPF_IMM:
      return k;
    case BPF_LEN:
      return context.length;
    case BPF_MEM:
      return load<u32>(words + ((<usize>k) << 2));
    case BPF_MSH: {
      // Four times the lower half of a byte: the length of an IP header.
      const byte = loadPacket(context, <i32>k, BPF_B);
      return byte < 0 ? NOWHERE : (byte & 15) << 2;
    }
    case BPF_IND:
      return loadPacket(context, <i32>(k + x), code & SIZE_MASK);
    default:
      return loadPacket(context, <i32>k, code & SIZE_MASK);
  }
}

/** A division by zero has been seen to by the caller. */
function compute(operation: u32, a: u32, b: u32): u32 {
  switch (operation) {
    case BPF_ADD:
      return a + b;
    case BPF_SUB:
      return a - b;
    case BPF_MUL:
      return a * b;
    case BPF_DIV:
      return a / b;
    case BPF_MOD:
      return a % b;
    case BPF_OR:
      return a | b;
    case BPF_AND:
      return a & b;
    case BPF_XOR:
      return a ^ b;
    case BPF_LSH:
      return a << (b & 31);
    case BPF_RSH:
      return a >> (b & 31);
    default:
      return 0 - a;
  }
}

function holds(operation: u32, a: u32, b: u32): bool {
  if (operation == BPF_JEQ) return a == b;
  if (operation == BPF_JGT) return a > b;
  return operation == BPF_JGE ? a >= b : (a & b) != 0;
}

/** Runs a valid program of `count` instructions. */
export function filterRun(program: usize, count: u32, context: FilterContext): u32 {
  let a: u32 = 0;
  let x: u32 = 0;
  let value: i64 = 0;
  memory.fill(words, 0, (<usize>MEMORY_WORDS) << 2);
  const end = program + <usize>count * INSTRUCTION_SIZE;
  for (let at = program; at < end; at += INSTRUCTION_SIZE) {
    const code: u32 = load<u16>(at);
    const k = load<u32>(at, 4);
    const operand = (code & BPF_X) != 0 ? x : k;
    switch (code & CLASS_MASK) {
      case BPF_LD:
      case BPF_LDX:
        value = loadValue(context, code, k, x);
        if (value == NOWHERE) return 0;
        if ((code & CLASS_MASK) == BPF_LD) a = <u32>value;
        else x = <u32>value;
        break;
      case BPF_ST:
        store<u32>(words + ((<usize>k) << 2), a);
        break;
      case BPF_STX:
        store<u32>(words + ((<usize>k) << 2), x);
        break;
      case BPF_ALU: {
        const operation = code & OPERATION_MASK;
        if ((operation == BPF_DIV || operation == BPF_MOD) && operand == 0) return 0;
        a = compute(operation, a, operand);
        break;
      }
      case BPF_JMP: {
        const operation = code & OPERATION_MASK;
        const step: u32 =
          operation == BPF_JA
            ? k
            : holds(operation, a, operand)
              ? load<u8>(at, 2)
              : load<u8>(at, 3);
        at += <usize>step * INSTRUCTION_SIZE;
        break;
      }
      case BPF_RET:
        return code == RET_A ? a : k;
      default:
        if (code == MISC_TAX) x = a;
        else a = x;
    }
  }
  return 0;
}
