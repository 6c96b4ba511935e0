/** The virtio console device: virtio 1.2, section 5.3. */

// Feature bits, section 5.3.3.
export const VIRTIO_CONSOLE_F_MULTIPORT: u64 = 1 << 1;

// Virtqueues, section 5.3.2. Without VIRTIO_CONSOLE_F_MULTIPORT there are the first two.
export const QUEUE_RECEIVE: u32 = 0;
export const QUEUE_TRANSMIT: u32 = 1;
export const QUEUE_CONTROL_RECEIVE: u32 = 2;
export const QUEUE_CONTROL_TRANSMIT: u32 = 3;

/** The queue on which port `id`, from 1, receives. */
export function queueReceiveOf(id: u32): u32 {
  return 2 + 2 * id;
}

/** The one it sends on. */
export function queueTransmitOf(id: u32): u32 {
  return 3 + 2 * id;
}

// struct virtio_console_control, section 5.3.6.2. A name may follow.
export const CONTROL_ID: u64 = 0; // u32, the port
export const CONTROL_EVENT: u64 = 4; // u16
export const CONTROL_VALUE: u64 = 6; // u16
export const CONTROL_SIZE: u32 = 8;

// Events; who sends it.
export const VIRTIO_CONSOLE_DEVICE_READY: u32 = 0; // driver; 1: takes messages from now on
export const VIRTIO_CONSOLE_DEVICE_ADD: u32 = 1; // device: there is such a port
export const VIRTIO_CONSOLE_DEVICE_REMOVE: u32 = 2; // device
export const VIRTIO_CONSOLE_PORT_READY: u32 = 3; // driver; 1: the port can be used
export const VIRTIO_CONSOLE_PORT_OPEN: u32 = 6; // both; 1: this side has the port open, 0: closed
