/**
 * The events and flags of inotify(7), as in include/uapi/linux/inotify.h.
 */
export const IN_ACCESS: u32 = 0x00000001;
export const IN_MODIFY: u32 = 0x00000002;
export const IN_ATTRIB: u32 = 0x00000004;
export const IN_CLOSE_WRITE: u32 = 0x00000008;
export const IN_CLOSE_NOWRITE: u32 = 0x00000010;
export const IN_OPEN: u32 = 0x00000020;
export const IN_MOVED_FROM: u32 = 0x00000040;
export const IN_MOVED_TO: u32 = 0x00000080;
export const IN_CREATE: u32 = 0x00000100;
export const IN_DELETE: u32 = 0x00000200;
export const IN_DELETE_SELF: u32 = 0x00000400;
export const IN_MOVE_SELF: u32 = 0x00000800;
export const IN_ALL_EVENTS: u32 = 0x00000fff;
export const IN_UNMOUNT: u32 = 0x00002000;
export const IN_Q_OVERFLOW: u32 = 0x00004000;
export const IN_IGNORED: u32 = 0x00008000;
export const IN_ONLYDIR: u32 = 0x01000000;
export const IN_DONT_FOLLOW: u32 = 0x02000000;
export const IN_EXCL_UNLINK: u32 = 0x04000000;
export const IN_MASK_CREATE: u32 = 0x10000000;
export const IN_MASK_ADD: u32 = 0x20000000;
export const IN_ISDIR: u32 = 0x40000000;
export const IN_ONESHOT: u32 = 0x80000000;
