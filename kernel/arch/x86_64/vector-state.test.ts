import { expectEqual, test } from "../../lib/testing";
import { load32, store32 } from "../hw";
import { vectorStateSanitize } from "./vector-state";

/** A saved state in fake memory; MXCSR and its mask (Intel SDM volume 1, 10.5.1). */
const AREA: u64 = 0x200000;
const MXCSR: u64 = 24;
const MXCSR_MASK: u64 = 28;

test("vector state: no mask of the application's lets reserved bits of MXCSR through", () => {
  const masks: StaticArray<u32> = [0, 0xffff, 0xffffffff];
  for (let i = 0; i < masks.length; i++) {
    store32(AREA + MXCSR, 0xffffffff);
    store32(AREA + MXCSR_MASK, masks[i]);
    vectorStateSanitize(AREA);
    expectEqual(load32(AREA + MXCSR), 0xffbf, "what every processor has");
  }
  store32(AREA + MXCSR, 0x1f80);
  vectorStateSanitize(AREA);
  expectEqual(load32(AREA + MXCSR), 0x1f80, "a good one stays");
});
