/* Runs of hello.c, crash.c and resolve.c, judged by their end and their console. */
import { seconds, type Tally } from "../tally.ts";
import { type BootResult, describeEnd, tailOf } from "./boot.ts";
import { bigOutput, type Ending, type ExpectedEnd, type HelloCase } from "./endings.ts";
import { programOf, type Testbed } from "./guest-runs.ts";
import { guestPath } from "./root.ts";

const TIMEOUT_MS = 30_000;

export async function runHello(hello: HelloCase, testbed: Testbed, tally: Tally): Promise<boolean> {
  const program = programOf("hello.static", testbed);
  const result = await testbed.boot({
    kernel: testbed.kernel,
    image: hello.root === "module" ? testbed.smallImage : testbed.image,
    argv: [guestPath(program), ...hello.args],
    machine: hello.machine,
    root: hello.root,
    memoryMib: hello.memoryMib,
    timeoutMs: TIMEOUT_MS,
  });
  const want = ["hello from the guest"];
  hello.args.forEach((arg, index) => {
    want.push(`argument ${index + 1}: ${arg}`);
  });
  const wrong =
    wrongEnd(result, { kind: "exit", code: hello.args.length }) ??
    missingLine(result.text, want) ??
    (result.events.some(({ event }) => event === "start") ? null : "there was no start event");
  return settle(`hello/${hello.name}`, wrong, result, tally);
}

export async function runEnding(ending: Ending, testbed: Testbed, tally: Tally): Promise<boolean> {
  const program = programOf(`${ending.program ?? "crash"}.${ending.variant ?? "static"}`, testbed);
  const result = await testbed.boot({
    kernel: testbed.kernel,
    image: testbed.image,
    argv: [guestPath(program), ending.way],
    ...(ending.hasNetwork ? { forwards: [] } : {}),
    ...(ending.memoryMib === undefined ? {} : { memoryMib: ending.memoryMib }),
    ...(ending.boot === undefined ? {} : { boot: ending.boot }),
    timeoutMs: TIMEOUT_MS,
  });
  const unsaid = ending.says?.find((pattern) => !pattern.test(result.text));
  const wrong =
    wrongEnd(result, ending.end) ??
    (unsaid === undefined ? null : `the console does not say ${unsaid}`) ??
    (ending.saysNot?.test(result.text) ? `the console says ${ending.saysNot}` : null) ??
    (ending.way === "big-stdout" ? missingLine(result.text, bigOutput()) : null);
  return settle(endingName(ending), wrong, result, tally);
}

export function endingName({ program = "crash", way, variant }: Ending): string {
  return variant === undefined ? `${program}/${way}` : `${program}/${way}.${variant}`;
}

function wrongEnd({ end }: BootResult, want: ExpectedEnd): string | null {
  const isRight =
    want.kind === "exit"
      ? end.kind === "exit" && end.code === want.code
      : end.kind === "signal" && end.signal === want.signal && end.name === want.name;
  return isRight ? null : `${describeEnd(end)}; expected ${describeEnd(want)}`;
}

/** The lines have to come in this order; the kernel may say something in between. */
function missingLine(text: string, lines: readonly string[]): string | null {
  const said = text.split("\n");
  let at = 0;
  for (const line of lines) {
    at = said.indexOf(line, at) + 1;
    if (at === 0) return `the console lacks the line ${JSON.stringify(line)}`;
  }
  return null;
}

/** Counts a run; true when it hung. */
function settle(name: string, wrong: string | null, result: BootResult, tally: Tally): boolean {
  if (wrong === null) {
    tally.pass();
    tally.say(`ok ${name}, ${seconds(result.ms)}`);
  } else {
    tally.fail(name, `${wrong}\n${tailOf(result.text)}`);
  }
  return result.end.kind === "timeout";
}
