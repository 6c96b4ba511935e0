/**
 * virtio 1.2 as all devices share it: status, features, device ids (sections 2.1, 5, 6).
 * https://docs.oasis-open.org/virtio/virtio/v1.2/virtio-v1.2.html
 */
// Device status, section 2.1.
export const VIRTIO_STATUS_ACKNOWLEDGE: u32 = 1;
export const VIRTIO_STATUS_DRIVER: u32 = 2;
export const VIRTIO_STATUS_DRIVER_OK: u32 = 4;
export const VIRTIO_STATUS_FEATURES_OK: u32 = 8;
export const VIRTIO_STATUS_NEEDS_RESET: u32 = 64;
export const VIRTIO_STATUS_FAILED: u32 = 128;

// Reserved feature bits, section 6.
export const VIRTIO_F_INDIRECT_DESC: u64 = 1 << 28;
export const VIRTIO_F_EVENT_IDX: u64 = 1 << 29;
export const VIRTIO_F_VERSION_1: u64 = 1 << 32;

// Device ids, section 5.
export const VIRTIO_ID_NET: u32 = 1;
export const VIRTIO_ID_BLOCK: u32 = 2;
export const VIRTIO_ID_CONSOLE: u32 = 3;
export const VIRTIO_ID_RNG: u32 = 4;

// Descriptor flags, section 2.7.5.
export const VIRTQ_DESC_F_NEXT: u32 = 1;
/** The device writes the buffer. */
export const VIRTQ_DESC_F_WRITE: u32 = 2;
export const VIRTQ_DESC_F_INDIRECT: u32 = 4;

/** Ring flags without an event index: avail.flags and used.flags, sections 2.7.6 and 2.7.8. */
export const VIRTQ_AVAIL_F_NO_INTERRUPT: u32 = 1;
export const VIRTQ_USED_F_NO_NOTIFY: u32 = 1;
