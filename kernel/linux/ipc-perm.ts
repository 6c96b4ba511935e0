/**
 * What shmctl(2), semctl(2) and msgctl(2) have in common: their commands, and struct ipc64_perm.
 */
import { IpcObject } from "../ipc/ipc";

// include/uapi/linux/ipc.h
export const IPC_RMID: u32 = 0;
export const IPC_SET: u32 = 1;
export const IPC_STAT: u32 = 2;
export const IPC_INFO: u32 = 3;

/*
 * struct ipc64_perm:
 *
 *     0 key   4 uid   8 gid   12 cuid   16 cgid   20 mode   24 u16 seq   32, 40 unused
 */
export const IPC_PERM_SIZE: usize = 48;

export function putPermissions(at: usize, object: IpcObject): void {
  memory.fill(at, 0, IPC_PERM_SIZE);
  store<u32>(at, object.key);
  store<u32>(at, object.user, 4);
  store<u32>(at, object.group, 8);
  store<u32>(at, object.creator, 12);
  store<u32>(at, object.creatorGroup, 16);
  store<u32>(at, object.mode, 20);
  store<u16>(at, <u16>object.sequence, 24);
}

/** IPC_SET: takes owner and permissions from a struct ipc64_perm. */
export function takePermissions(at: usize, object: IpcObject): void {
  object.setOwner(load<u32>(at, 4), load<u32>(at, 8), load<u32>(at, 20));
}
