/**
 * The network's part of /proc and /sys: which files there are. The trees are filled when a program
 * looks at them for the first time.
 *
 *     netProcInit()      at boot
 */

import { procNumber } from "../../fs/proc/settings";
import { procEmpty } from "../../fs/proc-system";
import { addText, setNetworkTree, subdirectory } from "../../fs/procfs";
import { TmpDirectory } from "../../fs/tmpfs";
import { interfaceAt, interfaceCount } from "../interface";
import { procNetstat, procSnmp } from "./counters";
import { procTcp, procUdp } from "./inet-sockets";
import * as interfaces from "./interfaces";
import { procNetlink, procPacket, procRaw, procSockstat, procUnix } from "./other-sockets";
import { fillNetSettings } from "./settings";

const IPV4: u32 = 0;
const IPV6: u32 = 1;

/** Fills the directory net of a process. */
function fillProcNet(net: TmpDirectory): void {
  addText(net, "dev", 0o444, interfaces.procDev);
  addText(net, "route", 0o444, interfaces.procRoute);
  addText(net, "arp", 0o444, interfaces.procArp);
  addText(net, "if_inet6", 0o444, interfaces.procIfInet6);
  addText(net, "igmp", 0o444, interfaces.procIgmp);
  addText(net, "dev_mcast", 0o444, interfaces.procDevMcast);
  addText(net, "snmp", 0o444, procSnmp);
  addText(net, "netstat", 0o444, procNetstat);
  addText(net, "tcp", 0o444, procTcp, IPV4);
  addText(net, "tcp6", 0o444, procTcp, IPV6);
  addText(net, "udp", 0o444, procUdp, IPV4);
  addText(net, "udp6", 0o444, procUdp, IPV6);
  addText(net, "unix", 0o444, procUnix);
  addText(net, "netlink", 0o444, procNetlink);
  addText(net, "raw", 0o444, procRaw);
  addText(net, "packet", 0o444, procPacket);
  addText(net, "sockstat", 0o444, procSockstat, IPV4);
  addText(net, "sockstat6", 0o444, procSockstat, IPV6);
  addText(net, "ipv6_route", 0o444, procEmpty);
}

/** Fills /sys/class/net; an interface's directory is no link to a device, as on Linux. */
function fillSysNet(net: TmpDirectory): void {
  for (let i = 0; i < interfaceCount(); i++) fillInterface(net, interfaceAt(i).name, i + 1);
}

function fillInterface(net: TmpDirectory, name: string, index: u32): void {
  const at = subdirectory(net, name, 0, name.length);
  addText(at, "address", 0o444, interfaces.sysAddress, index);
  addText(at, "broadcast", 0o444, interfaces.sysBroadcast, index);
  addText(at, "mtu", 0o644, interfaces.sysMtu, index);
  addText(at, "ifindex", 0o444, interfaces.sysIndex, index);
  addText(at, "iflink", 0o444, interfaces.sysIndex, index);
  addText(at, "flags", 0o644, interfaces.sysFlags, index);
  addText(at, "type", 0o444, interfaces.sysType, index);
  addText(at, "operstate", 0o444, interfaces.sysOperstate, index);
  addText(at, "tx_queue_len", 0o644, interfaces.sysQueueLength, index);
  addText(at, "speed", 0o444, interfaces.sysSpeed, index);
  addText(at, "duplex", 0o444, interfaces.sysDuplex, index);
  addText(at, "uevent", 0o644, interfaces.sysUevent, index);
  addText(at, "carrier", 0o644, interfaces.sysCarrier, index);
  addText(at, "carrier_changes", 0o444, procNumber, 1);
  addText(at, "addr_len", 0o444, procNumber, 6);
  addText(at, "dormant", 0o444, procNumber, 0);
  addText(at, "link_mode", 0o444, procNumber, 0);
  addText(at, "ifalias", 0o644, procEmpty, 0);
  addText(at, "statistics/rx_bytes", 0o444, interfaces.sysRxBytes, index);
  addText(at, "statistics/tx_bytes", 0o444, interfaces.sysTxBytes, index);
  addText(at, "statistics/rx_packets", 0o444, interfaces.sysRxPackets, index);
  addText(at, "statistics/tx_packets", 0o444, interfaces.sysTxPackets, index);
  addText(at, "statistics/rx_dropped", 0o444, interfaces.sysRxDropped, index);
  addText(at, "statistics/tx_dropped", 0o444, procNumber, 0);
  addText(at, "statistics/rx_errors", 0o444, procNumber, 0);
  addText(at, "statistics/tx_errors", 0o444, procNumber, 0);
  addText(at, "statistics/multicast", 0o444, procNumber, 0);
  addText(at, "statistics/collisions", 0o444, procNumber, 0);
}

export function netProcInit(): void {
  setNetworkTree(fillProcNet, fillSysNet, fillNetSettings);
}
