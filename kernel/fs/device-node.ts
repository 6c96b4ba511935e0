/**
 * Device numbers, and how a node in any file system finds its device: devfs.ts enters an opener
 * here, so that file systems need not know the devices.
 */
import { ENXIO } from "../lib/errno";
import { Dentry } from "./dentry";
import { Inode } from "./inode";

/** Linux's encoding of a device number in struct stat. */
export function deviceNumber(major: u32, minor: u32): u64 {
  return <u64>((minor & 0xff) | (major << 8) | ((minor & ~(<u32>0xff)) << 12));
}

export function deviceMajor(device: u64): u32 {
  return (<u32>device >> 8) & 0xfff;
}

export function deviceMinor(device: u64): u32 {
  return (<u32>device & 0xff) | ((<u32>device >> 12) & 0xfff00);
}

let opener: (inode: Inode, dentry: Dentry, flags: u32) => usize = (
  inode: Inode,
  dentry: Dentry,
  flags: u32,
): usize => -ENXIO;

export function setNodeOpener(open: (inode: Inode, dentry: Dentry, flags: u32) => usize): void {
  opener = open;
}

/** Opens a device node, FIFO or socket: a File or -errno, as `Inode.open`. */
export function openNode(inode: Inode, dentry: Dentry, flags: u32): usize {
  return opener(inode, dentry, flags);
}
