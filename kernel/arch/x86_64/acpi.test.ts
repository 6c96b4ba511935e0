import { expect, expectEqual, test } from "../../lib/testing";
import { directMap } from "../../mem/page-allocator";
import { load8, store8, store16, store32, store64 } from "../hw";
import { acpiCpuApicId, acpiCpuCount, acpiInit, acpiMadt, acpiTable } from "./acpi";
import { IOAPIC_ACTIVE_LOW, IOAPIC_LEVEL, isaGsi, isaMode } from "./ioapic";
import { findSleepTypes, sleepTypeOfS5 } from "./power";

const RSDP: u64 = 0xf5000;
const XSDT: u64 = 0x200000;
const RSDT: u64 = 0x201000;
const MADT: u64 = 0x202000;
const FADT: u64 = 0x203000;

const APIC: u32 = 0x43495041;
const FACP: u32 = 0x50434146;

function putText(address: u64, text: string): void {
  for (let i = 0; i < text.length; i++) store8(address + <u64>i, text.charCodeAt(i));
}

/** Sets the byte at `at` so that n bytes sum up to 0. */
function seal(address: u64, n: u64, at: u64): void {
  store8(address + at, 0);
  let sum: u32 = 0;
  for (let i: u64 = 0; i < n; i++) sum += load8(address + i);
  store8(address + at, (0 - sum) & 0xff);
}

function header(physical: u64, signature: string, length: u32): u64 {
  const table = directMap(physical);
  putText(table, signature);
  store32(table + 4, length);
  return table;
}

/** An empty but valid table. */
function plainTable(physical: u64, signature: string, length: u32): u64 {
  const table = header(physical, signature, length);
  seal(table, length, 9);
  return table;
}

/** A root pointer of revision 2 with an XSDT that lists MADT and FADT. */
function machine(): void {
  const rsdp = directMap(RSDP);
  putText(rsdp, "RSD PTR ");
  store8(rsdp + 15, 2);
  store32(rsdp + 16, <u32>RSDT);
  store32(rsdp + 20, 36);
  store64(rsdp + 24, XSDT);
  seal(rsdp, 20, 8);
  seal(rsdp, 36, 32);
  const xsdt = header(XSDT, "XSDT", 36 + 16);
  store64(xsdt + 36, FADT);
  store64(xsdt + 44, MADT);
  seal(xsdt, 52, 9);
  plainTable(FADT, "FACP", 276);
  plainTable(MADT, "APIC", 44);
  acpiInit(RSDP);
}

test("acpi: tables are found by the given root pointer, and by searching", () => {
  machine();
  expectEqual(acpiTable(APIC), directMap(MADT), "the MADT");
  expectEqual(acpiTable(FACP), directMap(FADT), "the FADT");
  expectEqual(acpiTable(0x4746434d), 0, "no MCFG");
  acpiInit(0);
  expectEqual(acpiTable(APIC), directMap(MADT), "found in the BIOS area");
  acpiInit(0x5000);
  expectEqual(acpiTable(APIC), directMap(MADT), "the given place is wrong");
});

test("acpi: revision 0 and a broken XSDT fall back to the RSDT", () => {
  machine();
  const rsdt = header(RSDT, "RSDT", 40);
  store32(rsdt + 36, <u32>MADT);
  seal(rsdt, 40, 9);
  store8(directMap(XSDT) + 40, 0x55);
  acpiInit(RSDP);
  expectEqual(acpiTable(APIC), directMap(MADT), "by the RSDT");
  expectEqual(acpiTable(FACP), 0, "which does not list this one");
});

test("acpi: broken tables are not there", () => {
  machine();
  const madt = directMap(MADT);
  store8(madt + 20, 1);
  expectEqual(acpiTable(APIC), 0, "checksum");
  plainTable(MADT, "APIC", 44);
  expect(acpiTable(APIC) != 0, "repaired");
  store32(madt + 4, 35);
  expectEqual(acpiTable(APIC), 0, "shorter than its header");
  store32(madt + 4, 0xffffffff);
  expectEqual(acpiTable(APIC), 0, "longer than memory");
  store64(directMap(XSDT) + 44, 0xffff_ffff_ffff_fff0);
  seal(directMap(XSDT), 52, 9);
  expectEqual(acpiTable(APIC), 0, "at the end of the address space");
  store8(directMap(RSDP) + 10, 0x77);
  acpiInit(RSDP);
  expectEqual(acpiTable(FACP), 0, "no root pointer");
});

test("acpi: MADT with CPUs, an override, and entries that lie", () => {
  machine();
  const madt = header(MADT, "APIC", 44 + 8 + 8 + 10 + 16 + 4);
  let at = madt + 44;
  store16(at, 0x0800);
  store8(at + 3, 5);
  store32(at + 4, 1);
  at += 8;
  store16(at, 0x0800); // a CPU that is not enabled
  at += 8;
  store16(at, 0x0a02);
  store8(at + 3, 9);
  store32(at + 4, 20);
  store16(at + 8, 0x0f);
  at += 10;
  store16(at, 0x1009);
  store32(at + 4, 0x1234);
  store32(at + 8, 1);
  at += 16;
  store16(at, 0x4000); // longer than the table
  seal(madt, 90, 9);
  expect(acpiMadt(), "read");
  expectEqual(acpiCpuCount(), 2, "CPUs");
  expectEqual(acpiCpuApicId(0), 5, "the first");
  expectEqual(acpiCpuApicId(1), 0x1234, "the second");
  expectEqual(isaGsi(9), 20, "overridden");
  expectEqual(isaMode(9), IOAPIC_LEVEL | IOAPIC_ACTIVE_LOW, "level, low");
  expectEqual(isaGsi(4), 4, "not overridden");
});

test("acpi: the sleep type of S5 is found in AML, and not where it only seems to be", () => {
  const aml = directMap(0x300000);
  putText(aml, "xx_S5_");
  store8(aml + 8, 0x08);
  putText(aml + 9, "_S5_");
  store8(aml + 13, 0x12);
  store8(aml + 14, 0x06);
  store8(aml + 15, 4);
  store8(aml + 16, 0x0a);
  store8(aml + 17, 5);
  store8(aml + 18, 0x0a);
  store8(aml + 19, 6);
  expect(findSleepTypes(aml, aml + 20), "found");
  expectEqual(sleepTypeOfS5(), 5, "byte prefix");
  store8(aml + 14, 0x40); // a package length of two bytes
  store8(aml + 15, 0);
  store8(aml + 16, 4);
  store8(aml + 17, 0x01);
  expect(findSleepTypes(aml, aml + 20), "found");
  expectEqual(sleepTypeOfS5(), 1, "one");
  expect(!findSleepTypes(aml, aml + 16), "cut off");
  store8(aml + 8, 0x10);
  expect(!findSleepTypes(aml, aml + 20), "no name definition");
  expect(!findSleepTypes(aml, aml), "empty");
});

test("acpi: tables where no processor has memory, and a list without end, are not followed", () => {
  machine();
  const xsdt = directMap(XSDT);
  store64(xsdt + 36, 1 << 60);
  seal(xsdt, 52, 9);
  acpiInit(RSDP);
  expect(acpiTable(FACP) == 0, "beyond all address bits");
  expect(acpiTable(APIC) != 0, "the others are found");
  machine();
  const entries: u64 = 1000;
  store32(xsdt + 4, 36 + <u32>entries * 8);
  for (let i: u64 = 0; i < entries; i++) store64(xsdt + 36 + i * 8, FADT);
  store64(xsdt + 36 + (entries - 1) * 8, MADT);
  seal(xsdt, 36 + entries * 8, 9);
  acpiInit(RSDP);
  expect(acpiTable(FACP) != 0, "the first");
  expect(acpiTable(APIC) == 0, "not the thousandth");
});
