/**
 * SIOCETHTOOL: what servers and monitors ask a driver (include/uapi/linux/ethtool.h). A structure
 * begins with the command. The rest is EOPNOTSUPP, as with a driver that does not know it.
 */
import { EFAULT, ENOMEM, EOPNOTSUPP, EPERM } from "../../lib/errno";
import { loadUser, storeUser } from "../../linux/user-memory";
import { heapAlloc, heapFree } from "../../runtime/heap";
import { Interface } from "../interface";
import { isLoopback } from "../interface-view";

const ETHTOOL_GSET: u32 = 0x01;
const ETHTOOL_SSET: u32 = 0x02;
const ETHTOOL_GDRVINFO: u32 = 0x03;
const ETHTOOL_GLINK: u32 = 0x0a;
const ETHTOOL_GRXCSUM: u32 = 0x14;
const ETHTOOL_SRXCSUM: u32 = 0x15;
const ETHTOOL_GTXCSUM: u32 = 0x16;
const ETHTOOL_STXCSUM: u32 = 0x17;
const ETHTOOL_GSG: u32 = 0x18;
const ETHTOOL_SSG: u32 = 0x19;
const ETHTOOL_GTSO: u32 = 0x1e;
const ETHTOOL_STSO: u32 = 0x1f;
const ETHTOOL_GUFO: u32 = 0x21;
const ETHTOOL_GGSO: u32 = 0x23;
const ETHTOOL_GGRO: u32 = 0x2b;

/** struct ethtool_value: 0 command   4 value. */
const VALUE_SIZE: u32 = 8;
/**
 * struct ethtool_cmd: 12 speed (u16)   14 duplex   15 port (u8)   28 upper half of the speed (u16).
 */
const CMD_SIZE: u32 = 44;
/** SPEED_UNKNOWN, DUPLEX_UNKNOWN, PORT_OTHER. */
const UNKNOWN16: u16 = 0xffff;
const UNKNOWN8: u8 = 0xff;
/** struct ethtool_drvinfo: 4 driver   36 version   68 firmware's   100 bus; 32 bytes each. */
const DRVINFO_SIZE: u32 = 196;
const DRIVER_NAME = "virtio_net";
const DRIVER_VERSION = "1.0.0";

/** 0 or a negative errno; `user` is where the structure is. May sleep. */
export function ethtoolRequest(via: Interface, user: u64): i32 {
  const data = heapAlloc(DRVINFO_SIZE);
  if (data == 0) return -ENOMEM;
  memory.fill(data, 0, DRVINFO_SIZE);
  let result = loadUser(data, user, 4);
  if (result == 0) {
    const size = fill(via, load<u32>(data), data);
    result = size;
    if (size > 0) result = storeUser(user, data, size) != 0 ? -EFAULT : 0;
  }
  heapFree(data);
  return result;
}

function put(to: usize, text: string): void {
  for (let i = 0; i < text.length; i++) store<u8>(to + <usize>i, <u8>text.charCodeAt(i));
}

/** Writes the answer behind its command: its size, or a negative errno. */
function fill(via: Interface, command: u32, data: usize): i32 {
  const device = via.device;
  switch (command) {
    case ETHTOOL_GDRVINFO:
      if (isLoopback(via)) return -EOPNOTSUPP;
      put(data + 4, DRIVER_NAME);
      put(data + 36, DRIVER_VERSION);
      return DRVINFO_SIZE;
    case ETHTOOL_GSET:
      if (isLoopback(via)) return -EOPNOTSUPP;
      store<u16>(data, UNKNOWN16, 12);
      store<u8>(data, UNKNOWN8, 14);
      store<u8>(data, UNKNOWN8, 15);
      store<u16>(data, UNKNOWN16, 28);
      return CMD_SIZE;
    case ETHTOOL_GLINK:
    case ETHTOOL_GRXCSUM:
    case ETHTOOL_GSG:
      store<u32>(data, 1, 4);
      return VALUE_SIZE;
    case ETHTOOL_GTXCSUM:
      store<u32>(data, !device || device.canChecksum ? 1 : 0, 4);
      return VALUE_SIZE;
    case ETHTOOL_GTSO:
    case ETHTOOL_GGSO:
      store<u32>(data, device && device.canTso ? 1 : 0, 4);
      return VALUE_SIZE;
    case ETHTOOL_GUFO:
    case ETHTOOL_GGRO:
      store<u32>(data, 0, 4);
      return VALUE_SIZE;
    case ETHTOOL_SSET:
    case ETHTOOL_SRXCSUM:
    case ETHTOOL_STXCSUM:
    case ETHTOOL_SSG:
    case ETHTOOL_STSO:
      return -EPERM;
    default:
      return -EOPNOTSUPP;
  }
}
