/**
 * The states of a connection (RFC 9293 3.3.2), in the order of Linux's numbers
 * (include/net/tcp_states.h), which /proc/net/tcp and TCP_INFO show.
 *
 *     from          event                                  to
 *     CLOSED        connect: SYN sent                      SYN_SENT
 *     CLOSED        listener got a SYN                     SYN_RECEIVED
 *     SYN_SENT      SYN+ACK                                ESTABLISHED
 *     SYN_SENT      SYN alone (simultaneous open)          SYN_RECEIVED
 *     SYN_RECEIVED  ACK of our SYN                         ESTABLISHED
 *     SYN_RECEIVED  shut down by us                        FIN_WAIT_1
 *     ESTABLISHED   shut down by us                        FIN_WAIT_1
 *     ESTABLISHED   FIN                                    CLOSE_WAIT
 *     CLOSE_WAIT    shut down by us                        LAST_ACK
 *     FIN_WAIT_1    ACK of our FIN                         FIN_WAIT_2
 *     FIN_WAIT_1    FIN (simultaneous close)               CLOSING
 *     FIN_WAIT_2    FIN                                    TIME_WAIT
 *     CLOSING       ACK of our FIN                         TIME_WAIT
 *     LAST_ACK      ACK of our FIN                         CLOSED
 *     any           RST, abort, time out                   CLOSED
 *
 * LISTEN is a `Listener` and TIME_WAIT a `TimeWait`, not a `Connection`: both are smaller. A FIN
 * that is queued behind data counts as sent for the state; whether it is on its way is in
 * `finSent`.
 */
export enum State {
  ESTABLISHED = 1,
  SYN_SENT = 2,
  SYN_RECEIVED = 3,
  FIN_WAIT_1 = 4,
  FIN_WAIT_2 = 5,
  TIME_WAIT = 6,
  CLOSED = 7,
  CLOSE_WAIT = 8,
  LAST_ACK = 9,
  LISTEN = 10,
  CLOSING = 11,
}

/** One bit per state that may follow. */
export function stateFollowers(state: State): u32 {
  const closed: u32 = 1 << State.CLOSED;
  switch (state) {
    case State.CLOSED:
      return (1 << State.SYN_SENT) | (1 << State.SYN_RECEIVED) | closed;
    case State.SYN_SENT:
      return (1 << State.ESTABLISHED) | (1 << State.SYN_RECEIVED) | closed;
    case State.SYN_RECEIVED:
      return (1 << State.ESTABLISHED) | (1 << State.FIN_WAIT_1) | closed;
    case State.ESTABLISHED:
      return (1 << State.FIN_WAIT_1) | (1 << State.CLOSE_WAIT) | closed;
    case State.CLOSE_WAIT:
      return (1 << State.LAST_ACK) | closed;
    case State.FIN_WAIT_1:
      return (1 << State.FIN_WAIT_2) | (1 << State.CLOSING) | closed;
    default:
      return closed;
  }
}
