import { expect, expectEqual, test } from "../lib/testing";
import {
  CHANNEL_FULL,
  CHANNEL_QUEUED,
  CHANNEL_SLOTS,
  CHANNEL_WAS_EMPTY,
  channelCreate,
  channelFree,
} from "./channel";

test("channel: empty, it gives nothing; the first item says that somebody has to be woken", () => {
  const channel = channelCreate()!;
  expect(channel.isEmpty(), "new");
  expectEqual(channel.pop(), 0, "nothing");
  expectEqual(channel.push(11), CHANNEL_WAS_EMPTY, "the first");
  expectEqual(channel.push(12), CHANNEL_QUEUED, "the second");
  expectEqual(channel.pop(), 11, "in order");
  expectEqual(channel.push(13), CHANNEL_QUEUED, "the consumer has not seen the end");
  expectEqual(channel.pop(), 12, "in order");
  expectEqual(channel.pop(), 13, "in order");
  expect(channel.isEmpty(), "all taken");
  expectEqual(channel.pop(), 0, "the consumer knows that there is nothing");
  expectEqual(channel.push(14), CHANNEL_WAS_EMPTY, "so it has to be told");
  channel.pop();
  channelFree(channel);
});

test("channel: full, it refuses until one was taken", () => {
  const channel = channelCreate()!;
  for (let i: u32 = 1; i <= CHANNEL_SLOTS; i++) {
    expect(channel.push(i) != CHANNEL_FULL, "room for item " + i.toString());
  }
  expectEqual(channel.push(999), CHANNEL_FULL, "full");
  expectEqual(channel.push(999), CHANNEL_FULL, "still");
  expectEqual(channel.pop(), 1, "the oldest");
  expectEqual(channel.push(1000), CHANNEL_QUEUED, "room for one");
  expectEqual(channel.push(1001), CHANNEL_FULL, "and no more");
  for (let i: u32 = 2; i <= CHANNEL_SLOTS; i++) expectEqual(channel.pop(), i, "in order");
  expectEqual(channel.pop(), 1000, "the last");
  expectEqual(channel.pop(), 0, "empty");
  channelFree(channel);
});

test("channel: its counts wrap around, and nothing is lost or turned round", () => {
  const channel = channelCreate()!;
  // As if 2^32 - 200 items had gone through: both counts wrap below, at different times.
  const at = changetype<usize>(channel);
  store<u32>(at, <u32>-200);
  store<u32>(at, <u32>-200, 4);
  store<u32>(at + 8 + CHANNEL_SLOTS * 4, <u32>-200);
  let pushed: u32 = 0;
  let popped: u32 = 0;
  while (popped < 1000) {
    for (let i = 0; i < 90; i++) {
      if (channel.push(pushed + 1) != CHANNEL_FULL) pushed++;
    }
    expect(pushed - popped <= CHANNEL_SLOTS, "not more than fit");
    for (let i = 0; i < 70; i++) {
      const item = channel.pop();
      if (item == 0) break;
      expectEqual(item, ++popped, "in order");
    }
  }
  while (channel.pop() != 0) popped++;
  expectEqual(popped, pushed, "all of them");
  channelFree(channel);
});
