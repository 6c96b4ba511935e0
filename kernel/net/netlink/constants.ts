/**
 * Numbers of netlink(7), rtnetlink(7) and sock_diag(7) (include/uapi/linux/netlink.h, rtnetlink.h,
 * if_link.h, if_addr.h, neighbour.h, fib_rules.h, sock_diag.h, inet_diag.h, unix_diag.h).
 */
export const NETLINK_ROUTE: u32 = 0;
export const NETLINK_SOCK_DIAG: u32 = 4;
export const NETLINK_KOBJECT_UEVENT: u32 = 15;
export const SOL_NETLINK: u32 = 270;

/**
 * struct nlmsghdr: 0 length (u32)   4 type (u16)   6 flags (u16)   8 sequence (u32)   12 port (u32).
 */
export const NLMSG_HDRLEN: u32 = 16;
export const NLMSG_ERROR: u32 = 2;
export const NLMSG_DONE: u32 = 3;
export const NLMSG_MIN_TYPE: u32 = 16;
export const NLM_F_REQUEST: u32 = 0x1;
export const NLM_F_MULTI: u32 = 0x2;
export const NLM_F_ACK: u32 = 0x4;
/** NLM_F_ROOT and NLM_F_MATCH. */
export const NLM_F_DUMP: u32 = 0x300;
export const NLM_F_CAPPED: u32 = 0x100;

export const RTM_NEWLINK: u32 = 16;
export const RTM_GETLINK: u32 = 18;
export const RTM_NEWADDR: u32 = 20;
export const RTM_DELADDR: u32 = 21;
export const RTM_GETADDR: u32 = 22;
export const RTM_NEWROUTE: u32 = 24;
export const RTM_GETROUTE: u32 = 26;
export const RTM_NEWNEIGH: u32 = 28;
export const RTM_GETNEIGH: u32 = 30;
export const RTM_NEWRULE: u32 = 32;
export const RTM_GETRULE: u32 = 34;

// Attributes of links: struct ifinfomsg is 0 family (u8)   2 type (u16)   4 index   8 flags   12 change
export const IFINFOMSG_SIZE: u32 = 16;
export const IFLA_ADDRESS: u32 = 1;
export const IFLA_BROADCAST: u32 = 2;
export const IFLA_IFNAME: u32 = 3;
export const IFLA_MTU: u32 = 4;
export const IFLA_QDISC: u32 = 6;
export const IFLA_STATS: u32 = 7;
export const IFLA_TXQLEN: u32 = 13;
export const IFLA_OPERSTATE: u32 = 16;
export const IFLA_LINKMODE: u32 = 17;
export const IFLA_STATS64: u32 = 23;
export const IFLA_GROUP: u32 = 27;
export const IFLA_PROMISCUITY: u32 = 30;
export const IFLA_NUM_TX_QUEUES: u32 = 31;
export const IFLA_NUM_RX_QUEUES: u32 = 32;
export const IFLA_CARRIER: u32 = 33;
export const IFLA_ALT_IFNAME: u32 = 53;

// Of addresses: struct ifaddrmsg is 0 family   1 prefix length   2 flags   3 scope (u8 each)   4 index
export const IFADDRMSG_SIZE: u32 = 8;
export const IFA_ADDRESS: u32 = 1;
export const IFA_LOCAL: u32 = 2;
export const IFA_LABEL: u32 = 3;
export const IFA_BROADCAST: u32 = 4;
export const IFA_CACHEINFO: u32 = 6;
export const IFA_FLAGS: u32 = 8;
export const IFA_F_PERMANENT: u32 = 0x80;

// Of routes: struct rtmsg is 0 family   1, 2 lengths of destination and source   3 type of service   4 table   5 protocol
// 6 scope   7 type (u8 each)   8 flags
export const RTMSG_SIZE: u32 = 12;
export const RTA_DST: u32 = 1;
export const RTA_OIF: u32 = 4;
export const RTA_GATEWAY: u32 = 5;
export const RTA_PREFSRC: u32 = 7;
export const RTA_TABLE: u32 = 15;
export const RT_TABLE_DEFAULT: u32 = 253;
export const RT_TABLE_MAIN: u32 = 254;
export const RT_TABLE_LOCAL: u32 = 255;
export const RTPROT_KERNEL: u32 = 2;
export const RTPROT_BOOT: u32 = 3;
export const RT_SCOPE_UNIVERSE: u32 = 0;
export const RT_SCOPE_LINK: u32 = 253;
export const RT_SCOPE_HOST: u32 = 254;
export const RTN_UNICAST: u32 = 1;
export const RTN_LOCAL: u32 = 2;
export const RTN_BROADCAST: u32 = 3;
export const RTN_MULTICAST: u32 = 5;
export const RTM_F_CLONED: u32 = 0x200;

// Of neighbours: struct ndmsg is 0 family (u8)   4 index   8 state (u16)   10 flags   11 type (u8)
export const NDMSG_SIZE: u32 = 12;
export const NDA_DST: u32 = 1;
export const NDA_LLADDR: u32 = 2;
export const NUD_INCOMPLETE: u32 = 0x01;
export const NUD_REACHABLE: u32 = 0x02;
export const NUD_STALE: u32 = 0x04;
export const NUD_DELAY: u32 = 0x08;
export const NUD_PROBE: u32 = 0x10;

// Of rules, whose header is as a route's
export const FRA_PRIORITY: u32 = 6;
export const FRA_TABLE: u32 = 15;
export const FR_ACT_TO_TBL: u32 = 1;

// Multicast groups
export const RTNLGRP_IPV4_IFADDR: u32 = 5;
export const RTNLGRP_IPV4_ROUTE: u32 = 7;

// Of sockets
/** How sockets were asked for before there were families. */
export const TCPDIAG_GETSOCK: u32 = 18;
export const DCCPDIAG_GETSOCK: u32 = 19;
export const SOCK_DIAG_BY_FAMILY: u32 = 20;
export const SOCK_DESTROY: u32 = 21;

/**
 * struct inet_diag_req_v2: 0 family   1 protocol   2 extensions (u8 each)   4 states   8 struct inet_diag_sockid:
 * 8, 10 ports   12, 28 addresses (16 bytes each)   44 interface   48 cookie (u64).
 */
export const INET_DIAG_REQ_SIZE: u32 = 56;
export const INET_DIAG_REQ_BYTECODE: u32 = 1;
/**
 * struct inet_diag_msg: 0 family   1 state   2 timer   3 retransmissions (u8 each)   4 struct inet_diag_sockid
 * 52 when the timer expires (ms)   56 receive queue   60 send queue   64 user   68 inode.
 */
export const INET_DIAG_MSG_SIZE: u32 = 72;
/** Attributes; the request's extensions have bit number - 1 of each. */
export const INET_DIAG_MEMINFO: u32 = 1;
export const INET_DIAG_INFO: u32 = 2;
export const INET_DIAG_CONG: u32 = 4;
export const INET_DIAG_SHUTDOWN: u32 = 8;
export const INET_DIAG_SKV6ONLY: u32 = 11;

/**
 * struct unix_diag_req: 0 family   1 protocol (u8 each)   4 states   8 inode   12 what to show   16 cookie (u64).
 */
export const UNIX_DIAG_REQ_SIZE: u32 = 24;
export const UDIAG_SHOW_NAME: u32 = 0x01;
export const UDIAG_SHOW_VFS: u32 = 0x02;
export const UDIAG_SHOW_PEER: u32 = 0x04;
export const UDIAG_SHOW_RQLEN: u32 = 0x10;
export const UDIAG_SHOW_UID: u32 = 0x40;
/** struct unix_diag_msg: 0 family   1 type   2 state (u8 each)   4 inode   8 cookie (u64). */
export const UNIX_DIAG_MSG_SIZE: u32 = 16;
export const UNIX_DIAG_NAME: u32 = 0;
export const UNIX_DIAG_VFS: u32 = 1;
export const UNIX_DIAG_PEER: u32 = 2;
export const UNIX_DIAG_RQLEN: u32 = 4;
export const UNIX_DIAG_SHUTDOWN: u32 = 6;
export const UNIX_DIAG_UID: u32 = 7;
