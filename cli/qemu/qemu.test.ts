/* QEMU's arguments, the kernel's command line, the events. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { chooseAccelerator } from "./accelerator.ts";
import { qemuArguments } from "./arguments.ts";
import { kernelCommandLine } from "./command-line.ts";
import { sendSignal } from "./control.ts";
import { EventParser, parseEvent } from "./events.ts";
import type { QemuOptions } from "./options.ts";

const BASE: QemuOptions = {
  machine: "microvm",
  accelerator: "tcg",
  memoryBytes: 128 << 20,
  cpus: 1,
  kernel: "/k.elf",
  commandLine: "-- /bin/app",
  network: { kind: "none" },
  console: { kind: "stdio" },
};

/** The values that follow an option. */
function valuesOf(args: readonly string[], option: string): string[] {
  return args.filter((_, index) => args[index - 1] === option);
}

test("one CPU is one of two possible ones", () => {
  assert.deepEqual(valuesOf(qemuArguments(BASE), "-smp"), ["1,maxcpus=2"]);
  assert.deepEqual(valuesOf(qemuArguments({ ...BASE, cpus: 4 }), "-smp"), ["4"]);
});

test("microvm has MMIO devices of virtio 1, the others PCI devices", () => {
  const options = { ...BASE, disks: [{ path: "/r,1", readOnly: true }] };
  const micro = qemuArguments(options);
  assert(valuesOf(micro, "-global").includes("virtio-mmio.force-legacy=false"));
  assert(valuesOf(micro, "-device").includes("virtio-blk-device,drive=disk0"));
  assert.match(valuesOf(micro, "-blockdev")[0] ?? "", /filename=\/r,,1,.*read-only=on/);
  for (const machine of ["q35", "pc"] as const) {
    const args = qemuArguments({ ...options, machine });
    assert.match(valuesOf(args, "-machine")[0] ?? "", new RegExp(`^${machine},accel=tcg`));
    assert(valuesOf(args, "-device").includes("virtio-blk-pci,disable-legacy=on,drive=disk0"));
  }
});

test("ports are forwarded from loopback only", () => {
  const forwards = [
    { hostPort: 7000, guestPort: 6379, protocol: "tcp" },
    { hostPort: 53, guestPort: 53, protocol: "udp" },
  ] as const;
  const [netdev] = valuesOf(
    qemuArguments({ ...BASE, network: { kind: "user", forwards } }),
    "-netdev",
  );
  assert.match(
    netdev ?? "",
    /,hostfwd=tcp:127\.0\.0\.1:7000-:6379,hostfwd=udp:127\.0\.0\.1:53-:53$/,
  );
});

test("a tap device is used as it is", () => {
  const args = qemuArguments({ ...BASE, network: { kind: "tap", interface: "tap0" } });
  assert.deepEqual(valuesOf(args, "-netdev"), ["tap,id=net0,ifname=tap0,script=no,downscript=no"]);
});

test("events go to the debug console", () => {
  const args = qemuArguments({ ...BASE, events: { kind: "file", path: "/e" } });
  assert(valuesOf(args, "-chardev").includes("file,id=events,path=/e,append=on"));
  assert(valuesOf(args, "-device").includes("isa-debugcon,iobase=0xe9,chardev=events"));
});

test("the host's ports have fixed numbers, output has one, standard input where something feeds it", () => {
  const control = {
    ports: { controlSocket: "/m/c,1", serial: { kind: "file", path: "/m/console" } as const },
  };
  assert(!qemuArguments(BASE).some((each) => each.includes("serial-device")));
  const without = qemuArguments({ ...BASE, ...control });
  assert(valuesOf(without, "-device").includes("virtio-serial-device,max_ports=4"));
  assert(valuesOf(without, "-device").includes("virtserialport,nr=1,chardev=control"));
  assert(valuesOf(without, "-device").includes("virtserialport,nr=3,chardev=console"));
  assert(valuesOf(without, "-chardev").includes("file,id=serial,path=/m/console,append=on"));
  const socket = "socket,id=control,path=/m/c,,1,server=on,wait=off";
  assert(valuesOf(without, "-chardev").includes(socket));
  assert(!without.some((each) => each.includes("nr=2")));
  const ports = { ...control.ports, input: { kind: "inherited", fd: 3 } as const };
  const withInput = qemuArguments({ ...BASE, machine: "q35", ports });
  const device = "virtio-serial-pci,disable-legacy=on,max_ports=4,vectors=5";
  assert(valuesOf(withInput, "-device").includes(device));
  assert(valuesOf(withInput, "-chardev").includes("socket,id=stdin,fd=3"));
  assert(valuesOf(withInput, "-device").includes("virtserialport,nr=2,chardev=stdin"));
  const apart = { ...ports, output: { kind: "inherited", fd: 5 } as const };
  const withOutput = qemuArguments({ ...BASE, machine: "q35", ports: apart });
  const larger = "virtio-serial-pci,disable-legacy=on,max_ports=5,vectors=6";
  assert(valuesOf(withOutput, "-device").includes(larger));
  assert(valuesOf(withOutput, "-chardev").includes("socket,id=stdout,fd=5"));
  assert(valuesOf(withOutput, "-device").includes("virtserialport,nr=4,chardev=stdout"));
});

test("a request is one line, and taken when the other side has read to its end", async () => {
  const folder = mkdtempSync(join(tmpdir(), "virga-control-"));
  const path = join(folder, "control.sock");
  let request = "";
  const server = createServer((socket) => {
    socket.on("data", (bytes) => {
      request += bytes.toString();
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  await sendSignal(path, 15);
  assert.equal(request, "signal 15\n");
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(sendSignal(path, 15), /control port failed: .*ENOENT/);
  rmSync(folder, { recursive: true });
});

test("memory that is no whole number of MiB is given in KiB", () => {
  assert.deepEqual(valuesOf(qemuArguments({ ...BASE, memoryBytes: 24_500 * 1024 }), "-m"), [
    "24500K",
  ]);
});

test("the kernel's command line quotes where it must", () => {
  const line = kernelCommandLine({
    argv: ["/bin/a b", "", 'say "x\\y"', "plain"],
    env: { GREETING: "hello world", A: "1" },
    ip: "dhcp",
    dns: ["10.0.2.3"],
    stdin: "pipe",
    log: "info",
  });
  assert.equal(
    line,
    'ip=dhcp dns=10.0.2.3 stdin=pipe log=info "env=GREETING=hello world" env=A=1 -- ' +
      '"/bin/a b" "" "say \\"x\\\\y\\"" plain',
  );
});

test("events are parsed field by field", () => {
  assert.deepEqual(parseEvent('{"event":"listen","port":80,"protocol":"tcp"}'), {
    event: "listen",
    port: 80,
    protocol: "tcp",
  });
  assert.deepEqual(parseEvent('{"event":"exit","code":7}'), { event: "exit", code: 7 });
  assert.deepEqual(parseEvent('{"event":"stdin"}'), { event: "stdin" });
  assert.equal(parseEvent('{"event":"news"}'), null);
  assert.equal(parseEvent("[]"), null);
  assert.equal(parseEvent("null"), null);
  assert.equal(parseEvent("SeaBIOS (version 1.16)"), null);
});

test("an event may come in pieces, several in one piece", () => {
  const parser = new EventParser();
  assert.deepEqual(parser.push('{"event":"sta'), []);
  assert.deepEqual(parser.push('rt","ns":5}\n{"event":"exit","code":0}\n{"ev'), [
    { event: "start", ns: 5 },
    { event: "exit", code: 0 },
  ]);
  assert.deepEqual(parser.push('ent":"exit","code":1}\n'), [{ event: "exit", code: 1 }]);
});

test("KVM needs a CPU that can, and a device that opens", () => {
  const folder = mkdtempSync(join(tmpdir(), "virga-kvm-"));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const capable = file("intel", "flags\t\t: fpu vmx sse\n");
  const incapable = file("guest", "flags\t\t: fpu vmxoff sse\n");
  const device = file("kvm", "");
  assert.equal(chooseAccelerator(capable, device), "kvm");
  assert.equal(chooseAccelerator(incapable, device), "tcg");
  assert.equal(chooseAccelerator(capable, join(folder, "none")), "tcg");
  rmSync(folder, { recursive: true });
});
