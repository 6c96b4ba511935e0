/* The generated C in parts: who declares what, and what an edit leaves alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { splitC } from "./split-c.ts";

const symbol = (path: string): string => `w2c_kernel_kernel0x2F${path.replaceAll("/", "0x2F")}`;
const INPUT = symbol("net/tcp/input/tcpInput");
const OUTPUT = symbol("net/tcp/output/tcpOutput");
const READ = symbol("fs/read/read");
const COUNT = "w2c_kernel0x2Ffs0x2Fcount";

const HEADER = `typedef struct w2c_kernel {\n  u32 ${COUNT};\n  wasm_rt_memory_t w2c_memory;\n} w2c_kernel;\n`;

function generated(inputBody: string): string {
  return `#define X 1
static inline int helper(int x) {
  return x;
}

static u32 ${INPUT}(u32) __asm__("net/tcp/input");
static __attribute__((noinline, cold)) void ${OUTPUT}(u64) __asm__("net/tcp/output");
static u32 ${READ}(void) __asm__("fs/read");

typedef void (*kernel_function)(void);
static const kernel_function kernel_table[] = {
  0,
  (kernel_function)${READ},
};

static void init_globals(void) {
  kernel_instance.${COUNT} = 0u;
}

u32 ${INPUT}(u32 var_p0) {
${inputBody}
}

void ${OUTPUT}(u64 var_p0) {
  ((u32 (*)(void))kernel_table[TABLE_INDEX(var_i0, 2)])();
}

u32 ${READ}(void) {
  kernel_instance.${COUNT} = 1;
  return kernel_instance.w2c_memory.pages;
}

void w2c_kernel_door(void) {
  ${READ}();
}
`;
}

const split = splitC(generated(`  return ${READ}();`), HEADER);
const part = (name: string): string => split.parts.find((each) => each.name === name)?.text ?? "";

test("a folder's functions are a part, which declares what it needs of others", () => {
  assert.deepEqual(split.parts.map((each) => each.name).sort(), ["fs-0", "net-tcp-0"]);
  assert.match(
    part("net-tcp-0"),
    new RegExp(`^u32 ${READ}\\(void\\) __asm__\\("fs/read"\\);$`, "m"),
  );
  assert.match(part("net-tcp-0"), new RegExp(`^u32 ${INPUT}\\(u32 var_p0\\) \\{$`, "m"));
  assert.doesNotMatch(part("fs-0"), new RegExp(INPUT));
  assert.match(part("net-tcp-0"), /TABLE_INDEX\(var_i0, kernel_table_size\)/);
});

test("a module's variable is one, and the memory stays where it was", () => {
  assert.match(part("fs-0"), new RegExp(`^extern u32 ${COUNT};$`, "m"));
  assert.match(part("fs-0"), new RegExp(`^  ${COUNT} = 1;$`, "m"));
  assert.match(part("fs-0"), /kernel_instance\.w2c_memory/);
  assert.match(split.main, new RegExp(`^u32 ${COUNT};$`, "m"));
  assert.match(split.main, new RegExp(`^  ${COUNT} = 0u;$`, "m"));
  assert.doesNotMatch(split.header, new RegExp(COUNT));
});

test("what is left has the table and the doors, and knows every function", () => {
  assert.match(split.main, /^const kernel_function kernel_table\[\] = \{$/m);
  assert.match(split.main, /^const u32 kernel_table_size = 2;$/m);
  assert.match(split.main, /^void w2c_kernel_door\(void\) \{$/m);
  assert.doesNotMatch(split.main, /^static .*w2c_kernel_kernel/m);
  assert.doesNotMatch(split.main, new RegExp(`^u32 ${INPUT}\\(u32 var_p0\\) \\{`, "m"));
  assert.match(split.common, /static inline int helper/);
});

test("an edit changes its own part alone", () => {
  const edited = splitC(generated("  return 7;"), HEADER);
  assert.equal(edited.parts.find((each) => each.name === "fs-0")?.text, part("fs-0"));
  assert.notEqual(edited.parts.find((each) => each.name === "net-tcp-0")?.text, part("net-tcp-0"));
  assert.equal(edited.main, split.main);
  assert.equal(edited.common, split.common);
});

test("what is no output of wasm2c is refused", () => {
  assert.throws(() => splitC("int x;\n", HEADER), /has changed/);
});
