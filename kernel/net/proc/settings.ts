/**
 * /proc/sys/net: the network's limits and times, as Linux' Documentation/networking/ip-sysctl.rst
 * names them. They are the constants that the stack works by, or 0 and 1 for what it never and
 * always does; none can be changed.
 *
 *     fillNetSettings(net)      the files below /proc/sys/net
 */

import { addNumber } from "../../fs/proc/settings";
import { addText, subdirectory } from "../../fs/procfs";
import { TmpDirectory } from "../../fs/tmpfs";
import { TextBuffer } from "../../lib/text-buffer";
import { SOMAXCONN } from "../socket/constants";
import { UNIX_DATAGRAMS_MAX, UNIX_QUEUE_LIMIT } from "../socket/unix-queue";
import * as config from "../tcp/config";
import { PORT_FIRST, PORT_LAST } from "../tcp/ports";
import { TIME_WAIT_MAX } from "../tcp/time-wait";

function seconds(ns: u64): u32 {
  return <u32>(ns / config.SECOND);
}

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

function fillCore(directory: TmpDirectory): void {
  addNumber(directory, "somaxconn", SOMAXCONN);
  addNumber(directory, "wmem_default", UNIX_QUEUE_LIMIT);
  addNumber(directory, "rmem_default", UNIX_QUEUE_LIMIT);
  addNumber(directory, "busy_poll", 0);
  addNumber(directory, "busy_read", 0);
}

function fillUnix(directory: TmpDirectory): void {
  addNumber(directory, "max_dgram_qlen", UNIX_DATAGRAMS_MAX);
}

function fillIpv4(directory: TmpDirectory): void {
  addNumber(directory, "ip_forward", 0);
  addNumber(directory, "ip_nonlocal_bind", 0);
  addNumber(directory, "ip_unprivileged_port_start", 0);
  addNumber(directory, "icmp_echo_ignore_all", 0);
  addNumber(directory, "tcp_max_syn_backlog", SOMAXCONN);
  addNumber(directory, "tcp_keepalive_time", seconds(config.KEEPALIVE_IDLE));
  addNumber(directory, "tcp_keepalive_intvl", seconds(config.KEEPALIVE_INTERVAL));
  addNumber(directory, "tcp_keepalive_probes", config.KEEPALIVE_COUNT);
  addNumber(directory, "tcp_fin_timeout", seconds(config.FIN_WAIT_2_LENGTH));
  addNumber(directory, "tcp_syn_retries", config.SYN_RETRIES);
  addNumber(directory, "tcp_synack_retries", config.SYN_ACK_RETRIES);
  addNumber(directory, "tcp_retries2", config.DATA_RETRIES);
  addNumber(directory, "tcp_orphan_retries", config.ORPHAN_RETRIES);
  addNumber(directory, "tcp_max_tw_buckets", TIME_WAIT_MAX);
  addNumber(directory, "tcp_timestamps", 1);
  addNumber(directory, "tcp_window_scaling", 1);
  addNumber(directory, "tcp_sack", 1);
  addNumber(directory, "tcp_syncookies", 1);
  addNumber(directory, "tcp_ecn", 0);
  addNumber(directory, "tcp_fastopen", 0);
  addNumber(directory, "tcp_mtu_probing", 0);
  addNumber(directory, "tcp_abort_on_overflow", 0);
  addText(directory, "tcp_rmem", 0o444, procReceiveMemory);
  addText(directory, "tcp_wmem", 0o444, procSendMemory);
  addText(directory, "ip_local_port_range", 0o444, procPortRange);
  addText(directory, "ping_group_range", 0o444, procPingGroups);
  addText(directory, "ip_local_reserved_ports", 0o444, procNoPorts);
  addText(directory, "tcp_congestion_control", 0o444, procCongestionControl);
  addText(directory, "tcp_available_congestion_control", 0o444, procCongestionControl);
  addText(directory, "tcp_allowed_congestion_control", 0o444, procCongestionControl);
}

function fillIpv6(directory: TmpDirectory): void {
  addNumber(directory, "bindv6only", 0);
  // There is ::1, on all interfaces that have it.
  addNumber(directory, "conf/all/disable_ipv6", 0);
  addNumber(directory, "conf/default/disable_ipv6", 0);
  addNumber(directory, "conf/lo/disable_ipv6", 0);
}

/** Adds the directories: each is filled when a program looks into it. */
export function fillNetSettings(net: TmpDirectory): void {
  subdirectory(net, "core", 0, 4).fillLater(fillCore);
  subdirectory(net, "unix", 0, 4).fillLater(fillUnix);
  subdirectory(net, "ipv4", 0, 4).fillLater(fillIpv4);
  subdirectory(net, "ipv6", 0, 4).fillLater(fillIpv6);
}
