/**
 * The CMOS real-time clock (Motorola MC146818A data sheet): the date at boot.
 *
 *     rtcRead() → seconds since 1970-01-01 UTC, 0 when the clock is not to be believed
 *
 * The clock is set by hypervisors to UTC. While it updates itself (about 2 ms before a new second)
 * its registers may be half old and half new. Waiting for that to end would cost boot time, so:
 * read, and read again if an update was under way or the second has changed meanwhile. Two equal
 * readings in a row are right even during an update.
 */
import { in8, out8 } from "../arch/hw";

const CMOS_INDEX: u32 = 0x70;
const CMOS_DATA: u32 = 0x71;

const SECONDS: u32 = 0x00;
const MINUTES: u32 = 0x02;
const HOURS: u32 = 0x04;
const DAY: u32 = 0x07;
const MONTH: u32 = 0x08;
const YEAR: u32 = 0x09;
const STATUS_A: u32 = 0x0a;
const STATUS_B: u32 = 0x0b;

const A_UPDATE_IN_PROGRESS: u32 = 1 << 7;
const B_24_HOURS: u32 = 1 << 1;
const B_BINARY: u32 = 1 << 2;
const HOUR_PM: u32 = 0x80;

/** Readings until one is believed; an update takes as long as about a thousand register reads. */
const READINGS_MAX = 100;
/** The chip knows two digits of the year: this century's. */
const CENTURY: u32 = 2000;
const SECONDS_PER_DAY: u64 = 86400;

function read(register: u32): u32 {
  out8(CMOS_INDEX, register);
  return in8(CMOS_DATA);
}

/** The six registers as one number. */
function readAll(): u64 {
  let all = <u64>read(YEAR);
  all = (all << 8) | read(MONTH);
  all = (all << 8) | read(DAY);
  all = (all << 8) | read(HOURS);
  all = (all << 8) | read(MINUTES);
  return (all << 8) | read(SECONDS);
}

function field(all: u64, index: u32, isBinary: bool): u32 {
  const value = <u32>(all >> (index << 3)) & 0xff;
  return isBinary ? value : (value >> 4) * 10 + (value & 15);
}

/** Days from 1970-01-01 to a date of the Gregorian calendar. */
export function daysFromDate(year: u32, month: u32, day: u32): u64 {
  // Years that begin in March: the leap day is a year's last, and the months before a given one
  // follow a line.
  const shifted = <u64>(month > 2 ? year : year - 1);
  const monthFromMarch = <u64>(month > 2 ? month - 3 : month + 9);
  const daysBeforeMonth = (153 * monthFromMarch + 2) / 5;
  const daysBeforeYear = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400;
  // 719,468 days from 0000-03-01 to 1970-01-01.
  return daysBeforeYear + daysBeforeMonth + day - 1 - 719468;
}

/** Seconds since 1970 of what the registers hold; 0 when that is no date. */
export function rtcDecode(all: u64, statusB: u32): u64 {
  const isBinary = (statusB & B_BINARY) != 0;
  let hour = field(all & ~((<u64>HOUR_PM) << 16), 2, isBinary);
  if ((statusB & B_24_HOURS) == 0) {
    hour %= 12;
    if ((all >> 16) & HOUR_PM) hour += 12;
  }
  const second = field(all, 0, isBinary);
  const minute = field(all, 1, isBinary);
  const day = field(all, 3, isBinary);
  const month = field(all, 4, isBinary);
  const year = field(all, 5, isBinary);
  if (second > 59 || minute > 59 || hour > 23 || day - 1 > 30 || month - 1 > 11 || year > 99) {
    return 0;
  }
  const days = daysFromDate(CENTURY + year, month, day);
  return days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
}

/** The date, in seconds since 1970-01-01 UTC; 0 when there is no clock. */
export function rtcRead(): u64 {
  let last: u64 = 0;
  for (let i = 0; i < READINGS_MAX; i++) {
    const isUpdating = (read(STATUS_A) & A_UPDATE_IN_PROGRESS) != 0;
    const all = readAll();
    const isTrusted = !isUpdating && read(SECONDS) == <u32>(all & 0xff);
    if (isTrusted || all == last) return rtcDecode(all, read(STATUS_B));
    last = all;
  }
  return 0;
}
