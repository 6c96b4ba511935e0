/**
 * Addresses as text: `10.0.2.15`, `10.0.2.15/24,10.0.2.2`.
 */
import { load8 } from "../arch/hw";

/** What `parse…` found; valid until the next call. */
export let parsedAddress: u32 = 0;
export let parsedPrefix: u32 = 0;
export let parsedGateway: u32 = 0;

const DOT: u32 = 46;
const SLASH: u32 = 47;
const COMMA: u32 = 44;

/** Where the parser stands, and the end of the text. */
let at: u64 = 0;
let end: u64 = 0;

/** A decimal number up to `most`, of at least one digit; -1: there is none. */
function number(most: u32): i32 {
  let value: u32 = 0;
  let digits = 0;
  while (at < end) {
    const digit = load8(at) - 48;
    if (digit > 9) break;
    value = value * 10 + digit;
    if (value > most) return -1;
    digits++;
    at++;
  }
  return digits == 0 ? -1 : <i32>value;
}

function take(byte: u32): bool {
  if (at == end || load8(at) != byte) return false;
  at++;
  return true;
}

/** Four numbers with dots; sets parsedAddress. */
function dotted(): bool {
  let address: u32 = 0;
  for (let i = 0; i < 4; i++) {
    if (i > 0 && !take(DOT)) return false;
    const part = number(255);
    if (part < 0) return false;
    address = (address << 8) | <u32>part;
  }
  parsedAddress = address;
  return true;
}

/** Parses an address; true when the whole text is one. */
export function parseAddress(text: u64, length: u32): bool {
  at = text;
  end = text + length;
  return dotted() && at == end;
}

/** Parses `address[/prefix][,gateway]`; a missing prefix is 24, a missing gateway 0. */
export function parseInterfaceAddress(text: u64, length: u32): bool {
  at = text;
  end = text + length;
  if (!dotted()) return false;
  const address = parsedAddress;
  let prefix = 24;
  if (take(SLASH)) prefix = number(32);
  if (prefix < 0) return false;
  parsedGateway = 0;
  if (take(COMMA)) {
    if (!dotted()) return false;
    parsedGateway = parsedAddress;
  }
  parsedAddress = address;
  parsedPrefix = <u32>prefix;
  return at == end;
}
