/**
 * IGMP version 2, the host's part (RFC 2236): routers are told which multicast groups somebody here
 * has joined. A router of version 3 hears this, too (RFC 3376 section 7.3).
 *
 *     igmpJoined(group), igmpLeft(group)      the first member has come, the last one gone (groups.ts)
 *     igmpInput(packet)                       takes a message, which starts behind its IP header
 *
 * A group's timer runs while it is a Delaying Member; otherwise it is an Idle Member (section 6).
 *
 *     join                report, timer of up to 10 s for a second report
 *     query               timer of up to the query's time, unless one runs that ends earlier
 *     timer               report; the last report is ours
 *     another's report    timer stops; the last report is not ours
 *     leave               a leave message, if the last report was ours
 *
 * The group of all hosts is never reported. After a query of version 1 its routers are spoken to as
 * they understand for 400 s (section 4).
 */
import { store8, store16 } from "../arch/hw";
import { randomU64 } from "../lib/random";
import { checksumAdd, checksumFinish, checksumFold } from "./checksum";
import { netNow } from "./clock";
import { Group, groupFirst } from "./groups";
import { isLocalAddress } from "./interface";
import { ipv4OutputOwnHeader, packetLinearize } from "./ipv4";
import { Packet, packetAlloc, packetFree } from "./packet";
import { netStats } from "./stats";
import { storeBe32 } from "./wire/bytes";
import {
  IGMP_ALL_HOSTS,
  IGMP_ALL_ROUTERS,
  IGMP_LEAVE_GROUP,
  IGMP_LENGTH,
  IGMP_MEMBERSHIP_QUERY,
  IGMP_V1_MEMBERSHIP_REPORT,
  IGMP_V2_MEMBERSHIP_REPORT,
  IPPROTO_IGMP,
  igmpGroup,
  igmpMaxResponse,
  igmpStore,
  igmpType,
} from "./wire/igmp";
import { IPV4_DF, IPV4_HEADER, ipv4HeaderStore } from "./wire/ipv4";

const SECOND: u64 = 1_000_000_000;
/** Section 8.10: within which time after a join its report is repeated. */
const UNSOLICITED_REPORT_INTERVAL: u64 = 10 * SECOND;
/** Section 8.11: how long a router of version 1 is taken to be there. */
const VERSION_1_ROUTER_PRESENT_TIMEOUT: u64 = 400 * SECOND;
/** The time to answer that a query of version 1 gives (section 4). */
const VERSION_1_RESPONSE: u64 = 10 * SECOND;
const TENTH: u64 = SECOND / 10;
/** Version 3's queries have a floating-point number from here on (RFC 3376 section 4.1.1). */
const FLOATING_MIN: u32 = 128;
/** Router Alert (RFC 2113): routers look at the packet, whoever it is for. */
const ROUTER_ALERT: u32 = 0x9404_0000;
const ROUTER_ALERT_LENGTH: u32 = 4;
const HEADER_LENGTH: u32 = IPV4_HEADER + ROUTER_ALERT_LENGTH;
/** Version and header words of a header with one option of a word. */
const VERSION_AND_LENGTH: u32 = 0x46;
/** Only this link's routers hear it. */
const TTL: u32 = 1;

/** Until when a router of version 1 is taken to be there. */
let versionOneUntil: u64 = 0;

/** Sends a message about a group to the link; without memory or an address, nothing is sent. */
function send(group: Group, type: u32, destination: u32): void {
  const source = group.via.address;
  if (source == 0) return;
  const packet = packetAlloc();
  if (!packet) {
    netStats.noBuffer++;
    return;
  }
  const length = HEADER_LENGTH + IGMP_LENGTH;
  const header = packet.append(length);
  ipv4HeaderStore(header, length, 0, IPV4_DF, 0, TTL, IPPROTO_IGMP, source, destination);
  store8(header, VERSION_AND_LENGTH);
  storeBe32(header + IPV4_HEADER, ROUTER_ALERT);
  store16(header + 10, 0);
  store16(header + 10, checksumFinish(checksumAdd(0, header, HEADER_LENGTH)));
  igmpStore(header + HEADER_LENGTH, type, group.address);
  ipv4OutputOwnHeader(packet, HEADER_LENGTH, destination);
}

function isReported(group: Group): bool {
  return group.via.device != null && group.address != IGMP_ALL_HOSTS;
}

function report(group: Group): void {
  const isOld = netNow() < versionOneUntil;
  group.isLastReporter = true;
  const type = isOld ? IGMP_V1_MEMBERSHIP_REPORT : IGMP_V2_MEMBERSHIP_REPORT;
  send(group, type, group.address);
}

/** Arms a group's timer for some time up to `most` nanoseconds from now. */
function delay(group: Group, most: u64): void {
  group.arm(netNow() + 1 + (randomU64() % most));
}

export function igmpJoined(group: Group): void {
  if (!isReported(group)) return;
  report(group);
  delay(group, UNSOLICITED_REPORT_INTERVAL);
}

/** The group is about to be freed; its timer is the caller's to remove. */
export function igmpLeft(group: Group): void {
  const isOld = netNow() < versionOneUntil;
  if (!isReported(group) || !group.isLastReporter || isOld) return;
  send(group, IGMP_LEAVE_GROUP, IGMP_ALL_ROUTERS);
}

/** A group's timer has come to its end. */
export function igmpTimeout(group: Group): void {
  report(group);
}

/** How long a query, whose Max Resp Code is `code`, lets hosts wait. */
function responseTime(code: u32): u64 {
  if (code < FLOATING_MIN) return <u64>code * TENTH;
  const mantissa = <u64>((code & 0x0f) | 0x10);
  return (mantissa << (((code >> 4) & 7) + 3)) * TENTH;
}

/** A router asks about a group, or (0) all of them. */
function asked(about: u32, code: u32): void {
  if (code == 0) versionOneUntil = netNow() + VERSION_1_ROUTER_PRESENT_TIMEOUT;
  const most = code == 0 ? VERSION_1_RESPONSE : responseTime(code);
  let group = groupFirst();
  while (group) {
    const isMeant = isReported(group) && (about == 0 || about == group.address);
    if (isMeant && (!group.isArmed() || group.deadline > netNow() + most)) delay(group, most);
    group = group.next;
  }
}

/** Another host has told the routers of a group: that will do. */
function reported(address: u32): void {
  let group = groupFirst();
  while (group) {
    if (group.address == address && group.isArmed()) {
      group.cancel();
      group.isLastReporter = false;
    }
    group = group.next;
  }
}

/** Takes a packet that starts behind its IP header. */
export function igmpInput(packet: Packet): void {
  const whole = packetLinearize(packet);
  if (!whole) return;
  const message = whole.data;
  const isWhole = whole.length >= IGMP_LENGTH;
  if (!isWhole || checksumFold(checksumAdd(0, message, whole.length)) != 0xffff) {
    netStats.malformed++;
  } else if (whole.networkLength != 0 && !isLocalAddress(whole.source)) {
    const type = igmpType(message);
    if (type == IGMP_MEMBERSHIP_QUERY) {
      asked(igmpGroup(message), igmpMaxResponse(message));
    } else if (type == IGMP_V1_MEMBERSHIP_REPORT || type == IGMP_V2_MEMBERSHIP_REPORT) {
      reported(igmpGroup(message));
    }
  }
  packetFree(whole);
}
