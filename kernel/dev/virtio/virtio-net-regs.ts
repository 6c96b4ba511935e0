/** The virtio network device: virtio 1.2, section 5.1. */

// Feature bits, section 5.1.3.
export const VIRTIO_NET_F_CSUM: u64 = 1 << 0;
export const VIRTIO_NET_F_GUEST_CSUM: u64 = 1 << 1;
export const VIRTIO_NET_F_MTU: u64 = 1 << 3;
export const VIRTIO_NET_F_MAC: u64 = 1 << 5;
export const VIRTIO_NET_F_GUEST_TSO4: u64 = 1 << 7;
export const VIRTIO_NET_F_HOST_TSO4: u64 = 1 << 11;
export const VIRTIO_NET_F_MRG_RXBUF: u64 = 1 << 15;

// Configuration, section 5.1.4.
export const CONFIG_MAC: u32 = 0x00; // 6 bytes
export const CONFIG_MTU: u32 = 0x0a; // u16, with VIRTIO_NET_F_MTU

export const QUEUE_RECEIVE: u32 = 0;
export const QUEUE_TRANSMIT: u32 = 1;

/**
 * The header in front of each packet, section 5.1.6: flags u8, gso_type u8, hdr_len u16, gso_size
 * u16, csum_start u16, csum_offset u16, num_buffers u16. Reached as one u64 and one u32.
 */
export const NET_HEADER_SIZE: u32 = 12;
export const NET_HEADER_FLAGS: u64 = 0;
export const NET_HEADER_CSUM_OFFSET: u64 = 8;
export const NET_HEADER_NUM_BUFFERS: u64 = 10;
export const NET_HEADER_GSO_TYPE_SHIFT: u64 = 8;
export const NET_HEADER_HDR_LEN_SHIFT: u64 = 16;
export const NET_HEADER_GSO_SIZE_SHIFT: u64 = 32;
export const NET_HEADER_CSUM_START_SHIFT: u64 = 48;

export const VIRTIO_NET_HDR_F_NEEDS_CSUM: u32 = 1;
export const VIRTIO_NET_HDR_F_DATA_VALID: u32 = 2;
export const VIRTIO_NET_HDR_GSO_TCPV4: u64 = 1;
