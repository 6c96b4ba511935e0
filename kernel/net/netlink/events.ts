/**
 * Tells the members of netlink's multicast groups that an interface's address and its default route
 * have changed.
 *
 *     netlinkEventsInit()      at boot: interface.ts calls from then on
 */
import { AddressListener, Interface, setAddressListener } from "../interface";
import { PacketQueue } from "../packet";
import { NetlinkSocket, netlinkFirst } from "../socket/netlink-socket";
import { builderCreate, builderDestroy, NetlinkBuilder } from "./builder";
import {
  NETLINK_ROUTE,
  RTM_DELADDR,
  RTM_NEWADDR,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
} from "./constants";
import { putAddress, putDefaultRoute } from "./messages";

/** Writes what all members of a group are told. */
type Writer = (b: NetlinkBuilder, via: Interface) => void;

function addressGone(b: NetlinkBuilder, via: Interface): void {
  putAddress(b, via, RTM_DELADDR);
}

function addressNew(b: NetlinkBuilder, via: Interface): void {
  putAddress(b, via, RTM_NEWADDR);
}

class AddressEvents extends AddressListener {
  addressGoes(via: Interface): void {
    tellAll(RTNLGRP_IPV4_IFADDR, via, addressGone);
  }

  addressCame(via: Interface): void {
    tellAll(RTNLGRP_IPV4_IFADDR, via, addressNew);
    if (via.gateway != 0) {
      tellAll(RTNLGRP_IPV4_ROUTE, via, putDefaultRoute);
    }
  }
}

/** Sends every member of a group a message; when memory is out, it hears nothing. */
function tellAll(group: u32, via: Interface, write: Writer): void {
  let socket = netlinkFirst();
  while (socket) {
    const next = socket.nextSocket;
    if (socket.protocol == NETLINK_ROUTE && ((socket.groups >> (group - 1)) & 1) != 0) {
      tellOne(socket, group, via, write);
    }
    socket = next;
  }
}

const events: AddressListener = new AddressEvents();
const queue: PacketQueue = new PacketQueue();

function tellOne(socket: NetlinkSocket, group: u32, via: Interface, write: Writer): void {
  queue.reset();
  const b = builderCreate(queue, 0, 0, 0);
  if (!b) return;
  write(b, via);
  b.flush();
  builderDestroy(b);
  const packet = queue.pop();
  if (packet) socket.arrive(packet, group);
}

export function netlinkEventsInit(): void {
  setAddressListener(events);
}
