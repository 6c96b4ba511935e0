import { File, fileGet } from "../fs/file";
import { EBADF, EMFILE, ENOMEM } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { failAllocation } from "../runtime/failing";
import {
  fdCloexec,
  fdClose,
  fdCloseOnExec,
  fdCount,
  fdFile,
  fdInstall,
  fdInstallFrom,
  fdNext,
  fdReplace,
  fdRoom,
  fdSetLimit,
} from "./descriptors";

let released = 0;

class CountedFile extends File {
  release(): void {
    released++;
  }
}

test("descriptors: the lowest free number is given, also after the table has grown", () => {
  const file = new CountedFile();
  for (let i = 0; i < 200; i++) {
    fileGet(file);
    expectEqual(fdInstall(file, false), i, "in order");
  }
  expectEqual(fdCount(), 200, "all open");
  fdClose(130);
  fdClose(3);
  fileGet(file);
  fileGet(file);
  fileGet(file);
  expectEqual(fdInstall(file, false), 3, "lowest first");
  expectEqual(fdInstall(file, false), 130, "then the next");
  expectEqual(fdInstall(file, false), 200, "then a new one");
  fileGet(file);
  expectEqual(fdInstallFrom(file, 700, true), 700, "from a minimum");
  expect(fdCloexec(700), "closes on exec");
  expectEqual(fdNext(201), 700, "walk over a gap");
  expectEqual(fdNext(701), -1, "end of the walk");
});

test("descriptors: closing gives the reference back once", () => {
  const file = new CountedFile();
  const fd = fdInstall(file, false);
  fileGet(file);
  fdInstall(file, true);
  expectEqual(fdClose(fd), 0, "close");
  expectEqual(released, 0, "another descriptor is left");
  expectEqual(fdClose(fd), -EBADF, "close again");
  fdCloseOnExec();
  expectEqual(released, 1, "released");
  expect(fdFile(fd) == null && fdFile(-1) == null && fdFile(100000) == null, "nothing there");
});

test("descriptors: what room there is, is there without another allocation", () => {
  const file = new CountedFile();
  for (let i = 0; i < 64; i++) {
    fileGet(file);
    fdInstall(file, false);
  }
  failAllocation(1);
  expectEqual(fdRoom(), -ENOMEM, "the table can't grow");
  failAllocation(0);
  expectEqual(fdRoom(), 0, "it has grown");
  failAllocation(1);
  expectEqual(fdInstall(file, false), 64, "the first of the larger one");
  failAllocation(0);
  expectEqual(released, 0, "it is open");
});

test("descriptors: replace closes what was there; limits hold", () => {
  fdInstall(new CountedFile(), false);
  const second = new CountedFile();
  expectEqual(fdReplace(0, second, false), 0, "replaced");
  expectEqual(released, 1, "the first is gone");
  expect(fdFile(0) == second, "the second is there");
  expectEqual(fdReplace(1, new CountedFile(), false), 1, "a free number");
  fdSetLimit(3);
  expectEqual(fdRoom(), 0, "there is one left");
  expectEqual(fdInstall(new CountedFile(), false), 2, "the last below the limit");
  expectEqual(fdRoom(), -EMFILE, "and none behind it");
  expectEqual(fdInstall(new CountedFile(), false), -EMFILE, "the limit");
  expectEqual(released, 2, "the reference was taken over");
  expectEqual(fdReplace(3, new CountedFile(), false), -EBADF, "beyond the limit");
});
