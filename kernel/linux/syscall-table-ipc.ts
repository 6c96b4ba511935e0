/**
 * The rows of the system call table that are about System V IPC (syscall-table.ts).
 */
import { sys_semctl, sys_semget, sys_semop, sys_semtimedop } from "./semaphore-calls";
import { sys_shmat, sys_shmctl, sys_shmdt, sys_shmget } from "./shared-memory-calls";
import { row } from "./syscall-row";

export function ipcRows(): void {
  row(29, "shmget", sys_shmget);
  row(30, "shmat", sys_shmat);
  row(31, "shmctl", sys_shmctl);
  row(64, "semget", sys_semget);
  row(65, "semop", sys_semop);
  row(66, "semctl", sys_semctl);
  row(67, "shmdt", sys_shmdt);
  row(220, "semtimedop", sys_semtimedop);
}
