/** What the simulator of sleeps (test/sim/sleep) offers; nothing of this is part of the kernel. */

/** Others may run before the caller goes on: a place where the caller may sleep. */
export declare function othersRun(): void;
/** Ends the run: something is wrong with the code under test. */
export declare function fail(message: string): void;
/** The number of the fault that is on; a kernel without faults does not ask. */
export declare function fault(): u32;
