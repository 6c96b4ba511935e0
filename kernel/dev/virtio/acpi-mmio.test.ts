import { addressOf } from "../../arch/hw";
import { expect, expectEqual, test } from "../../lib/testing";
import { scanMmioDevices } from "./acpi-mmio";

const table: usize = memory.data(256);
let used: usize = 0;
let count = 0;
let lastBase: u64 = 0;
let lastInterrupt: u32 = 0;

function bytes(values: u8[]): void {
  for (let i = 0; i < values.length; i++) store<u8>(table + used++, values[i]);
}

function id(): void {
  bytes([0x4c, 0x4e, 0x52, 0x4f, 0x30, 0x30, 0x30, 0x35, 0]);
}

function registers(): void {
  bytes([0x86, 9, 0, 1, 0x00, 0x0e, 0xb0, 0xfe, 0x00, 0x02, 0, 0]);
}

function interrupt(number: u8): void {
  bytes([0x89, 6, 0, 1, 1, number, 0, 0, 0]);
}

function scan(size: usize): void {
  scanMmioDevices(addressOf(table), addressOf(table) + size, (base: u64, number: u32) => {
    count++;
    lastBase = base;
    lastInterrupt = number;
  });
}

test("ACPI virtio-mmio: a device with its registers and interrupt", () => {
  registers();
  interrupt(3);
  id();
  bytes([0x08, 0x5f, 0x55]);
  registers();
  interrupt(12);
  scan(used);
  expectEqual(count, 1, "only what follows the id");
  expectEqual(lastBase, 0xfeb00e00, "registers");
  expectEqual(lastInterrupt, 12, "interrupt");
});

test("ACPI virtio-mmio: a table that is cut off anywhere is survived", () => {
  id();
  registers();
  interrupt(12);
  for (let size: usize = 0; size < used; size++) scan(size);
  expect(count == 0, "no device without all of its bytes");
});
