/**
 * Page tables: four levels, one address space. Intel SDM volume 3, 4.5.
 *
 *     pagingInit(memoryEnd)                   replaces boot's tables by the final ones
 *     walk(address, create)                   address of the page table entry, 0 when a table is missing
 *     walkLarge(address, create)              the same one level up, for 2 MiB pages
 *     unmappedBytes(address)                  whether there are tables for an address at all
 *     mapKernelPage, mapDevice                for the kernel's own use
 *     flushPage, flushAll                     forget cached translations
 *
 * The application runs in ring 0, so the user bit is never set; write and execute permission hold
 * all the same (CR0.WP, EFER.NXE). Tables are reached through the direct map. Tables of the
 * application's half are freed when a range is unmapped whole; the kernel's never are.
 */

import { panic } from "../../lib/panic";
import {
  allocPages,
  allocSparePages,
  DIRECT_MAP,
  directMap,
  isMemory,
  PAGE_SIZE,
} from "../../mem/page-allocator";
import * as hw from "../hw";

export const PTE_PRESENT: u64 = 1 << 0;
export const PTE_WRITE: u64 = 1 << 1;
export const PTE_WRITE_THROUGH: u64 = 1 << 3;
export const PTE_CACHE_DISABLE: u64 = 1 << 4;
export const PTE_ACCESSED: u64 = 1 << 5;
export const PTE_DIRTY: u64 = 1 << 6;
export const PTE_LARGE: u64 = 1 << 7;
export const PTE_GLOBAL: u64 = 1 << 8;
/** Ours (bits 9 to 11 are for software): the frame is counted, its reference is this entry's. */
export const PTE_COUNTED: u64 = 1 << 9;
/** The frame is the mapping's own: it may be written when the area may (mem/user-pages.ts). */
export const PTE_PRIVATE: u64 = 1 << 10;
export const PTE_NO_EXECUTE: u64 = 1 << 63;
export const PTE_ADDRESS: u64 = 0x000f_ffff_ffff_f000;

export const LARGE_SIZE: u64 = 2 << 20;
const GIGA_SIZE: u64 = 1 << 30;
const IMAGE_BASE: u64 = 0xffffffffc0000000;
const LINEAR_MEMORY: u64 = 0xffffffff80000000;
/** Below it in linear memory nothing is mapped: null, and the guard of the boot stack. */
const LINEAR_GUARD: u64 = 0x4000;
const DEVICE_MAP: u64 = 0xffffc00000000000;
/** 64 GiB: what devices need is some MiB. */
const DEVICE_END: u64 = DEVICE_MAP + ((<u64>64) << 30);
/** What a table entry allows is everything: the last level decides. */
const TABLE_FLAGS: u64 = PTE_PRESENT | PTE_WRITE;
const CR4_PGE: u64 = 1 << 7;

const CPUID_EXTENDED_FEATURES: u32 = 0x80000001;
const CPUID_EDX_1GB_PAGES: u32 = 1 << 26;
const CPUID_ADDRESS_SIZES: u32 = 0x80000008;
const PHYSICAL_BITS_MIN: u64 = 36;
const PHYSICAL_BITS_MAX: u64 = 52;

let root: u64 = 0;
let deviceNext: u64 = DEVICE_MAP;
const out: usize = memory.data(16, 4);

function tableAllocate(): u64 {
  const page = allocPages(0);
  if (page != 0) hw.fill(directMap(page), 0, PAGE_SIZE);
  return page;
}

/**
 * The entry at `shift` (39, 30, 21 or 12) for an address, or 0. A large page above that level ends
 * the walk: 0.
 */
function entryAt(address: u64, shift: u64, create: bool): u64 {
  let table = root;
  for (let level: u64 = 39; level != shift; level -= 9) {
    const entry = directMap(table) + (((address >> level) & 511) << 3);
    const value = hw.load64(entry);
    if ((value & PTE_PRESENT) == 0) {
      if (!create) return 0;
      table = tableAllocate();
      if (table == 0) return 0;
      hw.store64(entry, table | TABLE_FLAGS);
    } else {
      if ((value & PTE_LARGE) != 0) return 0;
      table = value & PTE_ADDRESS;
    }
  }
  return directMap(table) + (((address >> shift) & 511) << 3);
}

export function walk(address: u64, create: bool): u64 {
  return entryAt(address, 12, create);
}

export function walkLarge(address: u64, create: bool): u64 {
  return entryAt(address, 21, create);
}

/**
 * How large the aligned region around an address is that no table maps any of: 512 GiB or 1 GiB; 0
 * when `walkLarge` has an entry for the address.
 */
export function unmappedBytes(address: u64): u64 {
  let table = root;
  for (let level: u64 = 39; level > 21; level -= 9) {
    const value = hw.load64(directMap(table) + (((address >> level) & 511) << 3));
    if ((value & PTE_PRESENT) == 0) return (<u64>1) << level;
    table = value & PTE_ADDRESS;
  }
  return 0;
}

/**
 * Replaces a large page by a table of small ones with the same rights. False when there is no
 * memory for it.
 */
export function splitLarge(address: u64): bool {
  const entry = entryAt(address, 21, false);
  const value = hw.load64(entry);
  const table = allocPages(0);
  if (table == 0) return false;
  const flags = value & ~(PTE_ADDRESS | PTE_LARGE);
  const base = value & PTE_ADDRESS;
  for (let i: u64 = 0; i < 512; i++) {
    hw.store64(directMap(table) + (i << 3), (base + (i << 12)) | flags);
  }
  hw.store64(entry, table | TABLE_FLAGS);
  flushAll();
  return true;
}

/** Forgets the cached translation of one page, on this CPU. */
export function flushPage(address: u64): void {
  hw.invalidatePage(address);
}

/** Forgets all cached translations but global ones. */
export function flushAll(): void {
  hw.writeCr3(root);
}

/** Maps one page for the kernel; panics when there is no memory for a table. */
function mapOrPanic(address: u64, physical: u64, flags: u64): void {
  const entry = walk(address, true);
  if (entry == 0) panic("paging", "no memory for a page table");
  hw.store64(entry, physical | flags | PTE_PRESENT);
}

/**
 * Maps a fresh page of memory at an address of the kernel, writable, unless one is mapped there.
 * False when memory is short.
 */
export function mapKernelPage(address: u64): bool {
  const entry = walk(address, true);
  if (entry == 0) return false;
  if ((hw.load64(entry) & PTE_PRESENT) != 0) return true;
  const page = allocSparePages(0);
  if (page == 0) return false;
  hw.store64(entry, page | PTE_PRESENT | PTE_WRITE | PTE_NO_EXECUTE);
  return true;
}

/** Where the kernel's image lies. */
let imageStart: u64 = 0;
let imageEnd: u64 = 0;

/** No device is in [start, end), which is the kernel's own image. */
export function keepImageFromDevices(start: u64, end: u64): void {
  imageStart = start;
  imageEnd = end;
}

function isOurs(start: u64, end: u64): bool {
  return (start < imageEnd && end > imageStart) || isMemory(start, end);
}

/**
 * Maps registers of a device, uncached. `physical` need not be aligned. Returns the virtual address
 * of it, or 0 when the processor has no such physical address, when memory of ours is there, or so
 * much has been mapped that somebody must be wrong: all are what tables and devices say.
 */
export function mapDevice(physical: u64, bytes: u64): u64 {
  const limit = (<u64>1) << physicalBits();
  if (bytes > limit || physical > limit - bytes || isOurs(physical, physical + bytes)) return 0;
  if (deviceNext + bytes > DEVICE_END) return 0;
  const first = physical & ~(PAGE_SIZE - 1);
  const base = deviceNext;
  const flags = PTE_WRITE | PTE_NO_EXECUTE | PTE_CACHE_DISABLE | PTE_WRITE_THROUGH;
  for (let page = first; page < physical + bytes; page += PAGE_SIZE) {
    mapOrPanic(deviceNext, page, flags);
    deviceNext += PAGE_SIZE;
  }
  return base + (physical - first);
}

/** Bits of a physical address (Intel SDM volume 2, CPUID 80000008H); one beyond them is a fault. */
function physicalBits(): u64 {
  hw.cpuid(CPUID_ADDRESS_SIZES, 0, out);
  const bits = load<u32>(out) & 0xff;
  return bits >= PHYSICAL_BITS_MIN && bits <= PHYSICAL_BITS_MAX ? bits : PHYSICAL_BITS_MIN;
}

/** Extends the direct map over [start, end) with the largest pages that fit. */
export function mapDirect(start: u64, end: u64): void {
  hw.cpuid(CPUID_EXTENDED_FEATURES, 0, out);
  const giga = (load<u32>(out, 12) & CPUID_EDX_1GB_PAGES) != 0;
  const flags = PTE_PRESENT | PTE_WRITE | PTE_LARGE | PTE_GLOBAL | PTE_NO_EXECUTE;
  let at = start & ~(LARGE_SIZE - 1);
  while (at < end) {
    const fits = giga && (at & (GIGA_SIZE - 1)) == 0 && end - at >= GIGA_SIZE;
    const entry = entryAt(DIRECT_MAP + at, fits ? 30 : 21, true);
    if (entry == 0) panic("paging", "no memory for the direct map");
    hw.store64(entry, at | flags);
    at += fits ? GIGA_SIZE : LARGE_SIZE;
  }
}

function mapImage(start: u64, end: u64, flags: u64): void {
  for (let at = start; at < end; at += PAGE_SIZE) mapOrPanic(at, at - IMAGE_BASE, flags);
}

/**
 * Builds the final tables for what is mapped at this point and switches to them: the direct map of
 * [0, memoryEnd), linear memory, and the image with the rights of its parts. The boot tables reach
 * the first GiB.
 */
export function pagingInit(memoryEnd: u64): void {
  root = tableAllocate();
  mapDirect(0, memoryEnd);
  const linear = hw.linearInitialStart() - IMAGE_BASE;
  const size = hw.linearInitialEnd() - hw.linearInitialStart();
  for (let at = LINEAR_GUARD; at < size; at += PAGE_SIZE) {
    mapOrPanic(LINEAR_MEMORY + at, linear + at, PTE_WRITE | PTE_NO_EXECUTE | PTE_GLOBAL);
  }
  mapImage(hw.kernelTextStart(), hw.kernelTextEnd(), PTE_GLOBAL);
  mapImage(hw.kernelTextEnd(), hw.kernelRodataEnd(), PTE_NO_EXECUTE | PTE_GLOBAL);
  const data = PTE_WRITE | PTE_NO_EXECUTE | PTE_GLOBAL;
  mapImage(hw.kernelRodataEnd(), hw.linearInitialStart(), data);
  hw.writeCr3(root);
  hw.writeCr4(hw.readCr4() | CR4_PGE);
}
