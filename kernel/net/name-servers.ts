/**
 * The name servers that programs are to ask, for /proc/net/pnp: those of the command line (`dns=`),
 * or, where it names none, those that DHCP gave last.
 *
 *     nameServerAdd(text, length)            one of the command line; false: it is no address
 *     nameServersLeased(addresses, count)    from DHCP; count 0 when the lease has ended
 *     nameServersText(out)                   as resolv.conf(5) has it
 */
import { TextBuffer } from "../lib/text-buffer";
import { realtimeNs } from "../time/clock";
import { AddressText } from "./address-text";

/** C libraries look at so many (MAXNS in resolv.h). */
const SERVERS_MAX = 3;

/** In host byte order. */
const servers: StaticArray<u32> = new StaticArray<u32>(SERVERS_MAX);
let serverCount: i32 = 0;
/** They are the command line's. */
let isFixed: bool = false;
let changedAt: u64 = 0;
const parsed = new AddressText();

/** Further ones than a C library looks at are left out. */
export function nameServerAdd(text: u64, length: u32): bool {
  if (!parsed.parseAddress(text, length)) return false;
  isFixed = true;
  if (serverCount < SERVERS_MAX) servers[serverCount++] = parsed.address;
  return true;
}

export function nameServersLeased(addresses: StaticArray<u32>, count: i32): void {
  if (isFixed) return;
  const wanted = min(count, SERVERS_MAX);
  let isSame = wanted == serverCount;
  for (let i = 0; i < wanted; i++) {
    isSame = isSame && servers[i] == addresses[i];
    servers[i] = addresses[i];
  }
  serverCount = wanted;
  if (!isSame) changedAt = realtimeNs();
}

/** When the text last became another one, in ns since 1970: resolvers read it again by that. */
export function nameServersChangedNs(): u64 {
  return changedAt;
}

export function nameServersText(out: TextBuffer): void {
  out.put(isFixed ? "#MANUAL\n" : "#PROTO: DHCP\n");
  for (let i = 0; i < serverCount; i++) {
    const address = servers[i];
    out
      .put("nameserver ")
      .decimal(address >> 24)
      .put(".");
    out
      .decimal((address >> 16) & 255)
      .put(".")
      .decimal((address >> 8) & 255)
      .put(".");
    out.decimal(address & 255).put("\n");
  }
}
