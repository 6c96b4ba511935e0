/**
 * Answers the requests of one datagram that was sent to NETLINK_ROUTE or NETLINK_SOCK_DIAG.
 *
 *     netlinkAnswer(protocol, datagram, length, out, port, quotes)      may not sleep; the replies are in `out` then
 *
 * Of NETLINK_ROUTE gets and dumps of links, addresses, routes, neighbours and rules are answered;
 * what would change something, and kinds of which nothing is known here, are refused (EOPNOTSUPP),
 * as Linux does with what it was built without. NETLINK_SOCK_DIAG is in diag.ts.
 */
import { EINVAL, ENETUNREACH, ENOBUFS, ENODEV, EOPNOTSUPP } from "../../lib/errno";
import { heapAlloc, heapFree } from "../../runtime/heap";
import { Interface, interfaceAt, interfaceCount } from "../interface";
import { interfaceOfIndex, interfaceOfName } from "../interface-view";
import { PacketQueue } from "../packet";
import { routeTo } from "../route";
import { AF_BRIDGE, AF_INET, AF_UNSPEC } from "../socket/constants";
import { builderCreate, builderDestroy, NetlinkBuilder } from "./builder";
import {
  IFADDRMSG_SIZE,
  IFINFOMSG_SIZE,
  IFLA_ALT_IFNAME,
  IFLA_IFNAME,
  NDMSG_SIZE,
  NETLINK_SOCK_DIAG,
  NLM_F_ACK,
  NLM_F_CAPPED,
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  NLMSG_MIN_TYPE,
  RTA_DST,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETNEIGH,
  RTM_GETROUTE,
  RTM_GETRULE,
  RTMSG_SIZE,
} from "./constants";
import { diagAnswer } from "./diag";
import { putAddresses, putLink, putNeighbours, putRoute, putRoutes, putRules } from "./messages";
import { NetlinkRequest } from "./request";

/** struct nlmsgerr: the error, then the request's header. */
const ERROR_SIZE: u32 = 4 + NLMSG_HDRLEN;

/**
 * Answers every request in the `length` bytes at `datagram`. `quotes`: errors quote the whole
 * request and not its header alone (no NETLINK_CAP_ACK). 0 or -ENOBUFS.
 */
export function netlinkAnswer(
  protocol: u32,
  datagram: usize,
  length: u32,
  out: PacketQueue,
  port: u32,
  quotes: bool,
): i32 {
  const storage = heapAlloc(offsetof<NetlinkRequest>());
  if (storage == 0) return -ENOBUFS;
  const request = changetype<NetlinkRequest>(storage);
  let result = 0;
  let at: u32 = 0;
  while (result == 0 && at + NLMSG_HDRLEN <= length) {
    const header = datagram + <usize>at;
    const size = load<u32>(header);
    if (size < NLMSG_HDRLEN || size > length - at) break;
    request.header = header;
    request.body = header + NLMSG_HDRLEN;
    request.size = size - NLMSG_HDRLEN;
    request.type = load<u16>(header, 4);
    request.flags = load<u16>(header, 6);
    result = answerOne(protocol, request, out, port, quotes);
    at += (size + 3) & ~3;
    if (at < size) break;
  }
  heapFree(storage);
  return result;
}

function answerOne(
  protocol: u32,
  request: NetlinkRequest,
  out: PacketQueue,
  port: u32,
  quotes: bool,
): i32 {
  const b = builderCreate(out, 0, load<u32>(request.header, 8), port);
  if (!b) return -ENOBUFS;
  let error = 0;
  if ((request.flags & NLM_F_REQUEST) != 0 && request.type >= NLMSG_MIN_TYPE) {
    const isDiag = protocol == NETLINK_SOCK_DIAG;
    const isDump = (request.flags & NLM_F_DUMP) != 0 && (isDiag || (request.type & 3) == 2);
    if (isDiag) error = diagAnswer(b, request, isDump);
    else error = isDump ? dump(b, request) : get(b, request);
    // A dump's end is its acknowledgment.
    if (isDump && error == 0) request.flags &= ~NLM_F_ACK;
  }
  if (error != 0 || (request.flags & NLM_F_ACK) != 0) {
    acknowledge(b, request, error, quotes && error != 0);
  }
  b.flush();
  const failed = b.failed;
  builderDestroy(b);
  return failed ? -ENOBUFS : 0;
}

/** NLMSG_ERROR: a negative errno, or 0 for an acknowledgment, and whose. */
function acknowledge(b: NetlinkBuilder, request: NetlinkRequest, error: i32, whole: bool): void {
  b.flags = whole ? 0 : NLM_F_CAPPED;
  const body = b.begin(NLMSG_ERROR, ERROR_SIZE);
  store<i32>(body, error);
  memory.copy(body + 4, request.header, NLMSG_HDRLEN);
  if (whole) b.append(request.body, request.size);
  b.end();
}

function dump(b: NetlinkBuilder, request: NetlinkRequest): i32 {
  const family = request.byte(0);
  b.flags = NLM_F_MULTI;
  switch (request.type) {
    case RTM_GETLINK:
      // Bridges have ports of their own to tell, and there are none.
      for (let i = 0; i < interfaceCount() && family != AF_BRIDGE; i++) putLink(b, interfaceAt(i));
      break;
    case RTM_GETADDR:
      putAddresses(b, family, request.size >= IFADDRMSG_SIZE ? <i32>request.number(4) : 0);
      break;
    case RTM_GETROUTE:
      putRoutes(b, family);
      break;
    case RTM_GETNEIGH:
      putNeighbours(b, family, request.size >= NDMSG_SIZE ? <i32>request.number(4) : 0);
      break;
    case RTM_GETRULE:
      putRules(b, family);
      break;
    default:
      b.flags = 0;
      return -EOPNOTSUPP;
  }
  b.done(0);
  return 0;
}

function get(b: NetlinkBuilder, request: NetlinkRequest): i32 {
  if (request.type == RTM_GETLINK) return getLink(b, request);
  if (request.type == RTM_GETROUTE) return getRoute(b, request);
  return -EOPNOTSUPP;
}

function getLink(b: NetlinkBuilder, request: NetlinkRequest): i32 {
  if (request.size < IFINFOMSG_SIZE) return -EINVAL;
  const index = <i32>request.number(4);
  let via: Interface | null = null;
  if (index > 0) {
    via = interfaceOfIndex(index);
  } else {
    let name = request.attribute(IFINFOMSG_SIZE, IFLA_IFNAME);
    if (name == 0) name = request.attribute(IFINFOMSG_SIZE, IFLA_ALT_IFNAME);
    if (name == 0) return -EINVAL;
    via = interfaceOfName(name + 4, load<u16>(name) - 4);
  }
  if (!via) return -ENODEV;
  putLink(b, via);
  return 0;
}

/** The route to one address. */
function getRoute(b: NetlinkBuilder, request: NetlinkRequest): i32 {
  if (request.size < RTMSG_SIZE) return -EINVAL;
  const family = request.byte(0);
  if (family != AF_INET) return family == AF_UNSPEC ? -EOPNOTSUPP : -ENETUNREACH;
  const attribute = request.attribute(RTMSG_SIZE, RTA_DST);
  if (attribute == 0 || load<u16>(attribute) < 8) return -EINVAL;
  const destination = bswap<u32>(load<u32>(attribute, 4));
  const route = routeTo(destination);
  if (!route) return -ENETUNREACH;
  putRoute(b, route, destination);
  return 0;
}
