import { addressOf } from "../arch/hw";
import { CommandLine, parseCommandLine } from "./command-line";
import { expect, expectEqual, test } from "./testing";

function parse(text: string): CommandLine {
  const bytes = String.UTF8.encode(text, true);
  return parseCommandLine(addressOf(changetype<usize>(bytes)));
}

test("command line: words before and behind the dashes", () => {
  const line = parse("root=disk env=A=1 env=B=2 -- /bin/app --flag x=y");
  expect(line.value("root")! == "disk", "a value");
  expect(line.values("env").length == 2 && line.values("env")[1] == "B=2", "repeated keys");
  expect(line.value("missing") == null, "no such key");
  expectEqual(line.argv.length, 3, "arguments");
  expect(line.argv[1] == "--flag", "dashes of the program");
});

test("command line: quotes and escapes", () => {
  const line = parse('-- /a "two words" "" "q\\"b\\\\s" pre"in side"post');
  expectEqual(line.argv.length, 5, "arguments");
  expect(line.argv[1] == "two words", "a blank in quotes");
  expect(line.argv[2] == "", "an empty argument");
  expect(line.argv[3] == 'q"b\\s', "escapes");
  expect(line.argv[4] == "prein sidepost", "a part in quotes");
});

test("command line: the machine's devices are no arguments", () => {
  const line = parse(
    "log=info -- /a b virtio_mmio.device=512@0xfeb00e00:12 virtio_mmio.device=512@0xfeb00c00:11",
  );
  expectEqual(line.argv.length, 2, "arguments");
  expectEqual(line.devices.length, 2, "devices");
  expect(line.devices[0] == "virtio_mmio.device=512@0xfeb00e00:12", "a device");
});

test("command line: empty", () => {
  const line = parse("");
  expectEqual(line.words.length + line.argv.length + line.devices.length, 0, "nothing");
});
