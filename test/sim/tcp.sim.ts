/** TCP between two hosts over bad wires: every scenario with a range of seeds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadModule, simulate } from "./run.ts";
import { SCENARIOS } from "./scenarios.ts";

const SEEDS = 20;
const module = await loadModule();

for (const { name } of SCENARIOS) {
  test(`tcp: ${name}, ${SEEDS} seeds`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { failure } = simulate(module, { seed, scenario: name });
      assert.equal(failure, undefined, `./virga sim --seed ${seed} --scenario ${name}\n${failure}`);
    }
  });
}

test("tcp: the same seed gives the same run", () => {
  for (const seed of [3, 5, 8]) {
    assert.deepEqual(simulate(module, { seed }), simulate(module, { seed }));
  }
});
