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

/** An interface has come up once, and stays. */
const ONE_CHANGE: StaticArray<string> = ["carrier_changes", "carrier_up_count"];
/** What an interface does not do, and what virtual wires do not suffer from. */
const ZEROS: StaticArray<string> = [
  "addr_assign_type",
  "carrier_down_count",
  "dev_port",
  "dormant",
  "gro_flush_timeout",
  "link_mode",
  "netdev_group",
  "proto_down",
  "testing",
  "statistics/collisions",
  "statistics/multicast",
  "statistics/rx_compressed",
  "statistics/rx_crc_errors",
  "statistics/rx_errors",
  "statistics/rx_fifo_errors",
  "statistics/rx_frame_errors",
  "statistics/rx_length_errors",
  "statistics/rx_missed_errors",
  "statistics/rx_nohandler",
  "statistics/rx_over_errors",
  "statistics/tx_aborted_errors",
  "statistics/tx_carrier_errors",
  "statistics/tx_compressed",
  "statistics/tx_dropped",
  "statistics/tx_errors",
  "statistics/tx_fifo_errors",
  "statistics/tx_heartbeat_errors",
  "statistics/tx_window_errors",
];

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
  addText(at, "ifalias", 0o444, procEmpty, 0);
  addText(at, "carrier", 0o444, procNumber, 1);
  addText(at, "addr_len", 0o444, procNumber, 6);
  for (let i = 0; i < ONE_CHANGE.length; i++) {
    addText(at, ONE_CHANGE[i], 0o444, procNumber, 1);
  }
  for (let i = 0; i < ZEROS.length; i++) addText(at, ZEROS[i], 0o444, procNumber, 0);
  addText(at, "statistics/rx_bytes", 0o444, interfaces.sysRxBytes, index);
  addText(at, "statistics/tx_bytes", 0o444, interfaces.sysTxBytes, index);
  addText(at, "statistics/rx_packets", 0o444, interfaces.sysRxPackets, index);
  addText(at, "statistics/tx_packets", 0o444, interfaces.sysTxPackets, index);
  addText(at, "statistics/rx_dropped", 0o444, interfaces.sysRxDropped, index);
}

export function netProcInit(): void {
  setNetworkTree(fillProcNet, fillSysNet, fillNetSettings);
}
