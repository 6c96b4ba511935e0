/**
 * Addresses as text: `10.0.2.15`, `10.0.2.15/24,10.0.2.2`.
 *
 *     text.parseAddress(at, length)       fills the caller's AddressText; false: it is none
 *     text.parseInterface(at, length)
 */
import { load8 } from "../arch/hw";

const DOT: u32 = 46;
const SLASH: u32 = 47;
const COMMA: u32 = 44;

@unmanaged
export class AddressText {
  // What was found.
  address: u32;
  prefix: u32;
  gateway: u32;
  /** Where the parser stands, and the end of the text. */
  private at: u64;
  private end: u64;

  constructor() {
    this.address = 0;
    this.prefix = 0;
    this.gateway = 0;
    this.at = 0;
    this.end = 0;
  }

  /** A decimal number up to `most`, of at least one digit; -1: there is none. */
  private number(most: u32): i32 {
    let value: u32 = 0;
    let digits = 0;
    while (this.at < this.end) {
      const digit = load8(this.at) - 48;
      if (digit > 9) break;
      value = value * 10 + digit;
      if (value > most) return -1;
      digits++;
      this.at++;
    }
    return digits == 0 ? -1 : <i32>value;
  }

  private take(byte: u32): bool {
    if (this.at == this.end || load8(this.at) != byte) return false;
    this.at++;
    return true;
  }

  /** Four numbers with dots; -1: there are none. */
  private dotted(): i64 {
    let address: u32 = 0;
    for (let i = 0; i < 4; i++) {
      if (i > 0 && !this.take(DOT)) return -1;
      const part = this.number(255);
      if (part < 0) return -1;
      address = (address << 8) | <u32>part;
    }
    return address;
  }

  private start(text: u64, length: u32): void {
    this.at = text;
    this.end = text + length;
  }

  /** Parses an address; true when the whole text is one. */
  parseAddress(text: u64, length: u32): bool {
    this.start(text, length);
    const address = this.dotted();
    this.address = <u32>address;
    return address >= 0 && this.at == this.end;
  }

  /** Parses `address[/prefix][,gateway]`; a missing prefix is 24, a missing gateway 0. */
  parseInterface(text: u64, length: u32): bool {
    this.start(text, length);
    const address = this.dotted();
    if (address < 0) return false;
    const prefix = this.take(SLASH) ? this.number(32) : 24;
    if (prefix < 0) return false;
    const gateway = this.take(COMMA) ? this.dotted() : 0;
    if (gateway < 0) return false;
    this.address = <u32>address;
    this.prefix = <u32>prefix;
    this.gateway = <u32>gateway;
    return this.at == this.end;
  }
}
