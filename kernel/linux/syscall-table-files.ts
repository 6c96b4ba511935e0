/**
 * The rows of the system call table that are about files: open ones, names, and what files are.
 * syscall-table.ts has the rest, and calls this one.
 */
import { sys_cachestat, sys_fadvise64, sys_readahead, sys_sync_file_range } from "./cache-calls";
import { sys_copy_file_range, sys_sendfile } from "./copy-calls";
import {
  sys_fallocate,
  sys_fsync,
  sys_ftruncate,
  sys_getdents64,
  sys_ioctl,
  sys_lseek,
  sys_pread64,
  sys_preadv,
  sys_preadv2,
  sys_pwrite64,
  sys_pwritev,
  sys_pwritev2,
  sys_read,
  sys_readv,
  sys_sync,
  sys_write,
  sys_writev,
} from "./file-calls";
import { sys_name_to_handle_at, sys_open_by_handle_at } from "./handle-calls";
import {
  sys_inotify_add_watch,
  sys_inotify_init,
  sys_inotify_init1,
  sys_inotify_rm_watch,
} from "./inotify-calls";
import { sys_flock } from "./lock-calls";
import { sys_openat2 } from "./openat2-calls";
import {
  sys_chdir,
  sys_chroot,
  sys_creat,
  sys_fchdir,
  sys_getcwd,
  sys_link,
  sys_linkat,
  sys_memfd_create,
  sys_mkdir,
  sys_mkdirat,
  sys_mknod,
  sys_mknodat,
  sys_mount,
  sys_open,
  sys_openat,
  sys_pivot_root,
  sys_rename,
  sys_renameat,
  sys_renameat2,
  sys_rmdir,
  sys_symlink,
  sys_symlinkat,
  sys_truncate,
  sys_umask,
  sys_unlink,
  sys_unlinkat,
} from "./path-calls";
import { sys_splice, sys_tee, sys_vmsplice } from "./splice-calls";
import {
  sys_access,
  sys_chmod,
  sys_chown,
  sys_faccessat,
  sys_faccessat2,
  sys_fchmod,
  sys_fchmodat,
  sys_fchmodat2,
  sys_fchown,
  sys_fchownat,
  sys_fstat,
  sys_fstatfs,
  sys_futimesat,
  sys_lchown,
  sys_lstat,
  sys_newfstatat,
  sys_readlink,
  sys_readlinkat,
  sys_stat,
  sys_statfs,
  sys_utime,
  sys_utimensat,
  sys_utimes,
} from "./stat-calls";
import { sys_statx } from "./statx-calls";
import { row } from "./syscall-row";
import {
  sys_fgetxattr,
  sys_flistxattr,
  sys_fremovexattr,
  sys_fsetxattr,
  sys_getxattr,
  sys_lgetxattr,
  sys_listxattr,
  sys_llistxattr,
  sys_lremovexattr,
  sys_lsetxattr,
  sys_removexattr,
  sys_setxattr,
} from "./xattr-calls";

export function fileRows(): void {
  // Open files
  row(0, "read", sys_read);
  row(1, "write", sys_write);
  row(8, "lseek", sys_lseek);
  row(16, "ioctl", sys_ioctl);
  row(17, "pread64", sys_pread64);
  row(18, "pwrite64", sys_pwrite64);
  row(19, "readv", sys_readv);
  row(20, "writev", sys_writev);
  row(73, "flock", sys_flock);
  row(74, "fsync", sys_fsync);
  row(75, "fdatasync", sys_fsync);
  row(77, "ftruncate", sys_ftruncate);
  row(162, "sync", sys_sync);
  row(187, "readahead", sys_readahead);
  row(217, "getdents64", sys_getdents64);
  row(221, "fadvise64", sys_fadvise64);
  row(277, "sync_file_range", sys_sync_file_range);
  row(285, "fallocate", sys_fallocate);
  row(295, "preadv", sys_preadv);
  row(296, "pwritev", sys_pwritev);
  row(306, "syncfs", sys_fsync);
  row(327, "preadv2", sys_preadv2);
  row(328, "pwritev2", sys_pwritev2);
  row(451, "cachestat", sys_cachestat);

  // From file to file
  row(40, "sendfile", sys_sendfile);
  row(275, "splice", sys_splice);
  row(276, "tee", sys_tee);
  row(278, "vmsplice", sys_vmsplice);
  row(326, "copy_file_range", sys_copy_file_range);

  // Names
  row(2, "open", sys_open);
  row(76, "truncate", sys_truncate);
  row(79, "getcwd", sys_getcwd);
  row(80, "chdir", sys_chdir);
  row(81, "fchdir", sys_fchdir);
  row(82, "rename", sys_rename);
  row(83, "mkdir", sys_mkdir);
  row(84, "rmdir", sys_rmdir);
  row(85, "creat", sys_creat);
  row(86, "link", sys_link);
  row(87, "unlink", sys_unlink);
  row(88, "symlink", sys_symlink);
  row(95, "umask", sys_umask);
  row(133, "mknod", sys_mknod);
  row(155, "pivot_root", sys_pivot_root);
  row(161, "chroot", sys_chroot);
  row(165, "mount", sys_mount);
  row(166, "umount2", sys_mount);
  row(257, "openat", sys_openat);
  row(258, "mkdirat", sys_mkdirat);
  row(259, "mknodat", sys_mknodat);
  row(263, "unlinkat", sys_unlinkat);
  row(264, "renameat", sys_renameat);
  row(265, "linkat", sys_linkat);
  row(266, "symlinkat", sys_symlinkat);
  row(316, "renameat2", sys_renameat2);
  row(303, "name_to_handle_at", sys_name_to_handle_at);
  row(304, "open_by_handle_at", sys_open_by_handle_at);
  row(319, "memfd_create", sys_memfd_create);
  row(437, "openat2", sys_openat2);

  // What happens to files
  row(253, "inotify_init", sys_inotify_init);
  row(254, "inotify_add_watch", sys_inotify_add_watch);
  row(255, "inotify_rm_watch", sys_inotify_rm_watch);
  row(294, "inotify_init1", sys_inotify_init1);

  // What files are
  row(4, "stat", sys_stat);
  row(5, "fstat", sys_fstat);
  row(6, "lstat", sys_lstat);
  row(21, "access", sys_access);
  row(89, "readlink", sys_readlink);
  row(90, "chmod", sys_chmod);
  row(91, "fchmod", sys_fchmod);
  row(92, "chown", sys_chown);
  row(93, "fchown", sys_fchown);
  row(94, "lchown", sys_lchown);
  row(132, "utime", sys_utime);
  row(137, "statfs", sys_statfs);
  row(138, "fstatfs", sys_fstatfs);
  row(188, "setxattr", sys_setxattr);
  row(189, "lsetxattr", sys_lsetxattr);
  row(190, "fsetxattr", sys_fsetxattr);
  row(191, "getxattr", sys_getxattr);
  row(192, "lgetxattr", sys_lgetxattr);
  row(193, "fgetxattr", sys_fgetxattr);
  row(194, "listxattr", sys_listxattr);
  row(195, "llistxattr", sys_llistxattr);
  row(196, "flistxattr", sys_flistxattr);
  row(197, "removexattr", sys_removexattr);
  row(198, "lremovexattr", sys_lremovexattr);
  row(199, "fremovexattr", sys_fremovexattr);
  row(235, "utimes", sys_utimes);
  row(260, "fchownat", sys_fchownat);
  row(261, "futimesat", sys_futimesat);
  row(262, "newfstatat", sys_newfstatat);
  row(267, "readlinkat", sys_readlinkat);
  row(268, "fchmodat", sys_fchmodat);
  row(269, "faccessat", sys_faccessat);
  row(280, "utimensat", sys_utimensat);
  row(332, "statx", sys_statx);
  row(439, "faccessat2", sys_faccessat2);
  row(452, "fchmodat2", sys_fchmodat2);
}
