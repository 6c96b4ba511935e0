/** PCI configuration space: PCI Local Bus 3.0, chapter 6; PCI Express Base 3.0, 7.2. */

// Header, all types.
export const PCI_VENDOR_ID: u32 = 0x00; // RO u16
export const PCI_DEVICE_ID: u32 = 0x02; // RO u16
export const PCI_COMMAND: u32 = 0x04; // RW u16
export const PCI_STATUS: u32 = 0x06; // u16
export const PCI_CLASS_REVISION: u32 = 0x08; // RO u32: class u8, subclass u8, interface u8, revision u8
export const PCI_HEADER_TYPE: u32 = 0x0e; // RO u8
export const PCI_BAR0: u32 = 0x10; // RW, 6 × u32
export const PCI_SUBSYSTEM_ID: u32 = 0x2e; // RO u16
export const PCI_CAPABILITIES: u32 = 0x34; // RO u8
// Header type 1, bridges.
export const PCI_SECONDARY_BUS: u32 = 0x19; // RW u8

export const PCI_COMMAND_IO: u32 = 1 << 0;
export const PCI_COMMAND_MEMORY: u32 = 1 << 1;
export const PCI_COMMAND_MASTER: u32 = 1 << 2;
export const PCI_COMMAND_INTX_DISABLE: u32 = 1 << 10;
export const PCI_STATUS_CAPABILITIES: u32 = 1 << 4;
export const PCI_HEADER_MULTIFUNCTION: u32 = 0x80;
export const PCI_HEADER_BRIDGE: u32 = 1;

export const PCI_BAR_IO: u32 = 1;
export const PCI_BAR_TYPE_MASK: u32 = 6;
export const PCI_BAR_TYPE_64: u32 = 4;

// Capabilities: id u8, next u8, …
export const PCI_CAP_MSI: u32 = 0x05;
export const PCI_CAP_VENDOR: u32 = 0x09;
export const PCI_CAP_MSIX: u32 = 0x11;

// MSI, PCI 3.0, 6.8.1.
export const PCI_MSI_CONTROL: u32 = 2; // u16
export const PCI_MSI_ADDRESS: u32 = 4;
export const PCI_MSI_CONTROL_ENABLE: u32 = 1;
export const PCI_MSI_CONTROL_MULTIPLE: u32 = 7 << 4;
export const PCI_MSI_CONTROL_64: u32 = 1 << 7;

// MSI-X, PCI 3.0, 6.8.2.
export const PCI_MSIX_CONTROL: u32 = 2; // u16
export const PCI_MSIX_TABLE: u32 = 4; // offset, BAR in the low three bits
export const PCI_MSIX_CONTROL_SIZE: u32 = 0x7ff;
export const PCI_MSIX_CONTROL_MASK: u32 = 1 << 14;
export const PCI_MSIX_CONTROL_ENABLE: u32 = 1 << 15;
// A table entry: address u64, data u32, control u32.
export const PCI_MSIX_ENTRY_SIZE: u64 = 16;
export const PCI_MSIX_ENTRY_DATA: u64 = 8;
export const PCI_MSIX_ENTRY_CONTROL: u64 = 12;
