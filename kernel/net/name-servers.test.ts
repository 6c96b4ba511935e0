import { addressOf } from "../arch/hw";
import { expect, expectEqual, test } from "../lib/testing";
import { TextBuffer } from "../lib/text-buffer";
import { nameServerAdd, nameServersLeased, nameServersText } from "./name-servers";

function add(text: string): bool {
  const bytes = String.UTF8.encode(text);
  return nameServerAdd(addressOf(changetype<usize>(bytes)), bytes.byteLength);
}

function lease(first: u32, second: u32, count: i32): void {
  const addresses = new StaticArray<u32>(2);
  addresses[0] = first;
  addresses[1] = second;
  nameServersLeased(addresses, count);
}

function text(): string {
  const out = new TextBuffer();
  nameServersText(out);
  return String.UTF8.decodeUnsafe(out.data, out.length);
}

test("name servers: those of a lease, and of the next one", () => {
  expect(text() == "#PROTO: DHCP\n", "none yet");
  lease(0x0a000203, 0xc0a80101, 2);
  expect(text() == "#PROTO: DHCP\nnameserver 10.0.2.3\nnameserver 192.168.1.1\n", "two");
  lease(0x0a000204, 0, 1);
  expect(text() == "#PROTO: DHCP\nnameserver 10.0.2.4\n", "another");
  lease(0, 0, 0);
  expect(text() == "#PROTO: DHCP\n", "the lease has ended");
});

test("name servers: the command line's stay, whatever DHCP says", () => {
  expect(add("192.0.2.1"), "an address");
  expect(add("192.0.2.200"), "another");
  lease(0x0a000203, 0, 1);
  expect(text() == "#MANUAL\nnameserver 192.0.2.1\nnameserver 192.0.2.200\n", "in order");
});

test("name servers: as many as C libraries look at, and only addresses", () => {
  expect(!add("example.org"), "a name");
  expect(!add("1.2.3"), "half of one");
  for (let i = 1; i <= 4; i++) expect(add("192.0.2." + i.toString()), "an address");
  let lines = 0;
  const all = text();
  for (let i = 0; i < all.length; i++) if (all.charCodeAt(i) == 10) lines++;
  expectEqual(lines, 4, "a comment and three servers");
});
