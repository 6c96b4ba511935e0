/**
 * Page faults and the address space: some threads touch pages, one maps, unmaps, moves, protects
 * and cuts what they touch.
 *
 * What must hold: what an access reaches is what the areas say at that moment (looked at with each
 * access, kernel/linux/sim-memory.ts); nothing is mapped where no area is; in the end, with
 * everything unmapped, nobody holds a page of a file, nor the file.
 */
import type { Scenario, World } from "../interleave/explore.ts";
import { call, InterleaveFailure, type Program } from "../interleave/machine.ts";
import { Random } from "../random.ts";
import type { SourceFault } from "./faults.ts";
import type { SleepMachine } from "./machine.ts";
import { scenario } from "./worlds.ts";

const PAGE = 4096;
/** Where the threads touch, and where pages are moved to. */
const WINDOW = 0x1000_0000;
const WINDOW_PAGES = 4;
const ASIDE = 0x1800_0000;
const FILE_PAGES = 8;

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_FIXED = 16;
const MREMAP_MAYMOVE = 1;
const MREMAP_FIXED = 2;
const MADV_DONTNEED = 4;

const TOUCHES = 6;
const CHANGES = 8;

/** What is done to the address space and the files, besides touching. */
type Change = "map" | "unmap" | "protect" | "discard" | "move" | "cut" | "reopen" | "end";

const ALL_CHANGES: readonly Change[] = [
  "map",
  "map",
  "map",
  "unmap",
  "protect",
  "discard",
  "move",
  "cut",
  "reopen",
];

class SpaceWorld implements World {
  private readonly machine: SleepMachine;
  private readonly filesBefore: readonly number[];
  private readonly variant: number;
  private readonly changes: readonly Change[];
  /** Descriptors of the files that are open. */
  private files: number[] = [];

  constructor(machine: SleepMachine, variant: number, changes: readonly Change[]) {
    this.machine = machine;
    this.variant = variant;
    this.changes = changes;
    for (let thread = 0; thread < 3; thread++) machine.addThread();
    this.filesBefore = [machine.call("simOpen", FILE_PAGES), machine.call("simOpen", FILE_PAGES)];
  }

  programs(): Program[] {
    this.files = [...this.filesBefore];
    return [this.touch(1), this.touch(2), this.change()];
  }

  private *touch(thread: number): Program {
    const random = new Random(this.variant * 16 + thread);
    for (let count = 0; count < TOUCHES; count++) {
      const page = WINDOW + random.between(0, WINDOW_PAGES - 1) * PAGE;
      // The first word of a page says which one it is.
      if (random.chance(0.6)) yield call("simLoad", page);
      else yield call("simStore", page + 8, count);
    }
  }

  private *change(): Program {
    const random = new Random(this.variant * 16);
    yield* this.map(random, WINDOW, WINDOW_PAGES);
    for (let count = 0; count < CHANGES; count++) {
      const first = random.between(0, WINDOW_PAGES - 1);
      const address = WINDOW + first * PAGE;
      const bytes = random.between(1, WINDOW_PAGES - first) * PAGE;
      switch (random.pick(this.changes)) {
        case "unmap":
          yield call("simMunmap", address, bytes);
          break;
        case "protect":
          yield call("simMprotect", address, bytes, random.pick([PROT_READ, 3, 0]));
          break;
        case "discard":
          yield call("simMadvise", address, bytes, MADV_DONTNEED);
          break;
        case "cut":
          yield call("simCut", random.pick(this.files), random.between(0, FILE_PAGES - 1));
          break;
        case "move":
          yield call("simMremap", address, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, ASIDE);
          break;
        case "end":
          // Nothing holds the files any more but who reads a page.
          yield* this.reopen(0);
          yield* this.reopen(1);
          yield call("simMunmap", WINDOW, WINDOW_PAGES * PAGE);
          yield* this.map(random, WINDOW, WINDOW_PAGES);
          break;
        case "reopen":
          yield* this.reopen(random.between(0, 1));
          break;
        default:
          yield* this.map(random, address, bytes / PAGE);
      }
    }
  }

  /** The file stays as long as something maps it. */
  private *reopen(index: number): Program {
    const file = this.files[index] ?? 0;
    this.files[index] = yield call("simOpen", FILE_PAGES);
    yield call("simClose", file);
  }

  private *map(random: Random, address: number, pages: number): Program {
    const offset = random.between(0, FILE_PAGES - pages) * PAGE;
    const flags = random.pick([MAP_SHARED, MAP_PRIVATE, MAP_PRIVATE]) | MAP_FIXED;
    const rights = random.pick([PROT_READ, PROT_READ | PROT_WRITE]);
    yield call("simMmap", address, pages * PAGE, rights, flags, random.pick(this.files), offset);
  }

  check(): void {
    const { machine } = this;
    machine.call("simCheckSpace");
    for (const [place, pages] of [
      [WINDOW, WINDOW_PAGES],
      [ASIDE, WINDOW_PAGES],
    ] as const) {
      machine.call("simCheckGap", place, pages);
      machine.call("simMunmap", place, pages * PAGE);
    }
    for (const file of this.files) {
      if (machine.call("simIsAlone", file) === 0) {
        throw new InterleaveFailure("nothing is mapped, and a page or the file is held");
      }
    }
  }
}

function spaceScenario(name: string, variant: number, changes: readonly Change[]): Scenario {
  return scenario(name, (machine) => new SpaceWorld(machine, variant, changes));
}

export const SPACE_SCENARIOS: readonly Scenario[] = [
  spaceScenario("space-1", 1, ALL_CHANGES),
  spaceScenario("space-2", 2, ALL_CHANGES),
  spaceScenario("space-3", 3, ALL_CHANGES),
  spaceScenario("space-cut", 4, ["cut"]),
  spaceScenario("space-close", 5, ["end"]),
  spaceScenario("space-map", 6, ["map"]),
  spaceScenario("space-protect", 7, ["protect"]),
];

const FAULT = "mem/fault.ts";
const WRONG_PAGE = /the page of another place of the file is mapped/;

function inCondition(
  name: string,
  from: string,
  to: string,
  scenario: string,
  failure: RegExp,
): SourceFault {
  return { name, edits: [{ file: FAULT, from, to, isExpression: true }], scenario, failure };
}

export const SPACE_FAULTS: readonly SourceFault[] = [
  inCondition(
    "a fault trusts the area it had before it slept",
    "generation != vmaGeneration()",
    "false",
    "space-map",
    /the page of another place of the file is mapped|a page may be written, its area not/,
  ),
  inCondition(
    "a fault does not look where in the file its page is now",
    "indexIn(area, page) == index",
    "true",
    "space-map",
    WRONG_PAGE,
  ),
  inCondition(
    "a fault maps the page of another file",
    "area.source == source",
    "true",
    "space-map",
    WRONG_PAGE,
  ),
  inCondition(
    "a fault does not see that the file was cut",
    "cuts == source.cuts",
    "true",
    "space-cut",
    WRONG_PAGE,
  ),
  inCondition(
    "a fault maps a page whose rights have gone",
    "!allowed(still, error)",
    "false",
    "space-protect",
    /nothing is mapped, and a page or the file is held/,
  ),
  inCondition(
    "a fault overwrites the page that another thread's has mapped",
    "there != 0 && hw.load64(there) != 0",
    "false",
    "space-1",
    /nothing is mapped, and a page or the file is held/,
  ),
  {
    name: "a fault does not hold its source",
    edits: [
      { file: FAULT, from: "source.references++;", to: "" },
      { file: FAULT, from: "if (--source.references == 0) source.release();", to: "" },
    ],
    scenario: "space-close",
    failure: /a source is released while a page of it is read/,
  },
];
