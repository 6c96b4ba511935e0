/**
 * /proc/sys/net: the network's limits and times, as Linux' Documentation/networking/ip-sysctl.rst
 * names them. They are the constants that the stack works by, or 0 and 1 for what it never and
 * always does; none can be changed.
 *
 *     fillNetSettings(net)      the files below /proc/sys/net
 */

import { procNumber } from "../../fs/proc/settings";
import { addText } from "../../fs/procfs";
import { TmpDirectory } from "../../fs/tmpfs";
import { TextBuffer } from "../../lib/text-buffer";
import { SOMAXCONN } from "../socket/constants";
import { UNIX_DATAGRAMS_MAX, UNIX_QUEUE_LIMIT } from "../socket/unix-queue";
import * as config from "../tcp/config";
import { PORT_FIRST, PORT_LAST } from "../tcp/ports";
import { TIME_WAIT_MAX } from "../tcp/time-wait";

class Setting {
  constructor(
    public path: string,
    public value: u32,
  ) {}
}

function seconds(ns: u64): u32 {
  return <u32>(ns / config.SECOND);
}

const NUMBERS: StaticArray<Setting> = [
  new Setting("core/somaxconn", SOMAXCONN),
  new Setting("core/wmem_default", UNIX_QUEUE_LIMIT),
  new Setting("core/rmem_default", UNIX_QUEUE_LIMIT),
  new Setting("core/busy_poll", 0),
  new Setting("core/busy_read", 0),
  new Setting("unix/max_dgram_qlen", UNIX_DATAGRAMS_MAX),
  new Setting("ipv4/ip_forward", 0),
  new Setting("ipv4/ip_nonlocal_bind", 0),
  new Setting("ipv4/ip_unprivileged_port_start", 0),
  new Setting("ipv4/icmp_echo_ignore_all", 0),
  new Setting("ipv4/tcp_max_syn_backlog", SOMAXCONN),
  new Setting("ipv4/tcp_keepalive_time", seconds(config.KEEPALIVE_IDLE)),
  new Setting("ipv4/tcp_keepalive_intvl", seconds(config.KEEPALIVE_INTERVAL)),
  new Setting("ipv4/tcp_keepalive_probes", config.KEEPALIVE_COUNT),
  new Setting("ipv4/tcp_fin_timeout", seconds(config.FIN_WAIT_2_LENGTH)),
  new Setting("ipv4/tcp_syn_retries", config.SYN_RETRIES),
  new Setting("ipv4/tcp_synack_retries", config.SYN_ACK_RETRIES),
  new Setting("ipv4/tcp_retries2", config.DATA_RETRIES),
  new Setting("ipv4/tcp_orphan_retries", config.ORPHAN_RETRIES),
  new Setting("ipv4/tcp_max_tw_buckets", TIME_WAIT_MAX),
  new Setting("ipv4/tcp_timestamps", 1),
  new Setting("ipv4/tcp_window_scaling", 1),
  new Setting("ipv4/tcp_sack", 1),
  new Setting("ipv4/tcp_syncookies", 1),
  new Setting("ipv4/tcp_ecn", 0),
  new Setting("ipv4/tcp_fastopen", 0),
  new Setting("ipv4/tcp_mtu_probing", 0),
  new Setting("ipv4/tcp_abort_on_overflow", 0),
  new Setting("ipv6/bindv6only", 0),
  // There is ::1, on all interfaces that have it.
  new Setting("ipv6/conf/all/disable_ipv6", 0),
  new Setting("ipv6/conf/default/disable_ipv6", 0),
  new Setting("ipv6/conf/lo/disable_ipv6", 0),
];

/** Least, usual and largest size of a buffer. */
function procReceiveMemory(out: TextBuffer, subject: u32): void {
  out.decimal(config.BUFFER_LIMIT_MIN).put("\t").decimal(config.RECEIVE_LIMIT_DEFAULT);
  out.put("\t").decimal(config.RECEIVE_LIMIT_MAX).put("\n");
}

function procSendMemory(out: TextBuffer, subject: u32): void {
  out.decimal(config.BUFFER_LIMIT_MIN).put("\t").decimal(config.SEND_LIMIT_DEFAULT);
  out.put("\t").decimal(config.SEND_LIMIT_MAX).put("\n");
}

/** Any group may make a ping socket (icmp(7)). */
function procPingGroups(out: TextBuffer, subject: u32): void {
  out.put("0\t2147483647\n");
}

function procPortRange(out: TextBuffer, subject: u32): void {
  out.decimal(PORT_FIRST).put("\t").decimal(PORT_LAST).put("\n");
}

function procNoPorts(out: TextBuffer, subject: u32): void {
  out.put("\n");
}

function procCongestionControl(out: TextBuffer, subject: u32): void {
  out.put("cubic\n");
}

/** Called when a program looks for the first time. */
export function fillNetSettings(net: TmpDirectory): void {
  for (let i = 0; i < NUMBERS.length; i++) {
    addText(net, NUMBERS[i].path, 0o444, procNumber, NUMBERS[i].value);
  }
  addText(net, "ipv4/tcp_rmem", 0o444, procReceiveMemory);
  addText(net, "ipv4/tcp_wmem", 0o444, procSendMemory);
  addText(net, "ipv4/ip_local_port_range", 0o444, procPortRange);
  addText(net, "ipv4/ping_group_range", 0o444, procPingGroups);
  addText(net, "ipv4/ip_local_reserved_ports", 0o444, procNoPorts);
  addText(net, "ipv4/tcp_congestion_control", 0o444, procCongestionControl);
  addText(net, "ipv4/tcp_available_congestion_control", 0o444, procCongestionControl);
  addText(net, "ipv4/tcp_allowed_congestion_control", 0o444, procCongestionControl);
}
