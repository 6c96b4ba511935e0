import { expectEqual, test } from "../lib/testing";
import { fractionOf, secondsOf } from "./stat";

test("stat: a time is whole seconds and nanoseconds after them, also before 1970", () => {
  const times: StaticArray<i64> = [
    0,
    1,
    999999999,
    1000000000,
    1000000001,
    -1,
    -999999999,
    -1000000000,
    -1000000001,
    -1500000000,
    i64.MAX_VALUE,
    -9000000000000000001,
  ];
  const seconds: StaticArray<i64> = [0, 0, 0, 1, 1, -1, -1, -1, -2, -2, 9223372036, -9000000001];
  const fractions: StaticArray<i64> = [
    0, 1, 999999999, 0, 1, 999999999, 1, 0, 999999999, 500000000, 854775807, 999999999,
  ];
  for (let i = 0; i < times.length; i++) {
    expectEqual(secondsOf(times[i]), seconds[i], "tv_sec of " + times[i].toString());
    expectEqual(fractionOf(times[i]), fractions[i], "tv_nsec of " + times[i].toString());
  }
});
