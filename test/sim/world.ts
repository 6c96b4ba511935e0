/**
 * Two hosts, a wire, applications, and one clock. `run` goes on until everything has ended, and
 * says what was wrong.
 */
import { EventQueue } from "./events.ts";
import { Host, type SimExports } from "./host.ts";
import { Peer, type PeerOptions, SimFailure } from "./peer.ts";
import type { Random } from "./random.ts";
import { Wire, type WireOptions } from "./wire.ts";

const SECOND = 1e9;
const TIME_LIMIT = 24 * 3600 * SECOND;
const EVENTS_MAX = 400_000;
export const SERVER_PORT = 80;

export class World {
  readonly events = new EventQueue();
  readonly client: Host;
  readonly server: Host;
  readonly wire: Wire;
  readonly peers: Peer[] = [];
  listener = 0;
  private streams = 0;
  private readonly acceptors = new Map<number, (connection: number) => void>();
  private expected = 0;

  readonly random: Random;

  constructor(module: WebAssembly.Module, random: Random, wire: WireOptions) {
    this.random = random;
    const secret = () => BigInt(random.next()) * 0x1_0000_0001n;
    this.client = new Host(module, "client", 0x0a000001, this.events, secret());
    this.server = new Host(module, "server", 0x0a000002, this.events, secret());
    this.wire = new Wire(this.events, random, wire, [this.client, this.server]);
    for (const host of [this.client, this.server]) {
      host.onActivity = () => this.activity();
    }
  }

  private activity(): void {
    for (const peer of this.peers) peer.look();
    this.acceptAll();
  }

  private acceptAll(): void {
    if (this.listener === 0) return;
    for (;;) {
      const connection = this.server.run((exports) => exports.simAccept(this.listener));
      if (connection === 0) return;
      for (const accept of this.acceptors.values()) accept(connection);
    }
  }

  /** Two stream numbers: what the one end writes the other reads. */
  newStreams(): [number, number] {
    this.streams += 2;
    return [this.streams, this.streams + 1];
  }

  addPeer(
    host: Host,
    connection: number,
    writes: number,
    reads: number,
    options: PeerOptions,
  ): Peer {
    const peer = new Peer(host, connection, writes, reads, options, this.events, this.random);
    this.peers.push(peer);
    return peer;
  }

  listen(backlog: number): void {
    this.listener = this.server.run((exports) => exports.simListen(SERVER_PORT, backlog));
    if (this.listener === 0) throw new SimFailure("the server could not listen");
  }

  /**
   * Connects a client and gives the server's end of whatever it accepts the other options.
   * Connections are told apart by order, which is why only scenarios with equal servers have
   * several.
   */
  connect(
    clientOptions: PeerOptions,
    serverOptions: PeerOptions,
    prepare: (exports: SimExports, connection: number) => void = () => {},
  ): void {
    const [up, down] = this.newStreams();
    this.expected++;
    const connection = this.client.run((exports) => {
      const c = exports.simConnection();
      prepare(exports, c);
      return c;
    });
    const port = 1024 + this.expected;
    // The server finds out by the port which streams the connection carries.
    const error = this.client.run((exports) =>
      exports.simConnect(connection, port, this.server.address, SERVER_PORT),
    );
    if (error !== 0) throw new SimFailure(`connect: ${error}`);
    this.addPeer(this.client, connection, up, down, clientOptions);
    this.acceptors.set(port, (accepted) => {
      if (this.server.exports.simRemotePort(accepted) !== port) return;
      this.addPeer(this.server, accepted, down, up, serverOptions);
    });
  }

  /**
   * Runs until all peers have finished and both hosts have no connection left, but in TIME_WAIT.
   */
  run(): void {
    const busy = () =>
      this.peers.some((peer) => !peer.finished) ||
      [this.client, this.server].some(
        ({ exports }) => exports.simEndpoints() !== exports.simTimeWaits(),
      );
    while (busy()) {
      if (this.events.count > EVENTS_MAX) throw new SimFailure(`no end after ${EVENTS_MAX} events`);
      if (this.events.now > TIME_LIMIT) throw new SimFailure("no end after a day");
      if (!this.events.step())
        throw new SimFailure(`nothing more happens: ${this.describePeers()}`);
    }
    if (this.listener !== 0) {
      this.server.run((exports) => exports.simCloseListener(this.listener));
      this.listener = 0;
    }
    const leaks = [...this.client.leaks(), ...this.server.leaks()];
    if (leaks.length > 0) throw new SimFailure(`left over: ${leaks.join("; ")}`);
  }

  describePeers(): string {
    return this.peers
      .map((peer) => {
        const end = peer.finished ? `finished(${peer.error})` : "waiting";
        return `${peer.host.name} ${end} sent ${peer.sent} received ${peer.received} of ${peer.options.total}`;
      })
      .join(", ");
  }
}
