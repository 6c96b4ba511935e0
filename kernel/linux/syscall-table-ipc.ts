/**
 * The rows of the system call table that are about IPC and asynchronous I/O (syscall-table.ts).
 */
import {
  sys_io_cancel,
  sys_io_destroy,
  sys_io_getevents,
  sys_io_pgetevents,
  sys_io_setup,
  sys_io_submit,
} from "./aio-calls";
import {
  sys_mq_getsetattr,
  sys_mq_notify,
  sys_mq_open,
  sys_mq_timedreceive,
  sys_mq_timedsend,
  sys_mq_unlink,
} from "./mqueue-calls";
import { sys_semctl, sys_semget, sys_semop, sys_semtimedop } from "./semaphore-calls";
import { sys_shmat, sys_shmctl, sys_shmdt, sys_shmget } from "./shared-memory-calls";
import { row } from "./syscall-row";
import { sys_msgctl, sys_msgget, sys_msgrcv, sys_msgsnd } from "./sysv-message-calls";

export function ipcRows(): void {
  row(29, "shmget", sys_shmget);
  row(30, "shmat", sys_shmat);
  row(31, "shmctl", sys_shmctl);
  row(64, "semget", sys_semget);
  row(65, "semop", sys_semop);
  row(66, "semctl", sys_semctl);
  row(67, "shmdt", sys_shmdt);
  row(68, "msgget", sys_msgget);
  row(69, "msgsnd", sys_msgsnd);
  row(70, "msgrcv", sys_msgrcv);
  row(71, "msgctl", sys_msgctl);
  row(206, "io_setup", sys_io_setup);
  row(207, "io_destroy", sys_io_destroy);
  row(208, "io_getevents", sys_io_getevents);
  row(209, "io_submit", sys_io_submit);
  row(210, "io_cancel", sys_io_cancel);
  row(220, "semtimedop", sys_semtimedop);
  row(240, "mq_open", sys_mq_open);
  row(241, "mq_unlink", sys_mq_unlink);
  row(242, "mq_timedsend", sys_mq_timedsend);
  row(243, "mq_timedreceive", sys_mq_timedreceive);
  row(244, "mq_notify", sys_mq_notify);
  row(245, "mq_getsetattr", sys_mq_getsetattr);
  row(333, "io_pgetevents", sys_io_pgetevents);
}
