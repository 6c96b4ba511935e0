/**
 * /proc/net/snmp and netstat: pairs of lines, names and values, as the MIBs (RFC 4293, 4022, 4113)
 * and Linux order them. What is not counted here is 0.
 */
import { TextBuffer } from "../../lib/text-buffer";
import { netStats } from "../stats";
import { tcpStats } from "../tcp/stats";

/** Linux's net.ipv4.ip_default_ttl; 2: does not forward. */
const DEFAULT_TTL: u64 = 64;

function word(out: TextBuffer, value: u64): TextBuffer {
  return out.byte(32).decimal(value);
}

function zeros(out: TextBuffer, count: i32): TextBuffer {
  for (let i = 0; i < count; i++) out.put(" 0");
  return out;
}

function putIp(out: TextBuffer): void {
  const s = netStats;
  out.put("Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams ");
  out.put(
    "InUnknownProtos InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ",
  );
  out.put("ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates\nIp: 2");
  word(word(word(word(out, DEFAULT_TTL), s.packetsIn + s.loopPackets), s.malformed), s.notOurs);
  word(word(word(out.put(" 0"), s.unknownProtocol), s.noBuffer), s.packetsIn + s.loopPackets);
  word(word(word(out, s.packetsOut), 0), s.noRoute).put(" 0");
  word(word(word(out, s.fragmentsIn), s.reassembled), s.reassemblyFailed).put(" 0 0");
  word(out, s.fragmentsOut).put("\n");
}

function putIcmp(out: TextBuffer): void {
  out.put(
    "Icmp: InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs ",
  );
  out.put(
    "InRedirects InEchos InEchoReps InTimestamps InTimestampReps InAddrMasks InAddrMaskReps ",
  );
  out.put("OutMsgs OutErrors OutRateLimitGlobal OutRateLimitHost OutDestUnreachs OutTimeExcds ");
  out.put("OutParmProbs OutSrcQuenchs OutRedirects OutEchos OutEchoReps OutTimestamps ");
  out.put("OutTimestampReps OutAddrMasks OutAddrMaskReps\nIcmp:");
  word(zeros(out, 14), netStats.icmpErrorsOut).put(" 0");
  word(out, netStats.icmpErrorsSuppressed).put(" 0");
  zeros(word(out, netStats.icmpErrorsOut), 10).put("\n");
}

function putTcp(out: TextBuffer): void {
  const s = tcpStats;
  out.put("Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails ");
  out.put("EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors\n");
  out.put("Tcp: 1 200 120000 -1");
  word(word(word(out, s.activeOpens), s.passiveOpens), s.attemptFails);
  word(word(word(out, s.establishedResets), s.currentEstablished), s.inSegments);
  word(word(word(out, s.outSegments), s.retransmittedSegments), s.inErrors);
  word(out, s.outResets).put(" 0\n");
}

function putUdp(out: TextBuffer): void {
  const names = " InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors";
  const more = " IgnoredMulti MemErrors\n";
  const s = netStats;
  out.put("Udp:").put(names).put(more).put("Udp:");
  word(word(word(word(out, s.udpIn), s.udpNoPort), s.udpOverflow), s.udpOut);
  zeros(word(out, s.udpOverflow), 4).put("\n");
  zeros(out.put("UdpLite:").put(names).put(more).put("UdpLite:"), 9).put("\n");
}

export function procSnmp(out: TextBuffer, subject: u32): void {
  putIp(out);
  putIcmp(out);
  putTcp(out);
  putUdp(out);
}

export function procNetstat(out: TextBuffer, subject: u32): void {
  const s = tcpStats;
  out.put("TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed ListenOverflows ListenDrops ");
  out.put("DelayedACKs TCPHPHits TCPTimeouts TCPFastRetrans TCPOFOQueue TCPChallengeACK ");
  out.put("TCPKeepAlive PAWSEstab TCPMemoryPressures TCPBacklogDrop\nTcpExt:");
  word(word(word(out, s.synCookiesSent), s.synCookiesReceived), s.synCookiesFailed);
  word(word(word(out, s.listenOverflows), s.listenOverflows), s.delayedAcks);
  word(word(word(out, s.fastPath), s.timeouts), s.fastRecoveries);
  word(word(word(out, s.outOfOrder), s.challengeAcks), s.keepaliveProbes);
  word(word(word(out, s.pawsRejected), s.pressureDrops), s.channelDrops).put("\n");
  out.put("IpExt: InOctets OutOctets\nIpExt:");
  word(word(out, netStats.bytesIn), netStats.bytesOut).put("\n");
}
