/**
 * SO_ATTACH_FILTER: a program of classic BPF (net/filter.ts), from the application to a socket.
 *
 *     struct sock_fprog    0 number of instructions (u16)   8 their address (u64)
 */
import { EINVAL, ENOMEM } from "../../lib/errno";
import { loadUser } from "../../linux/user-memory";
import { heapAlloc, heapFree } from "../../runtime/heap";
import { filterIsValid, INSTRUCTION_SIZE, INSTRUCTIONS_MAX } from "../filter";
import { Socket } from "./socket";

const FPROG_SIZE: u32 = 16;

/** `value` holds `size` bytes of a struct sock_fprog. 0 or a negative errno. May sleep. */
export function attachFilter(socket: Socket, value: usize, size: u32): i32 {
  if (size != FPROG_SIZE) return -EINVAL;
  const count: u32 = load<u16>(value);
  if (count == 0 || count > INSTRUCTIONS_MAX) return -EINVAL;
  const bytes = <usize>count * INSTRUCTION_SIZE;
  const program = heapAlloc(bytes);
  if (program == 0) return -ENOMEM;
  let error = loadUser(program, load<u64>(value, 8), bytes);
  if (error == 0 && !filterIsValid(program, count)) error = -EINVAL;
  if (error == 0) error = socket.takeFilter(program, count);
  if (error != 0) heapFree(program);
  return error;
}
