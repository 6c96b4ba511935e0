/**
 * Connections that are made while others are: threads connect to one listener, which takes few at a
 * time, others accept; the listener is shut down, closed or made larger while they wait.
 *
 * What must hold: each connection is accepted once and carries what was sent on it, also when its
 * end has gone; who waits for a listener that goes hears of it; nothing is left open.
 */
import type { Scenario } from "../interleave/explore.ts";
import { call, type Program } from "../interleave/machine.ts";
import type { SourceFault } from "./faults.ts";
import type { SleepMachine } from "./machine.ts";
import {
  type Address,
  AF_INET,
  AF_UNIX,
  ECONNABORTED,
  ECONNREFUSED,
  ECONNRESET,
  EINVAL,
  type Family,
  fault,
  LOST,
  MSG_DONTWAIT,
  SHUT_RDWR,
  SOCK_STREAM,
  SocketWorld,
} from "./socket-world.ts";
import { scenario, signed } from "./worlds.ts";

abstract class ListenerWorld extends SocketWorld {
  protected readonly family: Family;
  protected readonly address: Address;
  protected readonly listening: number;

  constructor(machine: SleepMachine, threads: number, family: Family) {
    super(machine, threads);
    this.family = family;
    this.address = family === "tcp" ? this.inet(7000) : this.abstractName("a");
    this.listening = this.listener(this.address, family, 0);
  }

  /** Makes a socket and connects it: the descriptor and what connect says. */
  protected *connectNew(): Generator<ReturnType<typeof call>, [number, number], number> {
    const family = this.family === "tcp" ? AF_INET : AF_UNIX;
    const fd = yield* signed("simSocket", family, SOCK_STREAM);
    this.expect(fd >= 0, `a socket is not made: ${fd}`);
    const result = yield* signed("simConnect", fd, this.address.at, this.address.length);
    return [fd, result];
  }
}

const CONNECTIONS = 2;

class MeetingWorld extends ListenerWorld {
  private readonly speaks: boolean;
  private heard: number[] = [];
  private accepted = 0;

  /** `speaks`: those who connect send a word; otherwise they go at once. */
  constructor(machine: SleepMachine, family: Family, speaks: boolean) {
    super(machine, 5, family);
    this.speaks = speaks;
  }

  programs(): Program[] {
    this.heard = [];
    this.accepted = 0;
    return [this.connect(0), this.connect(1), this.connect(2), this.accept(3), this.accept(4)];
  }

  private *connect(thread: number): Program {
    for (let count = 0; count < CONNECTIONS; count++) {
      const [fd, result] = yield* this.connectNew();
      this.expect(result === 0, `connect returns ${result}`);
      if (this.speaks) yield* this.sendWord(thread, fd, thread * CONNECTIONS + count);
      yield call("simClose", fd);
    }
  }

  private *accept(thread: number): Program {
    const buffer = this.bufferOf(thread);
    for (;;) {
      const fd = yield* signed("simAccept", this.listening);
      if (fd === -EINVAL) return;
      this.expect(fd >= 0, `accept returns ${fd}`);
      this.accepted++;
      const result = yield* signed("simReceive", fd, buffer, 64, 0);
      this.expect(result === (this.speaks ? 4 : 0), `a receive returns ${result}`);
      if (this.speaks) this.heard.push(this.peek(buffer));
      yield call("simClose", fd);
      // All there were: those who still wait are sent home.
      if (this.accepted === 3 * CONNECTIONS) yield call("simShutdown", this.listening, SHUT_RDWR);
    }
  }

  override check(): void {
    this.expect(new Set(this.heard).size === this.heard.length, "two connections are one");
    this.closeAll([this.listening]);
  }
}

/** The listener goes while threads wait to connect and to accept. */
class ClosingWorld extends ListenerWorld {
  programs(): Program[] {
    return [this.connect(), this.connect(), this.connect(), this.close()];
  }

  private *connect(): Program {
    const [fd, result] = yield* this.connectNew();
    const isRefused = result === -ECONNREFUSED || result === -ECONNRESET;
    this.expect(result === 0 || isRefused, `connect returns ${result}`);
    yield call("simClose", fd);
  }

  private *close(): Program {
    yield { givesWay: true };
    yield call("simClose", this.listening);
  }

  override check(): void {
    this.closeAll([]);
  }
}

/** The listener is made larger while threads wait to connect. */
class LargerWorld extends ListenerWorld {
  programs(): Program[] {
    return [this.connect(), this.connect(), this.connect(), this.enlarge()];
  }

  private *connect(): Program {
    const [fd, result] = yield* this.connectNew();
    this.expect(result === 0, `connect returns ${result}`);
    yield call("simClose", fd);
  }

  private *enlarge(): Program {
    yield { givesWay: true };
    yield call("simListen", this.listening, 8);
  }

  override check(): void {
    this.closeAll([this.listening]);
  }
}

/** A thread shuts down the socket that another one is connecting, or sleeps to accept at. */
class GiveUpWorld extends ListenerWorld {
  private fd = -1;

  programs(): Program[] {
    this.fd = -1;
    return [this.fill(0), this.connect(), this.giveUp()];
  }

  /** Fills the listener's queue. */
  private *fill(thread: number): Program {
    for (let count = 0; count < 2; count++) {
      const [fd, result] = yield* this.connectNew();
      const isEnd = result === 0 || result === -ECONNREFUSED || result === -ECONNRESET;
      this.expect(isEnd, `connect returns ${result}`);
      yield* signed("simReceive", fd, this.bufferOf(thread), 4, MSG_DONTWAIT);
    }
  }

  private *connect(): Program {
    const family = this.family === "tcp" ? AF_INET : AF_UNIX;
    const fd = yield* signed("simSocket", family, SOCK_STREAM);
    this.fd = fd;
    const result = yield* signed("simConnect", fd, this.address.at, this.address.length);
    const errors = [-ECONNREFUSED, -ECONNRESET, -ECONNABORTED];
    this.expect(result === 0 || errors.includes(result), `connect returns ${result}`);
  }

  private *giveUp(): Program {
    yield { givesWay: true };
    if (this.fd >= 0) yield call("simShutdown", this.fd, SHUT_RDWR);
    yield call("simShutdown", this.listening, SHUT_RDWR);
  }
}

const FAMILIES: readonly Family[] = ["tcp", "unix"];

export const MEETING_SCENARIOS: readonly Scenario[] = FAMILIES.flatMap((family) => [
  scenario(`${family}-accept`, (machine) => new MeetingWorld(machine, family, true)),
  scenario(`${family}-accept-gone`, (machine) => new MeetingWorld(machine, family, false)),
  scenario(`${family}-listener-closes`, (machine) => new ClosingWorld(machine, 4, family)),
  scenario(`${family}-listener-grows`, (machine) => new LargerWorld(machine, 4, family)),
  scenario(`${family}-give-up`, (machine) => new GiveUpWorld(machine, 3, family)),
]);

const TCP = "net/socket/tcp-socket.ts";
const UNIX = "net/socket/unix-socket.ts";
const STATE = "net/socket/unix-state.ts";

export const MEETING_FAULTS: readonly SourceFault[] = [
  fault(
    "net/tcp/slow-input.ts",
    "a connection that is there wakes no acceptor",
    "tcp-accept",
    /lost|connect returns -110/,
    {
      from: "if (observer) observer.changed(POLLIN | POLLRDNORM);",
      to: "",
    },
  ),
  fault("net/tcp/slow-input.ts", "the outcome of a connect wakes nobody", "tcp-accept", LOST, {
    from: "c.notify(POLLOUT | POLLWRNORM);",
    to: "",
    within: "sendAcknowledgment(c);\n  c.notify(POLLOUT | POLLWRNORM);",
  }),
  fault(TCP, "a listener that is shut down wakes nobody", "tcp-accept", LOST, {
    from: "this.changed(POLLIN | POLLHUP);",
    to: "",
  }),
  fault(TCP, "who waits to accept takes the listener for the same", "tcp-accept", /./, {
    from: "this.listener == listener",
    to: "true",
    isExpression: true,
  }),
  fault(UNIX, "a connection to a unix socket wakes no acceptor", "unix-accept", LOST, {
    from: "target.changed(POLLIN | POLLRDNORM);",
    to: "",
    within: "target.pendingCount++;\n    target.changed(POLLIN | POLLRDNORM);",
  }),
  fault(UNIX, "who accepts makes no room for others", "unix-accept", LOST, {
    from: "this.wakeSenders();",
    to: "",
    within: "this.pendingCount--;\n    this.wakeSenders();",
  }),
  fault(UNIX, "who waited to accept does not look whether it is over", "unix-accept", LOST, {
    from: "if (this.receiveShut) return -EINVAL;",
    to: "",
  }),
  fault(UNIX, "a listener that grows wakes nobody", "unix-listener-grows", LOST, {
    from: "if (isLarger) this.wakeSenders();",
    to: "",
  }),
  fault(STATE, "a listener that is shut down leaves who connects waiting", "unix-give-up", LOST, {
    from: "socket.wakeSenders();",
    to: "",
  }),
  fault(UNIX, "a listener that goes leaves who connects waiting", "unix-listener-closes", LOST, {
    from: "this.wakeSenders();",
    to: "",
    within: "this.wakeSenders();\n    let pending = this.pending;",
  }),
  fault(
    UNIX,
    "who waited to connect takes the listener for the same",
    "unix-listener-closes",
    /./,
    {
      from: "error = this.waitForRoom(target, 0, deadline);",
      to: "error = this.waitForRoom(target, 0, deadline); if (error == 0) return this.join(target);",
    },
  ),
];
