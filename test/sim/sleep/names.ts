/**
 * Names: threads make, move, remove, read and list files of a union whose lower directories are on
 * a slow disk, so that any walk may sleep (kernel/linux/sim-names.ts has the tree).
 *
 * What must hold: in the end each directory is in one place, each name stands for a file that says
 * so itself, and the name cache agrees; no inode is destroyed while it is read; a file that nobody
 * has removed is there; and no call fails for a reason that there is not.
 */
import type { Scenario } from "../interleave/explore.ts";
import { call, type Program } from "../interleave/machine.ts";
import { Random } from "../random.ts";
import type { Edit, SourceFault } from "./faults.ts";
import type { SleepMachine } from "./machine.ts";
import { PAGE, scenario, signed, ThreadWorld } from "./worlds.ts";

const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_RDONLY = 0;
const O_DIRECTORY = 0o200000;

// What a call on names may say, lib/errno.ts.
const ENOENT = 2;
const EEXIST = 17;
const ENOTDIR = 20;
const EISDIR = 21;
const EINVAL = 22;
const ELOOP = 40;
const ENOTEMPTY = 39;
const EBADF = 9;
const EPERM = 1;
const REASONS: ReadonlySet<number> = new Set([
  ENOENT,
  EEXIST,
  ENOTDIR,
  EISDIR,
  EINVAL,
  ELOOP,
  ENOTEMPTY,
  EPERM,
  // What was closed by another thread.
  EBADF,
]);

type Verb =
  | "make"
  | "keep"
  | "open"
  | "list"
  | "mkdir"
  | "rename"
  | "move"
  | "into"
  | "release"
  | "link"
  | "unlink"
  | "rmdir"
  | "readlink"
  | "lchown";

/** A call: what, of which file, and the other name if it takes one. */
type Step = readonly [verb: Verb, path: string, other?: string];

/** Empties a directory of the slow disk, but for its subdirectories. */
function emptied(path: string): Step[] {
  return ["a", "b", "l"].map((name): Step => ["unlink", `${path}/${name}`]);
}

/** Removes all of a directory's contents. */
function hollowed(path: string): Step[] {
  return [...emptied(path), ["rmdir", `${path}/d`], ["rmdir", `${path}/e`]];
}

class NameWorld extends ThreadWorld {
  private readonly threads: readonly (readonly Step[])[];
  private kept: string[] = [];
  /** A descriptor of /n, where there is one. */
  private readonly held: number;

  constructor(machine: SleepMachine, before: readonly Step[], threads: readonly Step[][]) {
    super(machine, threads.length);
    this.threads = threads;
    machine.call("simNames");
    for (const [verb, path, other] of before) {
      this.put(0, path);
      this.put(1, other ?? "");
      this.call(verb, this.pathAt(0), this.pathAt(1));
    }
    this.put(0, "/n");
    this.held = machine.call("simOpenPath", this.pathAt(0), O_DIRECTORY);
  }

  programs(): Program[] {
    this.kept = [];
    return this.threads.map((steps, thread) => this.run(thread, steps));
  }

  /** Where a thread has its paths: beside each other, in the first of its pages. */
  private pathAt(index: number): number {
    return this.bufferOf(0) + index * 64;
  }

  private put(index: number, path: string): void {
    const bytes = new Uint8Array(64);
    new TextEncoder().encodeInto(path, bytes);
    const words = new Uint32Array(bytes.buffer);
    words.forEach((word, i) => {
      this.poke(this.pathAt(index) + i * 4, word);
    });
  }

  /** Makes the call before anybody runs. */
  private call(verb: Verb, path: number, other: number): void {
    const { machine } = this;
    if (verb === "mkdir") machine.call("simMkdir", path);
    else if (verb === "rename") machine.call("simRename", path, other);
    else if (verb === "unlink") machine.call("simUnlink", path);
    else if (verb === "rmdir") machine.call("simRmdir", path);
    else machine.call("simClose", machine.call("simOpenPath", path, O_CREAT));
  }

  private *run(thread: number, steps: readonly Step[]): Program {
    const results = this.bufferOf(thread) + PAGE;
    for (const [verb, path, other = ""] of steps) {
      const [at, otherAt] = [thread * 2 + 2, thread * 2 + 3];
      this.put(at, path);
      this.put(otherAt, other);
      const result = yield* this.step(verb, this.pathAt(at), this.pathAt(otherAt), results);
      const what = `${verb} ${path} ${other}`;
      this.expect(result >= 0 || REASONS.has(-result), `${what}: errno ${-result}`);
      if (verb === "keep" && result >= 0) this.kept.push(path);
      if (verb === "move" && result >= 0) this.kept.push(other);
    }
  }

  private *step(
    verb: Verb,
    path: number,
    other: number,
    results: number,
  ): Generator<ReturnType<typeof call>, number, number> {
    switch (verb) {
      case "make":
        return yield* this.opened(path, O_CREAT);
      case "keep":
        return yield* this.opened(path, O_CREAT | O_EXCL);
      case "open":
        return yield* this.opened(path, O_RDONLY);
      case "list":
        return yield* this.listed(path, results);
      case "mkdir":
        return yield* signed("simMkdir", path);
      case "into":
        return yield* signed("simRenameInto", path, this.held, other);
      case "release":
        return yield* signed("simClose", this.held);
      case "rename":
      case "move":
        return yield* signed("simRename", path, other);
      case "link":
        return yield* signed("simLink", path, other);
      case "unlink":
        return yield* signed("simUnlink", path);
      case "rmdir":
        return yield* signed("simRmdir", path);
      case "readlink":
        return yield* signed("simReadlink", path, results, 64);
      case "lchown":
        return yield* signed("simLchown", path, 1);
    }
  }

  private *opened(path: number, flags: number): Generator<ReturnType<typeof call>, number, number> {
    const fd = yield* signed("simOpenPath", path, flags);
    if (fd >= 0) yield call("simClose", fd);
    return fd;
  }

  private *listed(
    path: number,
    results: number,
  ): Generator<ReturnType<typeof call>, number, number> {
    const fd = yield* signed("simOpenPath", path, O_DIRECTORY);
    if (fd < 0) return fd;
    let filled = 1;
    while (filled > 0) filled = yield* signed("simGetdents", fd, results, PAGE);
    yield call("simClose", fd);
    return filled;
  }

  override check(): void {
    const { machine } = this;
    machine.call("simCheckNames");
    for (const path of this.kept) {
      this.put(0, path);
      const fd = machine.call("simOpenPath", this.pathAt(0), O_RDONLY) | 0;
      this.expect(fd >= 0, `nobody removed ${path}, and it is gone`);
      machine.call("simClose", fd);
    }
    machine.call("simCheckNames");
  }
}

function nameScenario(name: string, before: readonly Step[], ...threads: Step[][]): Scenario {
  return scenario(name, (machine) => new NameWorld(machine, before, threads));
}

const PATHS = ["/a", "/b", "/d", "/e", "/l", "/d/a", "/d/d", "/e/x", "/e/l", "/d/e", "/l/", "/x"];
const VERBS: readonly Verb[] = [
  "make",
  "open",
  "list",
  "mkdir",
  "rename",
  "rename",
  "rename",
  "link",
  "unlink",
  "rmdir",
  "readlink",
  "lchown",
];
const STEPS = 10;

/** Anything at all, by chance. */
function chaos(name: string, variant: number): Scenario {
  const threads = [0, 1, 2].map((thread) => {
    const random = new Random(variant * 16 + thread);
    const step = (): Step => [random.pick(VERBS), random.pick(PATHS), random.pick(PATHS)];
    return Array.from({ length: STEPS }, step);
  });
  return nameScenario(name, [], ...threads);
}

export const NAME_SCENARIOS: readonly Scenario[] = [
  chaos("names-1", 1),
  chaos("names-2", 2),
  chaos("names-3", 3),
  nameScenario(
    "names-rename",
    [["make", "/x"]],
    [["rename", "/x", "/d/x"]],
    [["unlink", "/x"]],
    [["rename", "/x", "/e/y"]],
  ),
  nameScenario("names-rmdir", hollowed("/d"), [["rmdir", "/d"]], [["keep", "/d/x"]]),
  nameScenario(
    "names-replace",
    [["mkdir", "/n"], ...hollowed("/d"), ...hollowed("/e")],
    [["rename", "/n", "/d"]],
    [["keep", "/d/x"]],
    [["rename", "/e", "/d"]],
  ),
  nameScenario(
    "names-cycle",
    [
      ["mkdir", "/n"],
      ["mkdir", "/n/m"],
    ],
    [["rename", "/n", "/e/d"]],
    [["rename", "/e", "/n/m/e"]],
  ),
  nameScenario(
    "names-link",
    [],
    [["link", "/l", "/x"]],
    [
      ["make", "/y"],
      ["rename", "/y", "/x"],
    ],
  ),
  nameScenario(
    "names-list",
    ["/1", "/2", "/3", "/4", "/5"].map((path): Step => ["make", path]),
    [["list", "/"]],
    ["/1", "/2", "/3", "/4", "/5"].map((path): Step => ["unlink", path]),
  ),
  nameScenario(
    "names-symlink",
    [],
    [
      ["readlink", "/l"],
      ["open", "/e/l"],
    ],
    [
      ["lchown", "/l"],
      ["lchown", "/e/l"],
    ],
    [
      ["open", "/l"],
      ["readlink", "/e/l"],
    ],
  ),
  nameScenario(
    "names-moved-link",
    hollowed("/e").slice(0, 2),
    [
      ["open", "/e/l"],
      ["open", "/e/l"],
    ],
    [
      ["rename", "/e/l", "/x"],
      ["rmdir", "/e/d"],
      ["rmdir", "/e/e"],
      ["rmdir", "/e"],
    ],
  ),
  nameScenario("names-moved-away", hollowed("/d"), [["rmdir", "/d"]], [["move", "/d", "/z"]]),
  nameScenario(
    "names-copy-up",
    [],
    [["lchown", "/l"]],
    [["unlink", "/l"]],
    [["rename", "/l", "/d/x"]],
  ),
  nameScenario("names-link-gone", [], [["link", "/l", "/x"]], [["unlink", "/l"]]),
  nameScenario(
    "names-base",
    [["mkdir", "/n"]],
    [["into", "/e/a", "x"]],
    [
      ["release", ""],
      ["rmdir", "/n"],
    ],
  ),
  nameScenario(
    "names-lookup",
    [],
    [["keep", "/d/x"]],
    [
      ["open", "/d/x"],
      ["open", "/d/x"],
    ],
  ),
];

function fault(
  name: string,
  scenario: string,
  failure: RegExp,
  file: string,
  edit: Omit<Edit, "file">,
): SourceFault {
  return { name, scenario, failure, edits: [{ file, ...edit }] };
}

const VFS = "fs/vfs.ts";
const WALK = "fs/path-walk.ts";
const TMPFS = "fs/tmpfs.ts";

/** Two names of one file, a file in two places, or none. */
const TORN = /has been removed|says another file|are in none|is in itself|poison|assert/;
const GONE = /nobody removed|are in none/;
const READ = /an inode is destroyed while it is read/;
/** What was freed is used: the debug kernel fills it. */
const FREED =
  /poison|unreachable|out of bounds|assert|a reference|is in itself|says another|are in none/;

export const NAME_FAULTS: readonly SourceFault[] = [
  fault(
    "a rename trusts the name that it found before its second walk",
    "names-rename",
    TORN,
    VFS,
    {
      from: "!isStill(source, moves)",
      to: "false",
      isExpression: true,
    },
  ),
  fault("rmdir removes the directory where it is now", "names-moved-away", GONE, VFS, {
    from: "!isStill(dentry, moves)",
    to: "false",
    isExpression: true,
  }),
  fault("rmdir trusts that the directory is still empty", "names-rmdir", GONE, TMPFS, {
    from: "!(<TmpDirectory>directory).isEmpty()",
    to: "false",
    isExpression: true,
  }),
  fault("a rename trusts that what it replaces is still empty", "names-replace", GONE, TMPFS, {
    from: "!(<TmpDirectory>replaced).isEmpty()",
    to: "false",
    isExpression: true,
  }),
  fault("a rename does not check again after a sleep", "names-cycle", TORN, VFS, {
    from: "slept && error >= 0 ? TRY_AGAIN : error",
    to: "min(error, 0)",
    isExpression: true,
  }),
  fault("a rename does not look its target up again", "names-replace", TORN, VFS, {
    from: "!isStill(target, moves)",
    to: "false",
    isExpression: true,
  }),
  fault("a new name overwrites one that came meanwhile", "names-link", TORN, TMPFS, {
    from: "if (entry.inode) return -EEXIST;",
    to: "",
  }),
  fault("a listing goes on from an entry that is gone", "names-list", FREED, TMPFS, {
    from: "removals == this.removals",
    to: "true",
    isExpression: true,
  }),
  {
    name: "a walk does not hold the directory whose link it reads",
    scenario: "names-moved-link",
    failure: FREED,
    edits: [
      { file: WALK, from: "dentryGet(current);", to: "" },
      { file: WALK, from: "dentryPut(current);", to: "" },
    ],
  },
  {
    name: "a walk does not hold the link that it reads",
    scenario: "names-symlink",
    failure: READ,
    edits: [
      { file: WALK, from: "inodeGet(inode);", to: "" },
      { file: WALK, from: "inodePut(inode);", to: "" },
    ],
  },
  {
    name: "readlink does not hold the link that it reads",
    scenario: "names-symlink",
    failure: READ,
    edits: [
      { file: "linux/stat-calls.ts", from: "inodeGet(inode);", to: "" },
      { file: "linux/stat-calls.ts", from: "inodePut(inode);", to: "" },
    ],
  },
  fault("a copy up trusts the place of its name", "names-copy-up", TORN, TMPFS, {
    from: "dentry.isDeleted() || dentry.moves != moves",
    to: "false",
    isExpression: true,
  }),
  fault(
    "a link to a removed file says that it is on another disk",
    "names-link-gone",
    /EXDEV|errno 18/,
    VFS,
    {
      from: "old.isDeleted() ? -ENOENT : -EXDEV",
      to: "-EXDEV",
      isExpression: true,
    },
  ),
  {
    name: "a rename does not hold the directory that its second walk starts in",
    scenario: "names-base",
    failure: FREED,
    edits: [
      { file: "linux/path-calls.ts", from: "dentryGet(toBase);", to: "" },
      { file: "linux/path-calls.ts", from: "dentryPut(toBase);", to: "" },
    ],
  },
];
