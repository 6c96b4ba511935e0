import { expect, expectEqual, test } from "../lib/testing";
import { groupIsJoined, groupJoin, groupLeave } from "./groups";
import { loopback } from "./interface";
import { SOL_IP } from "./socket/constants";
import { inet, nonBlocking, receiveBytes, sendBytes } from "./socket/testing";
import { UdpSocket } from "./socket/udp-socket";
import { dropSent, takeSent, testInterfaceUp } from "./testing";

const GROUP: u32 = 0xef01_0203;
const PORT: u32 = 5000;
const IP_MULTICAST_LOOP: u32 = 34;
const IP_ADD_MEMBERSHIP: u32 = 35;
const request: usize = memory.data(8, 8);

function member(): UdpSocket {
  const socket = nonBlocking(new UdpSocket());
  socket.reuseAddress = true;
  expectEqual(socket.bind(inet(0, PORT)), 0, "bind");
  store<u32>(request, bswap<u32>(GROUP));
  expectEqual(socket.setOptionData(SOL_IP, IP_ADD_MEMBERSHIP, request, 8), 0, "join");
  return socket;
}

test("groups: one is joined until its last member leaves", () => {
  const via = testInterfaceUp();
  expect(groupIsJoined(0xe000_0001), "all hosts");
  expect(!groupIsJoined(GROUP), "nobody");
  expect(
    groupJoin(GROUP, via) && groupJoin(GROUP, via) && groupJoin(GROUP + 1, via),
    "three joins",
  );
  groupLeave(GROUP, via);
  expect(groupIsJoined(GROUP), "one is left");
  groupLeave(GROUP, via);
  expect(!groupIsJoined(GROUP) && groupIsJoined(GROUP + 1), "none, but of the other");
  groupLeave(GROUP + 1, via);
  expect(!groupIsJoined(GROUP + 1), "nobody");
  expect(groupJoin(GROUP, via) && groupJoin(GROUP, loopback), "on two interfaces");
  groupLeave(GROUP, via);
  expect(groupIsJoined(GROUP), "on the other");
  groupLeave(GROUP, loopback);
});

test("groups: a datagram goes to the link once, and to each member here", () => {
  const via = testInterfaceUp();
  const one = member();
  const two = member();
  dropSent(via);
  const sender = nonBlocking(new UdpSocket());
  expectEqual(sender.connect(inet(GROUP, PORT)), 0, "connect");
  expectEqual(sendBytes(sender, 100), 100, "send");
  expect(takeSent(via) != null && takeSent(via) == null, "one frame");
  expectEqual(receiveBytes(one, 200), 100, "the first member");
  expectEqual(receiveBytes(two, 200), 100, "the second");
  sender.setOption(SOL_IP, IP_MULTICAST_LOOP, 0);
  expectEqual(sendBytes(sender, 100), 100, "send");
  expect(takeSent(via) != null, "to the link");
  expect(receiveBytes(one, 200) < 0, "not here");
});
