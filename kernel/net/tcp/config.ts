/**
 * TCP's constants, with where they come from. Times in nanoseconds.
 */
export const MILLISECOND: u64 = 1_000_000;
export const SECOND: u64 = 1_000_000_000;

/** RFC 6298 (2.1). */
export const RTO_INITIAL: u64 = 1 * SECOND;
/** RFC 6298 asks for 1 s; like Linux (TCP_RTO_MIN), since clocks are finer than in 1988. */
export const RTO_MIN: u64 = 200 * MILLISECOND;
/** RFC 6298 (2.5): at least 60 s; Linux's TCP_RTO_MAX. */
export const RTO_MAX: u64 = 120 * SECOND;
/** Linux's TCP_DELACK_MIN; RFC 9293 3.8.6.3 allows up to 500 ms. */
export const DELAYED_ACK: u64 = 40 * MILLISECOND;
/**
 * Rounded up to multiples of this, 8.4 ms, so that those of all connections come due together, with
 * one timer interrupt.
 */
export const DELAYED_ACK_STEP: u64 = 1 << 23;
/**
 * So many answers make a conversation, in which acknowledgments wait for the next one; twice as
 * many each time that it does not come, up to the second number.
 */
export const ANSWERS_MIN: u32 = 4;
export const ANSWERS_MAX: u32 = 256;
/**
 * How often a SYN, a SYN+ACK, data are sent again (Linux's tcp_syn_retries, tcp_synack_retries,
 * tcp_retries2).
 */
export const SYN_RETRIES: u32 = 6;
export const SYN_ACK_RETRIES: u32 = 5;
export const DATA_RETRIES: u32 = 15;
/** An orphan (closed by the application) is given up earlier (Linux's tcp_orphan_retries). */
export const ORPHAN_RETRIES: u32 = 8;
/** Linux's TCP_TIMEWAIT_LEN and tcp_fin_timeout. */
export const TIME_WAIT_LENGTH: u64 = 60 * SECOND;
export const FIN_WAIT_2_LENGTH: u64 = 60 * SECOND;
/** Linux's tcp_keepalive_time, _intvl, _probes. */
export const KEEPALIVE_IDLE: u64 = 7200 * SECOND;
export const KEEPALIVE_INTERVAL: u64 = 75 * SECOND;
export const KEEPALIVE_COUNT: u32 = 9;
/** A corked partial segment goes out after this all the same (tcp(7), TCP_CORK). */
export const CORK_LIMIT: u64 = 200 * MILLISECOND;
/** RFC 7323 5.5: a timestamp older than this proves nothing. */
export const PAWS_LIFETIME: u64 = 24 * 24 * 3600 * SECOND;
/**
 * At most one answer in this time to segments without data that are out of the window, so that two
 * ends don't loop.
 */
export const OUT_OF_WINDOW_INTERVAL: u64 = 50 * MILLISECOND;

/** RFC 9293 3.7.1: what is assumed without the MSS option. */
export const MSS_DEFAULT: u32 = 536;
export const MSS_MIN: u32 = 88;
/** RFC 6928: initial window in segments. */
export const INITIAL_WINDOW: u32 = 10;
/** RFC 5681 3.2. */
export const DUPLICATE_THRESHOLD: u32 = 3;

export const SEND_LIMIT_DEFAULT: u32 = 256 * 1024;
export const SEND_LIMIT_MAX: u32 = 4 * 1024 * 1024;
export const RECEIVE_LIMIT_DEFAULT: u32 = 128 * 1024;
export const RECEIVE_LIMIT_MAX: u32 = 4 * 1024 * 1024;
/**
 * When packets are short, windows shrink to this, and half as much may stay unread before more is
 * dropped.
 */
export const RECEIVE_LIMIT_SHORT: u32 = 32 * 1024;
/** Out-of-order packets that a connection may keep then. */
export const OUT_OF_ORDER_SHORT: u32 = 16;
export const BUFFER_LIMIT_MIN: u32 = 2048;
/** Shift that lets RECEIVE_LIMIT_MAX be announced in 16 bits. */
export const WINDOW_SCALE: u32 = 7;
if (RECEIVE_LIMIT_MAX >> WINDOW_SCALE > 0xffff) ERROR("the largest window can be announced");
