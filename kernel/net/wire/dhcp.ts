/**
 * DHCP messages (RFC 2131 section 2) and their options (RFC 2132).
 *
 *      0  op  1  hardware type, length  3  hops   4  xid   8  secs  10  flags
 *     12  ciaddr  16  yiaddr  20  siaddr  24  giaddr  28  chaddr (16)  44  sname (64)  108  file (128)
 *    236  magic cookie  240  options: code, length, value …, 255
 */
import { fill, load8, store8, store32 } from "../../arch/hw";
import { loadBe32, storeBe16, storeBe32 } from "./bytes";
import { loadMac, storeMac } from "./ethernet";

export const DHCP_SERVER_PORT: u32 = 67;
export const DHCP_CLIENT_PORT: u32 = 68;
export const DHCP_FIXED: u32 = 240;
/** RFC 1542 2.1: relays may drop what is shorter than a BOOTP message. */
export const DHCP_LENGTH_MIN: u32 = 300;
const MAGIC: u32 = 0x6382_5363;

export const DHCP_REQUEST_OP: u32 = 1;
export const DHCP_REPLY_OP: u32 = 2;

// Message types (option 53)
export const DHCPDISCOVER: u32 = 1;
export const DHCPOFFER: u32 = 2;
export const DHCPREQUEST: u32 = 3;
export const DHCPDECLINE: u32 = 4;
export const DHCPACK: u32 = 5;
export const DHCPNAK: u32 = 6;
export const DHCPRELEASE: u32 = 7;

// Options
export const OPTION_PAD: u32 = 0;
export const OPTION_MASK: u32 = 1;
export const OPTION_ROUTER: u32 = 3;
export const OPTION_DNS: u32 = 6;
export const OPTION_HOST_NAME: u32 = 12;
export const OPTION_MTU: u32 = 26;
export const OPTION_REQUESTED_ADDRESS: u32 = 50;
export const OPTION_LEASE_TIME: u32 = 51;
export const OPTION_MESSAGE_TYPE: u32 = 53;
export const OPTION_SERVER_ID: u32 = 54;
export const OPTION_PARAMETER_LIST: u32 = 55;
export const OPTION_RENEWAL_TIME: u32 = 58;
export const OPTION_REBINDING_TIME: u32 = 59;
export const OPTION_CLIENT_ID: u32 = 61;
export const OPTION_END: u32 = 255;

export function dhcpOp(message: u64): u32 {
  return load8(message);
}

export function dhcpXid(message: u64): u32 {
  return loadBe32(message + 4);
}

export function dhcpYourAddress(message: u64): u32 {
  return loadBe32(message + 16);
}

export function dhcpClientMac(message: u64): u64 {
  return loadMac(message + 28);
}

/** Whether a message of `length` bytes has the fixed part and the cookie. */
export function dhcpIsValid(message: u64, length: u32): bool {
  return length >= DHCP_FIXED && loadBe32(message + 236) == MAGIC;
}

/** Writes the fixed part and the cookie. */
export function dhcpStore(
  message: u64,
  op: u32,
  xid: u32,
  secs: u32,
  client: u32,
  your: u32,
  mac: u64,
): void {
  fill(message, 0, DHCP_FIXED);
  store8(message, op);
  store8(message + 1, 1);
  store8(message + 2, 6);
  storeBe32(message + 4, xid);
  storeBe16(message + 8, secs);
  storeBe32(message + 12, client);
  storeBe32(message + 16, your);
  storeMac(message + 28, mac);
  storeBe32(message + 236, MAGIC);
}

/** Address of the value of option `code`, if it is there with at least `least` bytes; else 0. */
export function dhcpOption(message: u64, length: u32, code: u32, least: u32): u64 {
  let at = DHCP_FIXED;
  while (at < length) {
    const found = load8(message + at);
    if (found == OPTION_END) return 0;
    if (found == OPTION_PAD) {
      at++;
      continue;
    }
    if (at + 1 >= length) return 0;
    const size = load8(message + at + 1);
    if (at + 2 + size > length) return 0;
    if (found == code) return size >= least ? message + at + 2 : 0;
    at += 2 + size;
  }
  return 0;
}

/** Bytes of the value that `dhcpOption` found. */
export function dhcpOptionLength(value: u64): u32 {
  return load8(value - 1);
}

/** The value of an option that is a number or an address; `missing` when it is not there. */
export function dhcpOption32(message: u64, length: u32, code: u32, missing: u32): u32 {
  const value = dhcpOption(message, length, code, 4);
  return value != 0 ? loadBe32(value) : missing;
}

/** The message's type; 0 when it has none. */
export function dhcpMessageType(message: u64, length: u32): u32 {
  const value = dhcpOption(message, length, OPTION_MESSAGE_TYPE, 1);
  return value != 0 ? load8(value) : 0;
}

/** Writes an option of one byte, or of four; returns the address behind it. */
export function dhcpOptionStore8(at: u64, code: u32, value: u32): u64 {
  store8(at, code);
  store8(at + 1, 1);
  store8(at + 2, value);
  return at + 3;
}

export function dhcpOptionStore32(at: u64, code: u32, value: u32): u64 {
  store8(at, code);
  store8(at + 1, 4);
  storeBe32(at + 2, value);
  return at + 6;
}

/** Writes the client identifier: hardware type 1 and the address (RFC 2132 9.14). */
export function dhcpClientIdStore(at: u64, mac: u64): u64 {
  store8(at, OPTION_CLIENT_ID);
  store8(at + 1, 7);
  store8(at + 2, 1);
  storeMac(at + 3, mac);
  return at + 9;
}

/** Asks for mask, router, name servers and MTU. */
export function dhcpParameterListStore(at: u64): u64 {
  store8(at, OPTION_PARAMETER_LIST);
  store8(at + 1, 4);
  store32(at + 2, OPTION_MASK | (OPTION_ROUTER << 8) | (OPTION_DNS << 16) | (OPTION_MTU << 24));
  return at + 6;
}
