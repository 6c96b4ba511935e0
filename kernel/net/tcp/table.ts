/**
 * The connection table: from addresses and ports to the `Endpoint` (a Connection or a TimeWait)
 * that a segment is for.
 *
 *     tableFind(local, remote, ports)     tableInsert(endpoint)     tableRemove(endpoint)
 *
 * A hash table with chains through the endpoints themselves, doubled when there are more endpoints
 * than chains. The hash is keyed, so that a peer can't aim at one chain, and cheap: two
 * multiplications. The table is shared by nothing, so with more CPUs each has its own, and
 * receive-side scaling by the same tuple sends a connection's packets there.
 */
import { panic } from "../../lib/panic";
import { heapAlloc, heapFree } from "../../runtime/heap";
import { NetTimer } from "../timers";
import { State } from "./state";

/**
 * What a segment may be for. Addresses in host order; `ports` has the local one in the upper half.
 */
export abstract class Endpoint extends NetTimer {
  localAddress: u32 = 0;
  remoteAddress: u32 = 0;
  ports: u32 = 0;
  hashNext: Endpoint | null = null;
  inTable: bool = false;
  state: State = State.CLOSED;

  @inline
  localPort(): u32 {
    return this.ports >> 16;
  }

  @inline
  remotePort(): u32 {
    return this.ports & 0xffff;
  }

  @inline
  isTimeWait(): bool {
    return this.state == State.TIME_WAIT;
  }
}

const CHAINS_MIN: u32 = 256;

let chains: usize = 0;
let chainCount: u32 = 0;
let endpointCount: u32 = 0;
let secret: u64 = 0x9e3779b97f4a7c15;

/** Sets the key of the hash; before the first insertion. */
export function tableKey(value: u64): void {
  secret = value | 1;
}

function chainOf(local: u32, remote: u32, ports: u32): usize {
  const mixed = ((((<u64>remote) << 32) | ports) ^ secret) * 0x9e3779b97f4a7c15 + local;
  const hash = <u32>((mixed * secret) >> 40) ^ <u32>(mixed >> 29);
  return chains + ((<usize>(hash & (chainCount - 1))) << 2);
}

/** False, and the table is as it was, when memory is short. */
function allocateChains(count: u32): bool {
  const made = heapAlloc((<usize>count) << 2);
  if (made == 0) return false;
  memory.fill(made, 0, (<usize>count) << 2);
  chains = made;
  chainCount = count;
  return true;
}

function link(endpoint: Endpoint): void {
  const chain = chainOf(endpoint.localAddress, endpoint.remoteAddress, endpoint.ports);
  endpoint.hashNext = changetype<Endpoint | null>(load<usize>(chain));
  store<usize>(chain, changetype<usize>(endpoint));
}

/** Without memory for more chains, those there are get longer. */
function grow(): void {
  const old = chains;
  const oldCount = chainCount;
  if (!allocateChains(oldCount * 2)) return;
  for (let i: u32 = 0; i < oldCount; i++) {
    let endpoint = changetype<Endpoint | null>(load<usize>(old + ((<usize>i) << 2)));
    while (endpoint) {
      const next = endpoint.hashNext;
      link(endpoint);
      endpoint = next;
    }
  }
  heapFree(old);
}

export function tableInit(): void {
  if (chainCount == 0 && !allocateChains(CHAINS_MIN)) panic("tcp", "no memory at boot");
}

export function tableCount(): u32 {
  return endpointCount;
}

export function tableFind(local: u32, remote: u32, ports: u32): Endpoint | null {
  let endpoint = changetype<Endpoint | null>(load<usize>(chainOf(local, remote, ports)));
  while (endpoint) {
    if (
      endpoint.ports == ports &&
      endpoint.remoteAddress == remote &&
      endpoint.localAddress == local
    ) {
      return endpoint;
    }
    endpoint = endpoint.hashNext;
  }
  return null;
}

/** The tuple must not be in the table yet. */
export function tableInsert(endpoint: Endpoint): void {
  assert(!endpoint.inTable, "an endpoint is entered once");
  if (endpointCount >= chainCount) grow();
  link(endpoint);
  endpoint.inTable = true;
  endpointCount++;
}

export function tableRemove(endpoint: Endpoint): void {
  assert(endpoint.inTable, "the endpoint is in the table");
  const chain = chainOf(endpoint.localAddress, endpoint.remoteAddress, endpoint.ports);
  let previous: Endpoint | null = null;
  let at = changetype<Endpoint | null>(load<usize>(chain));
  while (at && at != endpoint) {
    previous = at;
    at = at.hashNext;
  }
  if (previous) previous.hashNext = endpoint.hashNext;
  else store<usize>(chain, changetype<usize>(endpoint.hashNext));
  endpoint.hashNext = null;
  endpoint.inTable = false;
  endpointCount--;
}

/**
 * Whether any endpoint uses a local port: for bind(2). Looks at all of them, which bind can afford.
 */
export function tablePortInUse(address: u32, port: u32, timeWaitCounts: bool): bool {
  for (let i: u32 = 0; i < chainCount; i++) {
    let endpoint = tableChain(i);
    while (endpoint) {
      if (
        endpoint.localPort() == port &&
        (address == 0 || endpoint.localAddress == address) &&
        (timeWaitCounts || !endpoint.isTimeWait())
      ) {
        return true;
      }
      endpoint = endpoint.hashNext;
    }
  }
  return false;
}

/** Chain i of `tableChainCount()`, linked by `hashNext`: for listings as /proc/net/tcp. */
export function tableChain(index: u32): Endpoint | null {
  return changetype<Endpoint | null>(load<usize>(chains + ((<usize>index) << 2)));
}

export function tableChainCount(): u32 {
  return chainCount;
}
