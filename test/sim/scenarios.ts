/**
 * What the two hosts do in a simulation. A scenario sets the applications up, and says after the
 * run what must have come of it. Each runs on every kind of wire.
 */
import type { SimExports } from "./host.ts";
import { type Peer, type PeerOptions, SimFailure } from "./peer.ts";
import { ACK, FIN, flagsOf, forge, makeSyn, portsOf, RST, SYN, sequenceOf } from "./segment.ts";
import { SERVER_PORT, type World } from "./world.ts";

const ETIMEDOUT = 110;
const ECONNRESET = 104;
const EPIPE = 32;
const ECONNREFUSED = 111;
const SECOND = 1e9;

export interface Scenario {
  name: string;
  setup(world: World): void;
  check(world: World): void;
}

function sizes(world: World): { writeMax: number; readMax: number } {
  const { random } = world;
  return { writeMax: random.magnitude(1, 100_000), readMax: random.magnitude(100, 100_000) };
}

/** Bytes for one direction: fewer on a slow wire, so that no seed takes long. */
function amount(world: World): number {
  return world.random.magnitude(1, 400_000);
}

/** Options of a connection by chance. */
function randomOptions(world: World): (exports: SimExports, c: number) => void {
  const { random } = world;
  const noDelay = random.chance(0.3);
  const fixed = random.chance(0.3);
  const send = random.magnitude(2048, 300_000);
  const receive = random.magnitude(2048, 300_000);
  return (exports, c) => {
    if (noDelay) exports.simSetNoDelay(c, 1);
    if (fixed) exports.simSetBuffers(c, send, receive);
  };
}

function prepare(world: World): void {
  const { random } = world;
  for (const host of [world.client, world.server]) {
    const mtu = random.pick([1500, 1500, 1500, 576, 9000, 1400]);
    host.run((exports) => exports.simSetLink(mtu, random.chance(0.3) ? 61440 : 0));
  }
  const options = randomOptions(world);
  world.server.run((exports) => options(exports, exports.simTemplate()));
}

/** Whether the wire is so bad that giving up may be right. */
function mayGiveUp(world: World): boolean {
  const { loss, corrupt } = world.wire.options;
  return loss + corrupt > 0.05;
}

function fail(world: World, what: string): never {
  throw new SimFailure(`${what}: ${world.describePeers()}`);
}

/** All streams have arrived whole, and nobody saw an error. */
function checkWhole(world: World): void {
  if (world.peers.some((peer) => peer.error === -ETIMEDOUT) && mayGiveUp(world)) return;
  for (const peer of world.peers) {
    if (peer.error !== 0) fail(world, `an error (${peer.error}) at the ${peer.host.name}`);
    const other = world.peers.find((candidate) => candidate.writes === peer.reads);
    if (other === undefined) fail(world, "a connection was not accepted");
    if (peer.received !== other.sent) fail(world, "bytes are missing");
    if (peer.sent !== peer.options.total) fail(world, "not all was sent");
  }
}

function duplex(name: string, options: (world: World) => [PeerOptions, PeerOptions]): Scenario {
  return {
    name,
    setup(world) {
      prepare(world);
      world.listen(8);
      const [client, server] = options(world);
      world.connect(client, server, randomOptions(world));
    },
    check: checkWhole,
  };
}

/** A request is answered when it is there whole; the next one follows the answer. */
function conversation(world: World, roundsMax = 60): [PeerOptions, PeerOptions] {
  const { random } = world;
  const rounds = random.between(1, roundsMax);
  const requests: number[] = [0];
  const answers: number[] = [0];
  for (let i = 0; i < rounds; i++) {
    requests.push((requests[i] as number) + random.magnitude(1, 5000));
    answers.push((answers[i] as number) + random.magnitude(1, 5000));
  }
  const complete = (ends: number[], received: number) =>
    ends.findLastIndex((end) => end <= received);
  const client = {
    total: requests[rounds] as number,
    allowance: (received: number) =>
      requests[Math.min(complete(answers, received) + 1, rounds)] as number,
    ...sizes(world),
    corks: random.chance(0.2),
  };
  const server = {
    total: answers[rounds] as number,
    allowance: (received: number) => answers[complete(requests, received)] as number,
    ...sizes(world),
  };
  return [client, server];
}

/**
 * One end leaves in the middle: the other sees everything up to a point, or an error, and both end.
 */
const reset: Scenario = {
  name: "reset",
  setup(world) {
    prepare(world);
    world.listen(8);
    const total = amount(world) + 1;
    const both = { total, ...sizes(world) };
    const aborts = { ...both, abortAt: world.random.between(1, total) };
    const isClient = world.random.chance(0.5);
    world.connect(isClient ? aborts : both, isClient ? both : aborts, randomOptions(world));
    keepAlive(world);
  },
  check(world) {
    for (const peer of world.peers) {
      if (peer.aborted) continue;
      // A reset that is lost is made up for by the answer to the next segment, or by keepalive.
      const allowed = [-ECONNRESET, -EPIPE, -ETIMEDOUT, 0];
      if (!allowed.includes(peer.error)) fail(world, `error ${peer.error}`);
    }
  },
};

function keepAlive(world: World): void {
  const times = [BigInt(30 * SECOND), BigInt(5 * SECOND), 8] as const;
  world.server.run((exports) => exports.simSetKeepalive(exports.simTemplate(), ...times));
  for (const peer of world.peers) {
    peer.host.run((exports) => exports.simSetKeepalive(peer.connection, ...times));
  }
}

/** Nobody listens. */
const refused: Scenario = {
  name: "refused",
  setup(world) {
    prepare(world);
    world.connect({ total: 10, ...sizes(world) }, { total: 0, ...sizes(world) });
  },
  check(world) {
    const [peer] = world.peers as [Peer];
    if (peer.error === -ECONNREFUSED) return;
    if (peer.error === -ETIMEDOUT && mayGiveUp(world)) return;
    fail(world, "should have been refused");
  },
};

/** Both connect to each other at the same time (RFC 9293 3.5, figure 7). */
const simultaneousOpen: Scenario = {
  name: "simultaneous-open",
  setup(world) {
    prepare(world);
    const [up, down] = world.newStreams();
    const total = amount(world);
    const ends = [
      {
        host: world.client,
        other: world.server,
        port: 1000,
        remote: 2000,
        writes: up,
        reads: down,
      },
      {
        host: world.server,
        other: world.client,
        port: 2000,
        remote: 1000,
        writes: down,
        reads: up,
      },
    ];
    for (const { host, other, port, remote, writes, reads } of ends) {
      const c = host.run((exports) => exports.simConnection());
      const error = host.run((exports) => exports.simConnect(c, port, other.address, remote));
      if (error !== 0) throw new SimFailure(`connect: ${error}`);
      world.addPeer(host, c, writes, reads, { total, ...sizes(world) });
    }
  },
  check(world) {
    // On a slow wire or a bad one, the first SYN may meet a reset before the other end has begun;
    // here both begin at once.
    checkWhole(world);
  },
};

/** SYNs from everywhere fill the queue: real clients get in by cookies. */
const synFlood: Scenario = {
  name: "syn-flood",
  setup(world) {
    prepare(world);
    world.listen(16);
    const { random, events, wire } = world;
    const gap = random.magnitude(20_000, 2_000_000);
    let left = 400;
    const flood = () => {
      const source = 0xc0000000 + random.between(0, 0xffffff);
      const port = random.between(1024, 65535);
      const syn = makeSyn(source, world.server.address, port, SERVER_PORT, random.next());
      wire.send(undefined, syn);
      if (--left > 0) events.after(random.between(0, gap), flood);
    };
    flood();
    for (let i = 0; i < 5; i++) {
      // The client writes first, and an acknowledgment that is lost is repeated with its data.
      const [client, server] = conversation(world, 10);
      world.connect(client, server, randomOptions(world));
    }
    keepAlive(world);
  },
  check(world) {
    if (world.peers.some((peer) => peer.error === -ECONNRESET)) {
      // A cookie's time may be over before the first data come through a bad wire.
      if (mayGiveUp(world)) return;
    }
    checkWhole(world);
  },
};

/** The path turns out to be narrower than the link (RFC 1191). */
const pathMtu: Scenario = {
  name: "path-mtu",
  setup(world) {
    for (const host of [world.client, world.server]) {
      host.run((exports) => exports.simSetLink(1500, 0));
    }
    world.listen(8);
    const { random, wire } = world;
    const total = 20_000 + amount(world);
    world.connect({ total, ...sizes(world) }, { total, ...sizes(world) }, randomOptions(world));
    const limit = random.between(600, 1400);
    world.events.after(random.between(0, 500_000_000), () => {
      wire.segmentMax = limit - 20;
    });
    wire.onTooBig = (sender, segment) => {
      const { source, destination } = portsOf(segment);
      const sequence = sequenceOf(segment);
      world.events.after(random.between(1000, 10_000_000), () => {
        sender.run((exports) => {
          exports.simSetLink(limit, 0);
          exports.simPathMtu(segment.source, segment.destination, source, destination, sequence);
        });
      });
    };
  },
  check: checkWhole,
};

/** More clients at once than the server accepts quickly. */
const crowd: Scenario = {
  name: "crowd",
  setup(world) {
    prepare(world);
    world.listen(world.random.between(1, 40));
    for (let i = 0; i < 20; i++) {
      const [client, server] = conversation(world, 10);
      world.connect(client, server, randomOptions(world));
    }
    keepAlive(world);
  },
  check: checkWhole,
};

/** Somebody in between sends resets, SYNs and wrong acknowledgments that are nearly right. */
const forgery: Scenario = {
  name: "forgery",
  setup(world) {
    prepare(world);
    world.listen(8);
    const total = amount(world);
    world.connect({ total, ...sizes(world) }, { total, ...sizes(world) }, randomOptions(world));
    const { random, wire } = world;
    const rate = random.scale(0.001, 0.2);
    wire.onSegment = (segment) => {
      if ((flagsOf(segment) & SYN) !== 0 || !random.chance(rate)) return;
      // A reset with exactly the next sequence number is genuine for all that TCP can know: stay
      // away from it.
      // So is what lies in the window, which begins up to one window before the segment.
      const far = random.pick([-1_000_000_000, -5_000_000, 100_000_000, 1_000_000_000]);
      const flags = random.pick([RST, RST | ACK, SYN, SYN | ACK, ACK, FIN | ACK, 0]);
      wire.send(undefined, forge(segment, flags, far + random.between(-1000, 1000)));
    };
  },
  check: checkWhole,
};

/** The hosts have too few buffers for the windows they announce. */
const poor: Scenario = {
  name: "few-buffers",
  setup(world) {
    prepare(world);
    const { random } = world;
    for (const host of [world.client, world.server]) {
      const bytes = BigInt(random.magnitude(16, 200) * 2048);
      host.run((exports) => {
        exports.simSetLink(1500, 0);
        exports.simLimitPackets(bytes);
      });
    }
    world.listen(8);
    const total = amount(world);
    const count = random.between(1, 6);
    for (let i = 0; i < count; i++) {
      // Some do not read for a while: the others must not starve for it.
      const readFrom = i % 2 === 1 ? random.magnitude(1e6, 20e9) : 0;
      world.connect({ total, ...sizes(world) }, { total, ...sizes(world), readFrom });
    }
  },
  check: checkWhole,
};

/**
 * The other end vanishes without a word: keepalive, the retransmission limit or the user timeout
 * notice.
 */
const vanish: Scenario = {
  name: "vanish",
  setup(world) {
    prepare(world);
    world.listen(8);
    const { random, events, wire } = world;
    const total = amount(world) + 1000;
    world.connect(
      { total, ...sizes(world), allowance: () => random.between(0, total) },
      { total, ...sizes(world), allowance: () => random.between(0, total) },
    );
    keepAlive(world);
    events.after(random.magnitude(1e6, 2e9), () => {
      wire.options.loss = 1;
    });
  },
  check(world) {
    for (const peer of world.peers) {
      const isOver = peer.sent === peer.options.total && peer.ended;
      if (peer.error !== -ETIMEDOUT && !isOver && world.wire.options.loss === 1) {
        fail(world, "should have timed out");
      }
    }
  },
};

/** The server's machine ends when its program has written all: see kernel/net/tcp/farewell.ts. */
function endMachine(world: World): void {
  const { server, events } = world;
  server.run((exports) => exports.simFarewellBegin());
  const look = () => {
    if (server.run((exports) => exports.simFarewellLook()) !== 0n) events.after(20e6, look);
    // It is off.
    else server.transmit = () => {};
  };
  look();
}

/**
 * A program ends with what it has written on its way, and its machine with it. The client gets all
 * of it, or an error: never an end before it.
 */
const farewell: Scenario = {
  name: "farewell",
  setup(world) {
    prepare(world);
    world.listen(8);
    const { events, random } = world;
    const halves = random.chance(0.5);
    world.connect(
      {
        total: halves ? 0 : 1,
        ...sizes(world),
        allowance: (_, ended) => (ended ? 1 : 0),
        readFrom: random.chance(0.3) ? random.magnitude(1e6, 20e9) : 0,
      },
      { total: amount(world), ...sizes(world), closeEarly: true },
    );
    keepAlive(world);
    const watch = () => {
      const program = world.peers.find(({ host }) => host === world.server);
      if (program?.finished) endMachine(world);
      else if (!world.peers[0]?.finished) events.after(5e6, watch);
    };
    watch();
  },
  check(world) {
    const [client, program] = world.peers;
    if (client === undefined || program === undefined || program.error !== 0) return;
    if (client.ended && client.received !== program.sent) fail(world, "an end before the end");
    const { loss, corrupt } = world.wire.options;
    const isPatient = client.options.readFrom === 0;
    if (loss + corrupt === 0 && isPatient && !client.ended) fail(world, "it was not delivered");
  },
};

export const SCENARIOS: readonly Scenario[] = [
  duplex("bulk", (world) => [
    { total: amount(world), ...sizes(world), corks: world.random.chance(0.2) },
    { total: 0, ...sizes(world), allowance: () => 0 },
  ]),
  duplex("download", (world) => [
    { total: 0, ...sizes(world) },
    { total: amount(world), ...sizes(world) },
  ]),
  // Both write all they have and shut down: the ends cross.
  duplex("duplex", (world) => [
    { total: amount(world), ...sizes(world) },
    { total: amount(world), ...sizes(world) },
  ]),
  duplex("simultaneous-close", (world) => [
    { total: world.random.between(0, 3000), ...sizes(world) },
    { total: world.random.between(0, 3000), ...sizes(world) },
  ]),
  duplex("conversation", (world) => conversation(world)),
  // The server answers once the client has shut down.
  duplex("half-close", (world) => {
    const total = amount(world);
    return [
      { total: amount(world), ...sizes(world) },
      { total, ...sizes(world), allowance: (_, ended) => (ended ? total : 0) },
    ];
  }),
  // The reader sleeps, or is slow: the window closes and opens again.
  duplex("zero-window", (world) => [
    { total: 50_000 + amount(world), ...sizes(world), writeMax: 50_000 },
    {
      total: 0,
      ...sizes(world),
      readMax: 20_000,
      readFrom: world.random.magnitude(1e6, 300e9),
      readPause: world.random.magnitude(1000, 20_000_000),
    },
  ]),
  reset,
  refused,
  simultaneousOpen,
  synFlood,
  pathMtu,
  crowd,
  forgery,
  poor,
  vanish,
  farewell,
];
