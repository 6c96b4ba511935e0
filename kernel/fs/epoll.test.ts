import { EEXIST, ELOOP, ENOENT } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { EPOLL_EVENT_SIZE, EPOLLET, EPOLLONESHOT, Epoll } from "./epoll";
import { File, fileGet, filePut, POLLHUP, POLLIN, POLLOUT } from "./file";

const out: usize = memory.data(12 * 64, 8);

class FakeFile extends File {
  state: u32 = 0;
  poll(): u32 {
    return this.state;
  }
  become(mask: u32): void {
    this.state = mask;
    this.notify(mask);
  }
}

function data(index: u32): u64 {
  return load<u64>(out + <usize>index * EPOLL_EVENT_SIZE, 4);
}

function events(index: u32): u32 {
  return load<u32>(out + <usize>index * EPOLL_EVENT_SIZE);
}

const FILES = 12;
let seed: u32 = 99;

function random(bound: u32): u32 {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % bound;
}

/** What an item should do, written down the plain way. */
class Model {
  file: FakeFile = new FakeFile();
  watched: bool = false;
  on: bool = false;
  mode: u32 = 0;
  wanted: u32 = 0;
  /** An edge that has not been looked at. */
  edge: bool = false;

  watch(mode: u32, wanted: u32): void {
    this.watched = true;
    this.on = true;
    this.mode = mode;
    this.wanted = wanted | POLLHUP;
    // A change of the item does not take back an edge that is under way.
    this.edge = this.edge || (this.file.state & this.wanted) != 0;
  }

  /** What a wait should report, 0 for nothing; then the state is as after it. */
  expected(): u32 {
    if (!this.watched || !this.on) {
      this.edge = false;
      return 0;
    }
    const events = this.file.state & this.wanted;
    const reported = this.mode == EPOLLET && !this.edge ? 0 : events;
    this.edge = false;
    if (reported != 0 && this.mode == EPOLLONESHOT) this.on = false;
    return reported;
  }
}

function randomMode(): u32 {
  const choice = random(3);
  return choice == 0 ? 0 : choice == 1 ? EPOLLET : EPOLLONESHOT;
}

function randomStep(epoll: Epoll, model: Model, fd: i32): void {
  const choice = random(10);
  if (choice < 6) {
    const state = random(2) * POLLIN + random(2) * POLLOUT + (random(6) == 0 ? POLLHUP : 0);
    model.file.become(state);
    if (model.on && (state & model.wanted) != 0) model.edge = true;
    return;
  }
  const mode = randomMode();
  const wanted = 1 + random(2) * 3;
  if (choice == 6) {
    const removed = epoll.remove(model.file, fd);
    expectEqual(removed, model.watched ? 0 : -ENOENT, "removed");
    model.watched = false;
    model.on = false;
    model.edge = false;
  } else if (choice == 7) {
    filePut(model.file);
    model.file = new FakeFile();
    model.watched = false;
    model.on = false;
    model.edge = false;
  } else if (model.watched) {
    expectEqual(epoll.modify(model.file, fd, wanted | mode, fd), 0, "modified");
    model.watch(mode, wanted);
  } else {
    expectEqual(epoll.add(model.file, fd, wanted | mode, fd), 0, "added");
    model.watch(mode, wanted);
  }
}

test("epoll: random changes and waits agree with a model", () => {
  const epoll = new Epoll();
  const models: Model[] = [];
  for (let i = 0; i < FILES; i++) models.push(new Model());
  for (let round = 0; round < 3000; round++) {
    for (let step = random(6); step != 0; step--) {
      const i = <i32>random(FILES);
      randomStep(epoll, models[i], i);
    }
    const found = epoll.collect(out, 64);
    let wanted: u32 = 0;
    for (let i = 0; i < FILES; i++) {
      const mask = models[i].expected();
      if (mask == 0) continue;
      wanted++;
      let seen = false;
      for (let j: u32 = 0; j < found; j++) {
        if (data(j) == <u64>i) seen = events(j) == mask;
      }
      expect(seen, "what is ready is reported");
    }
    expectEqual(found, wanted, "and nothing else");
  }
});

test("epoll: a level-triggered file is reported as long as it is ready", () => {
  const epoll = new Epoll();
  const file = new FakeFile();
  expectEqual(epoll.add(file, 5, POLLIN, 77), 0, "added");
  expectEqual(epoll.collect(out, 64), 0, "not ready");
  file.become(POLLIN | POLLOUT);
  for (let i = 0; i < 3; i++) {
    expectEqual(epoll.collect(out, 64), 1, "ready");
    expectEqual(events(0), POLLIN, "only what was asked for");
    expectEqual(data(0), 77, "the data given");
  }
  file.state = POLLOUT;
  expectEqual(epoll.collect(out, 64), 0, "not ready any more");
  expect(!epoll.mayBeReady(), "off the list");
  file.become(POLLHUP);
  expectEqual(epoll.collect(out, 64), 1, "a hangup needs no asking");
});

test("epoll: edge-triggered once per notification, one-shot once per modify", () => {
  const epoll = new Epoll();
  const edge = new FakeFile();
  const once = new FakeFile();
  edge.state = POLLIN;
  epoll.add(edge, 1, POLLIN | EPOLLET, 1);
  epoll.add(once, 2, POLLIN | EPOLLONESHOT, 2);
  expectEqual(epoll.collect(out, 64), 1, "ready when added");
  expectEqual(epoll.collect(out, 64), 0, "no new edge");
  edge.become(POLLIN);
  once.become(POLLIN);
  expectEqual(epoll.collect(out, 64), 2, "both");
  edge.become(POLLIN);
  once.become(POLLIN | POLLHUP);
  expectEqual(epoll.collect(out, 64), 1, "the one-shot is off");
  expectEqual(data(0), 1, "the edge");
  expectEqual(epoll.modify(once, 2, POLLIN | EPOLLONESHOT, 3), 0, "on again");
  expectEqual(epoll.collect(out, 64), 1, "reported");
  expectEqual(data(0), 3, "with new data");
});

test("epoll: more ready files than room take turns", () => {
  const epoll = new Epoll();
  for (let i = 0; i < 100; i++) {
    const file = new FakeFile();
    file.state = POLLIN;
    epoll.add(file, i, POLLIN, i);
  }
  let sum: u64 = 0;
  for (let i = 0; i < 5; i++) {
    expectEqual(epoll.collect(out, 20), 20, "as many as there is room for");
    for (let j: u32 = 0; j < 20; j++) sum += data(j);
  }
  expectEqual(sum, 4950, "each one once");
});

test("epoll: descriptors and files, added, removed, closed", () => {
  const epoll = new Epoll();
  const file = new FakeFile();
  const other = new FakeFile();
  expectEqual(epoll.add(file, 3, POLLIN, 1), 0, "added");
  expectEqual(epoll.add(file, 3, POLLIN, 1), -EEXIST, "twice");
  expectEqual(epoll.add(file, 200, POLLIN, 2), 0, "a duplicate");
  expectEqual(epoll.add(other, 3, POLLIN, 3), 0, "a reused descriptor");
  file.become(POLLIN);
  other.become(POLLIN);
  expectEqual(epoll.collect(out, 64), 3, "all three");
  expectEqual(epoll.remove(file, 4), -ENOENT, "not watched");
  expectEqual(epoll.remove(other, 3), 0, "removed");
  expectEqual(epoll.modify(other, 3, POLLIN, 0), -ENOENT, "gone");
  expectEqual(epoll.collect(out, 64), 2, "two left");
  fileGet(file);
  filePut(file);
  expectEqual(epoll.collect(out, 64), 2, "still open");
  filePut(file);
  expectEqual(epoll.collect(out, 64), 0, "closed files are gone");
  epoll.add(other, 3, POLLIN, 3);
  filePut(epoll);
  expect(!other.hasObservers(), "the set took its items along");
});

test("epoll: sets watch sets, without loops", () => {
  const inner = new Epoll();
  const outer = new Epoll();
  const file = new FakeFile();
  inner.add(file, 1, POLLIN, 1);
  expectEqual(outer.add(inner, 2, POLLIN, 2), 0, "nested");
  expectEqual(inner.add(outer, 3, POLLIN, 3), -ELOOP, "a loop");
  expectEqual(inner.add(inner, 4, POLLIN, 4), -ELOOP, "itself");
  expectEqual(outer.collect(out, 64), 0, "not ready");
  file.become(POLLIN);
  expectEqual(outer.collect(out, 64), 1, "ready through the inner set");
  file.state = 0;
  expectEqual(outer.collect(out, 64), 0, "not any more");
  file.become(POLLIN);
  expectEqual(outer.collect(out, 64), 1, "and again");
  let top = outer;
  let result = 0;
  for (let i = 0; i < 6 && result == 0; i++) {
    const next = new Epoll();
    result = next.add(top, 10, POLLIN, 0);
    top = next;
  }
  expectEqual(result, -ELOOP, "the chain is too long");
});
