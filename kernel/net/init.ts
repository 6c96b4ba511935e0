/**
 * The network's start: interfaces, addresses, and what the rest of the kernel calls the stack by.
 *
 *     netInit(device, text, length)     after the scheduler and timers; `text`: the value of `ip=` on the command line
 *
 * Nothing here waits: with DHCP the application runs while the address is on its way, and what
 * listens then answers.
 */
import { load8 } from "../arch/hw";
import { EINVAL } from "../lib/errno";
import { eventAddress } from "../lib/events";
import { LOG_INFO, LOG_WARN, log, logBegin, logEnd, put, putDecimal } from "../lib/log";
import { PAGE_SIZE, totalPageCount } from "../mem/page-allocator";
import { addReclaimer } from "../mem/reclaim";
import { addIdlePoller } from "../sched/idle";
import { monotonicNs } from "../time/clock";
import { AddressText } from "./address-text";
import { arpAnnounce } from "./arp";
import { netSetNow } from "./clock";
import { NetDevice } from "./device";
import { DhcpClient, DhcpListener } from "./dhcp";
import { Interface, interfaceAdd, interfaceSetAddress } from "./interface";
import { nameServersLeased } from "./name-servers";
import { netlinkEventsInit } from "./netlink/events";
import { packetReclaim, packetSetLimit } from "./packet";
import { netFlush, netIdle, netLeave, netPollInit } from "./poll";
import { netProcInit } from "./proc/tree";
import { transportInit } from "./transport";

class BootListener extends DhcpListener {
  bound(client: DhcpClient): void {
    reportAddress(client.via);
  }

  lost(client: DhcpClient): void {
    nameServersLeased(client.dns, 0);
    log(LOG_WARN, "net", "the address lease has ended");
  }

  nameServers(client: DhcpClient): void {
    nameServersLeased(client.dns, client.dnsCount);
  }
}

function putAddress(address: u32): void {
  for (let shift: u32 = 24; ; shift -= 8) {
    putDecimal((address >> shift) & 255);
    if (shift == 0) return;
    put(".");
  }
}

function reportAddress(via: Interface): void {
  if (logBegin(LOG_INFO, "net")) {
    put(via.name);
    put(" has ");
    putAddress(via.address);
    logEnd();
  }
  eventAddress(via.address);
}

function startDhcp(via: Interface): void {
  const client = new DhcpClient(via, new BootListener());
  if (client.start() != 0) log(LOG_WARN, "net", "the DHCP client's port is taken");
}

/** Whether the text at an address is `word`. */
function textIs(text: u64, length: u32, word: string): bool {
  if (length != <u32>word.length) return false;
  for (let i = 0; i < word.length; i++) {
    if (load8(text + <u64>i) != <u32>word.charCodeAt(i)) return false;
  }
  return true;
}

/** What the command line says. */
const given = new AddressText();

/**
 * Brings up the loopback, and the device's interface as `text` (at an address, `length` bytes;
 * empty: dhcp) says: `dhcp`, `none`, or `address/prefix,gateway`. 0, or -EINVAL when it says
 * something else; the interface then stays down.
 */
export function netInit(device: NetDevice | null, text: u64, length: u32): i32 {
  netSetNow(monotonicNs());
  // Packets may take an eighth of the memory, and their pool shrinks when memory is short.
  packetSetLimit((totalPageCount() * PAGE_SIZE) / 8);
  addReclaimer(packetReclaim);
  netPollInit(device != null);
  transportInit();
  addIdlePoller(netIdle);
  netlinkEventsInit();
  netProcInit();
  if (!device) return 0;
  const via = interfaceAdd(device);
  if (!via) return 0;
  let result = 0;
  if (length == 0 || textIs(text, length, "dhcp")) {
    startDhcp(via);
  } else if (given.parseInterface(text, length)) {
    interfaceSetAddress(via, given.address, given.prefix, given.gateway);
    arpAnnounce(via);
    reportAddress(via);
  } else if (!textIs(text, length, "none")) {
    result = -EINVAL;
  }
  netLeave();
  netFlush();
  return result;
}
