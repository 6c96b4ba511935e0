/** The virtio block device: virtio 1.2, section 5.2. */

// Feature bits, section 5.2.3.
export const VIRTIO_BLK_F_SIZE_MAX: u64 = 1 << 1;
export const VIRTIO_BLK_F_SEG_MAX: u64 = 1 << 2;

// Configuration, section 5.2.4.
export const CONFIG_CAPACITY: u32 = 0x00; // u64, sectors of 512 bytes
export const CONFIG_SIZE_MAX: u32 = 0x08; // u32, bytes of one segment
export const CONFIG_SEG_MAX: u32 = 0x0c; // u32, segments of one request

export const QUEUE_REQUESTS: u32 = 0;

// A request, section 5.2.6: type u32, reserved u32, sector u64; the data; status u8.
export const VIRTIO_BLK_T_IN: u32 = 0;
export const REQUEST_TYPE: u64 = 0;
export const REQUEST_SECTOR: u64 = 8;
export const REQUEST_HEADER_SIZE: u32 = 16;
export const VIRTIO_BLK_S_OK: u32 = 0;
