/**
 * Numbers of the socket interface (include/uapi/asm-generic/socket.h, linux/in.h, linux/tcp.h,
 * linux/socket.h).
 */
export const AF_UNSPEC: u32 = 0;
export const AF_UNIX: u32 = 1;
export const AF_INET: u32 = 2;
export const AF_BRIDGE: u32 = 7;
export const AF_INET6: u32 = 10;
export const AF_NETLINK: u32 = 16;
export const AF_PACKET: u32 = 17;

export const SOCK_STREAM: u32 = 1;
export const SOCK_DGRAM: u32 = 2;
export const SOCK_RAW: u32 = 3;
export const SOCK_SEQPACKET: u32 = 5;
export const SOCK_TYPE_MASK: u32 = 0xf;
export const SOCK_NONBLOCK: u32 = 0o4000;
export const SOCK_CLOEXEC: u32 = 0o2000000;

export const SHUT_RD: u32 = 0;
export const SHUT_WR: u32 = 1;
export const SHUT_RDWR: u32 = 2;

// Flags of send(2) and recv(2)
export const MSG_OOB: u32 = 0x1;
export const MSG_PEEK: u32 = 0x2;
export const MSG_CTRUNC: u32 = 0x8;
export const MSG_TRUNC: u32 = 0x20;
export const MSG_DONTWAIT: u32 = 0x40;
export const MSG_EOR: u32 = 0x80;
export const MSG_WAITALL: u32 = 0x100;
export const MSG_ERRQUEUE: u32 = 0x2000;
export const MSG_NOSIGNAL: u32 = 0x4000;
export const MSG_MORE: u32 = 0x8000;
export const MSG_WAITFORONE: u32 = 0x10000;
export const MSG_ZEROCOPY: u32 = 0x400_0000;
export const MSG_FASTOPEN: u32 = 0x2000_0000;
export const MSG_CMSG_CLOEXEC: u32 = 0x4000_0000;

// Levels of setsockopt(2)
export const SOL_IP: u32 = 0;
export const SOL_SOCKET: u32 = 1;
export const SOL_TCP: u32 = 6;
export const SOL_UDP: u32 = 17;
export const SOL_IPV6: u32 = 41;
export const SOL_RAW: u32 = 255;
export const SOL_PACKET: u32 = 263;

export const SO_DEBUG: u32 = 1;
export const SO_REUSEADDR: u32 = 2;
export const SO_TYPE: u32 = 3;
export const SO_ERROR: u32 = 4;
export const SO_DONTROUTE: u32 = 5;
export const SO_BROADCAST: u32 = 6;
export const SO_SNDBUF: u32 = 7;
export const SO_RCVBUF: u32 = 8;
export const SO_KEEPALIVE: u32 = 9;
export const SO_OOBINLINE: u32 = 10;
export const SO_NO_CHECK: u32 = 11;
export const SO_PRIORITY: u32 = 12;
export const SO_LINGER: u32 = 13;
export const SO_REUSEPORT: u32 = 15;
export const SO_PASSCRED: u32 = 16;
export const SO_PEERCRED: u32 = 17;
export const SO_PEERGROUPS: u32 = 59;
export const SO_RCVLOWAT: u32 = 18;
export const SO_SNDLOWAT: u32 = 19;
export const SO_RCVTIMEO: u32 = 20;
export const SO_SNDTIMEO: u32 = 21;
export const SO_BINDTODEVICE: u32 = 25;
export const SO_ATTACH_FILTER: u32 = 26;
export const SO_DETACH_FILTER: u32 = 27;
export const SO_LOCK_FILTER: u32 = 44;
export const SO_TIMESTAMP: u32 = 29;
export const SO_ACCEPTCONN: u32 = 30;
export const SO_SNDBUFFORCE: u32 = 32;
export const SO_RCVBUFFORCE: u32 = 33;
export const SO_TIMESTAMPNS: u32 = 35;
export const SO_MARK: u32 = 36;
export const SO_PROTOCOL: u32 = 38;
export const SO_DOMAIN: u32 = 39;
export const SO_BUSY_POLL: u32 = 46;
export const SO_INCOMING_CPU: u32 = 49;
export const SO_ZEROCOPY: u32 = 60;

export const TCP_NODELAY: u32 = 1;
export const TCP_MAXSEG: u32 = 2;
export const TCP_CORK: u32 = 3;
export const TCP_KEEPIDLE: u32 = 4;
export const TCP_KEEPINTVL: u32 = 5;
export const TCP_KEEPCNT: u32 = 6;
export const TCP_SYNCNT: u32 = 7;
export const TCP_LINGER2: u32 = 8;
export const TCP_DEFER_ACCEPT: u32 = 9;
export const TCP_WINDOW_CLAMP: u32 = 10;
export const TCP_INFO: u32 = 11;
export const TCP_QUICKACK: u32 = 12;
export const TCP_CONGESTION: u32 = 13;
export const TCP_USER_TIMEOUT: u32 = 18;
export const TCP_FASTOPEN: u32 = 23;
export const TCP_NOTSENT_LOWAT: u32 = 25;
export const TCP_FASTOPEN_CONNECT: u32 = 30;

export const IP_TOS: u32 = 1;
export const IP_TTL: u32 = 2;
export const IP_HDRINCL: u32 = 3;
export const IP_OPTIONS: u32 = 4;
export const IP_RETOPTS: u32 = 7;
export const IP_PKTINFO: u32 = 8;
export const IP_RECVTTL: u32 = 12;
export const IP_RECVTOS: u32 = 13;
export const IP_MTU_DISCOVER: u32 = 10;
export const IP_PMTUDISC_WANT: i32 = 1;
export const IP_PMTUDISC_DO: i32 = 2;
export const IP_PMTUDISC_PROBE: i32 = 3;
export const IP_PMTUDISC_OMIT: i32 = 5;
export const IP_RECVERR: u32 = 11;
export const IP_MTU: u32 = 14;
export const IP_FREEBIND: u32 = 15;
export const IP_BIND_ADDRESS_NO_PORT: u32 = 24;
export const IP_MULTICAST_IF: u32 = 32;
export const IP_MULTICAST_TTL: u32 = 33;
export const IP_MULTICAST_LOOP: u32 = 34;

export const IP_ADD_MEMBERSHIP: u32 = 35;
export const IP_DROP_MEMBERSHIP: u32 = 36;
export const IP_MULTICAST_ALL: u32 = 49;

export const UDP_CORK: u32 = 1;

/** Control messages of unix(7). */
export const SCM_RIGHTS: u32 = 1;
export const SCM_CREDENTIALS: u32 = 2;
/** The most descriptors in one message. */
export const SCM_MAX_FD: i32 = 253;

/** The longest backlog: net.core.somaxconn. */
export const SOMAXCONN: u32 = 4096;
