/*
 * Everything that can go wrong in a way a user can understand. Each class has a stable `code` for
 * scripts (`--json`) and tests, and the exit status of the command; `main.ts` alone turns one into
 * a line on stderr.
 *
 * Exit statuses follow what container tools taught people: the program's own status passes through,
 * and 125 is the runner's failure, 126 "cannot be executed", 127 "not found", 2 a mistake on the
 * command line.
 */

export const EXIT_USAGE = 2;
export const EXIT_PANIC = 70; // EX_SOFTWARE of sysexits.h
export const EXIT_RUNNER = 125;
export const EXIT_NOT_EXECUTABLE = 126;
export const EXIT_NOT_FOUND = 127;

export class VirgaError extends Error {
  readonly code: string;
  readonly exitCode: number;

  constructor(code: string, message: string, exitCode: number = EXIT_RUNNER) {
    super(message);
    this.name = new.target.name;
    this.code = code;
    this.exitCode = exitCode;
  }
}

export class UsageError extends VirgaError {
  constructor(message: string) {
    super("usage", message, EXIT_USAGE);
  }
}

export class ProgramNotFoundError extends VirgaError {
  constructor(program: string, where: string) {
    super("program-not-found", `no such program: ${program} (${where})`, EXIT_NOT_FOUND);
  }
}

export class NotAnElfError extends VirgaError {
  constructor(path: string, detail: string) {
    super("not-an-elf", `${path} is not a Linux program (ELF): ${detail}`, EXIT_NOT_EXECUTABLE);
  }
}

export class WrongArchitectureError extends VirgaError {
  constructor(path: string, found: string) {
    super(
      "wrong-architecture",
      `${path} is a program for ${found}; Virga runs x86-64 programs`,
      EXIT_NOT_EXECUTABLE,
    );
  }
}

export class MissingLibraryError extends VirgaError {
  readonly library: string;

  constructor(library: string, neededBy: string) {
    super(
      "missing-library",
      `missing library: ${library}, needed by ${neededBy}`,
      EXIT_NOT_EXECUTABLE,
    );
    this.library = library;
  }
}

export class PortInUseError extends VirgaError {
  constructor(port: number, protocol: string) {
    super(
      "port-in-use",
      `port ${port} (${protocol}) is in use on 127.0.0.1; give another with --port HOST:GUEST`,
    );
  }
}

export class PortDeniedError extends VirgaError {
  constructor(port: number) {
    super("port-denied", `port ${port} may not be opened by this user; give another with --port`);
  }
}

export class TooLittleMemoryError extends VirgaError {
  constructor(given: string, needed: string) {
    super("too-little-memory", `too little memory: ${given}; the least is ${needed}`);
  }
}

export class TooMuchMemoryError extends VirgaError {
  constructor(given: string, present: string) {
    super("too-much-memory", `too much memory: ${given}; this host has ${present}`);
  }
}

export class NotExecutableError extends VirgaError {
  constructor(path: string) {
    super(
      "not-executable",
      `${path} may not be executed; chmod +x makes it a program`,
      EXIT_NOT_EXECUTABLE,
    );
  }
}

export class ToolMissingError extends VirgaError {
  constructor(tool: string, debianPackage: string) {
    super("tool-missing", `${tool} is missing; install it (Debian package: ${debianPackage})`);
  }
}

export class NoPackagesError extends VirgaError {
  constructor() {
    super(
      "no-packages",
      "recipes are made of Debian packages, and apt-get is not here; run a program of this host instead",
    );
  }
}

export class NotFetchedError extends VirgaError {
  /** `words`: what apt-get said. */
  constructor(what: string, words: string) {
    // "E: Failed to fetch URL  REASON", or "Err:1 URL" with the reason in the next line.
    const reason = /^\s*E: (?:Failed to fetch )?(.*)$/m.exec(words)?.[1]?.replace(/\s+/g, " ");
    super("not-fetched", `can't fetch ${what}; is there a network? ${reason ?? ""}`.trimEnd());
  }
}

export class ToolFailedError extends VirgaError {
  constructor(tool: string, detail: string) {
    super("tool-failed", `${tool} failed: ${detail}`);
  }
}

export class MachineVanishedError extends VirgaError {
  constructor(name: string, detail: string) {
    super("machine-vanished", `${name} ended without a word of the program: ${detail}`);
  }
}

export class NameInUseError extends VirgaError {
  constructor(name: string) {
    super("name-in-use", `a machine named ${name} is running; stop it or give another --name`);
  }
}

export class NoSuchMachineError extends VirgaError {
  constructor(name: string) {
    super("no-such-machine", `no machine named ${name}; \`virga ps\` lists the running ones`);
  }
}
