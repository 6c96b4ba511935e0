/**
 * IGMP version 2 (RFC 2236 section 2): type, maximum response time, checksum, group. Version 3's
 * queries (RFC 3376 section 4.1) begin the same way.
 */
import { load8, store8, store16 } from "../../arch/hw";
import { checksumAdd, checksumFinish } from "../checksum";
import { loadBe32, storeBe32 } from "./bytes";

export const IPPROTO_IGMP: u32 = 2;
export const IGMP_LENGTH: u32 = 8;

export const IGMP_MEMBERSHIP_QUERY: u32 = 0x11;
export const IGMP_V1_MEMBERSHIP_REPORT: u32 = 0x12;
export const IGMP_V2_MEMBERSHIP_REPORT: u32 = 0x16;
export const IGMP_LEAVE_GROUP: u32 = 0x17;

/** All hosts on the link, whom queries are sent to, and all routers, who hear of a leave. */
export const IGMP_ALL_HOSTS: u32 = 0xe000_0001;
export const IGMP_ALL_ROUTERS: u32 = 0xe000_0002;

export function igmpType(message: u64): u32 {
  return load8(message);
}

/** In tenths of a second; 0: the query is one of version 1. */
export function igmpMaxResponse(message: u64): u32 {
  return load8(message + 1);
}

/** The group that is asked about or reported; 0: all are asked about. */
export function igmpGroup(message: u64): u32 {
  return loadBe32(message + 4);
}

/** Writes a message of IGMP_LENGTH bytes, checksum included. */
export function igmpStore(message: u64, type: u32, group: u32): void {
  store8(message, type);
  store8(message + 1, 0);
  store16(message + 2, 0);
  storeBe32(message + 4, group);
  store16(message + 2, checksumFinish(checksumAdd(0, message, IGMP_LENGTH)));
}
