import { EIDRM, EINVAL, ENOSPC } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { changeGroups, changeUsers } from "../linux/credentials";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { expectUndone } from "../runtime/testing";
import { IPC_EXECUTE, IPC_READ, IPC_WRITE, IpcObject, IpcTable } from "./ipc";

const MOST = 100;

function entered(table: IpcTable<IpcObject>, key: u32, mode: u32 = 0o600): IpcObject {
  const object = new IpcObject();
  const id = table.enter(object, key, mode, MOST);
  expect(id >= 0, "there is room");
  expectEqual(id, object.id, "its identifier");
  return object;
}

test("ipc: an object is found by its identifier, its key and its place", () => {
  const table = new IpcTable<IpcObject>();
  const first = entered(table, 7);
  const second = entered(table, 0);
  const third = entered(table, 9);
  expect(table.find(first.id) == first && table.find(third.id) == third, "by identifier");
  expect(table.keyed(9) == third && table.keyed(7) == first, "by key");
  expect(table.keyed(0) == null, "no key leads to one without");
  expect(table.keyed(8) == null, "nor to what is not there");
  expect(table.at(1) == second, "by place");
  expectEqual(table.highest(), 2, "the highest place");
  expectEqual(table.count, 3, "how many");
});

test("ipc: a place that is used again has another identifier", () => {
  const table = new IpcTable<IpcObject>();
  const first = entered(table, 7);
  const second = entered(table, 8);
  const old = first.id;
  table.leave(first);
  expect(table.find(old) == null && table.keyed(7) == null, "gone");
  expectEqual(table.error(old), -EINVAL, "nothing is at its place");
  const third = entered(table, 0);
  expect(table.at(0) == third, "the lowest place that is free");
  expect(third.id != old, "another identifier");
  expect(table.find(old) == null, "the old one leads to nothing");
  expectEqual(table.error(old), -EIDRM, "something else is at its place");
  expectEqual(table.error(-1), -EINVAL, "no identifier");
  expectEqual(table.count, 2, "two are there");
  table.leave(second);
  expectEqual(table.highest(), 0, "the highest place");
});

test("ipc: the limit, and places that become free below it", () => {
  const table = new IpcTable<IpcObject>();
  for (let i = 0; i < MOST; i++) entered(table, 0);
  expectEqual(table.enter(new IpcObject(), 0, 0, MOST), -ENOSPC, "no more");
  for (let i = 90; i >= 10; i -= 40) table.leave(table.at(i)!);
  expect(table.at(entered(table, 0).id & 0x7fff) == table.at(10), "the lowest");
  entered(table, 0);
  entered(table, 0);
  expectEqual(table.enter(new IpcObject(), 0, 0, MOST), -ENOSPC, "no more again");
});

test("ipc: rights are those of owner, group or others, and root has all", () => {
  const object = entered(new IpcTable<IpcObject>(), 0, 0o641);
  expect(object.allows(IPC_READ | IPC_WRITE | IPC_EXECUTE), "root");
  object.setOwner(1000, 2000, 0o7641);
  expectEqual(object.mode, 0o641, "permissions alone are changed");
  object.creator = 1001;
  object.creatorGroup = 2001;
  changeUsers(1000, 1000, 1000);
  expect(object.allows(IPC_READ | IPC_WRITE), "the owner");
  expect(!object.allows(IPC_EXECUTE), "not all");
  expect(!object.allows(0o100), "from any digit");
  expect(object.isOwned(), "its own");
  changeUsers(1001, 1001, 1001);
  expect(object.allows(0o600) && object.isOwned(), "the creator");
  changeUsers(1002, 1002, 1002);
  expect(!object.isOwned(), "another's");
  expect(!object.allows(IPC_READ) && object.allows(IPC_EXECUTE), "others");
  changeGroups(2000, 2000, 2000);
  expect(object.allows(0o040) && !object.allows(0o060), "the group");
  changeGroups(2001, 2001, 2001);
  expect(object.allows(0o400), "the creator's group");
});

test("ipc: without memory the table is as it was", () => {
  expectUndone((): bool => {
    const table = attempt(new IpcTable<IpcObject>());
    if (!table) return false;
    const object = attempt(new IpcObject());
    const id = object ? table.enter(object, 1, 0, MOST) : -1;
    if (id >= 0) table.leave(object!);
    expectEqual(table.count, 0, "nothing is in it");
    if (object) free(object);
    table.destroy();
    free(table);
    return id >= 0;
  });
});
