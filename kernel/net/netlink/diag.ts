/**
 * Answers a request to NETLINK_SOCK_DIAG (sock_diag(7)): dumps of the sockets of a family, for
 * ss(8) and monitors. TCP and UDP are in diag-inet.ts, unix(7) in diag-unix.ts.
 *
 * A request for a single socket, one to destroy a socket, and one in the form from before there
 * were families (TCPDIAG_GETSOCK) is refused (EOPNOTSUPP); families that Linux would tell of and
 * this kernel does not are unknown (ENOENT), as where Linux was built without.
 */
import { EINVAL, ENOENT, EOPNOTSUPP } from "../../lib/errno";
import { AF_INET, AF_INET6, AF_UNIX } from "../socket/constants";
import { NetlinkBuilder } from "./builder";
import {
  DCCPDIAG_GETSOCK,
  INET_DIAG_REQ_BYTECODE,
  INET_DIAG_REQ_SIZE,
  NLM_F_MULTI,
  SOCK_DESTROY,
  SOCK_DIAG_BY_FAMILY,
  TCPDIAG_GETSOCK,
  UNIX_DIAG_REQ_SIZE,
} from "./constants";
import { putInetSockets } from "./diag-inet";
import { putUnixSockets } from "./diag-unix";
import { NetlinkRequest } from "./request";

/** struct sock_diag_req: family and protocol. */
const SOCK_DIAG_REQ_SIZE: u32 = 2;
/** One more than the largest family (include/linux/socket.h). */
const AF_MAX: u32 = 46;

/** 0, or a negative errno that the request is refused with. */
export function diagAnswer(b: NetlinkBuilder, request: NetlinkRequest, isDump: bool): i32 {
  const type = request.type;
  if (type == SOCK_DESTROY || type == TCPDIAG_GETSOCK || type == DCCPDIAG_GETSOCK) {
    return -EOPNOTSUPP;
  }
  if (type != SOCK_DIAG_BY_FAMILY || request.size < SOCK_DIAG_REQ_SIZE) return -EINVAL;
  const family = request.byte(0);
  if (family >= AF_MAX) return -EINVAL;
  const isUnix = family == AF_UNIX;
  if (!isUnix && family != AF_INET && family != AF_INET6) return -ENOENT;
  const least = isUnix ? UNIX_DIAG_REQ_SIZE : INET_DIAG_REQ_SIZE;
  if (request.size < least) return -EINVAL;
  if (!isDump) return -EOPNOTSUPP;
  // Programs of comparisons, by which Linux lists fewer sockets; ss(8) compares by itself then.
  if (!isUnix && request.attribute(INET_DIAG_REQ_SIZE, INET_DIAG_REQ_BYTECODE) != 0) {
    return -EOPNOTSUPP;
  }
  b.flags = NLM_F_MULTI;
  let error = 0;
  if (isUnix) putUnixSockets(b, request);
  else error = putInetSockets(b, request);
  b.done(error);
  return 0;
}
