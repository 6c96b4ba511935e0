/**
 * The kernel's lock-free code under interleavings of several CPUs: seeds, then every schedule with
 * few preemptions; and that the simulation finds faults that are put in on purpose.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { exploreAll, exploreRandom, type Outcome, parseSchedule, replay } from "./explore.ts";
import { again, CPU_SEEDS, CPU_SUITES } from "./suite.ts";

/** For a fault that is put in. */
const MUTANT_SEEDS = 20_000;

function expectPass(scenario: string, result: Outcome): void {
  const { failure, schedule } = result;
  assert.equal(failure, undefined, `${failure}\n  again: ${again(scenario, schedule)}`);
}

for (const { scenarios, faults, load } of CPU_SUITES) {
  const make = await load();
  for (const scenario of scenarios) {
    test(`interleave: ${scenario.name}, ${CPU_SEEDS} seeds`, () => {
      expectPass(scenario.name, exploreRandom(scenario, make, 1, CPU_SEEDS));
    });
    const { preemptions } = scenario;
    if (preemptions === 0) continue;
    test(`interleave: ${scenario.name}, every schedule with ${preemptions} preemptions`, () => {
      expectPass(scenario.name, exploreAll(scenario, make, preemptions));
    });
  }

  for (const mutation of faults) {
    test(`interleave: it is found when ${mutation.name}`, async () => {
      const mutant = await load(mutation);
      const scenario = scenarios.find(({ name }) => name === mutation.scenario);
      assert.ok(scenario, "the scenario is there");
      if (mutation.schedule !== undefined) {
        const schedule = parseSchedule(mutation.schedule) ?? [];
        assert.match(replay(scenario, mutant, schedule).failure ?? "", mutation.failure);
        expectPass(scenario.name, replay(scenario, make, schedule));
        return;
      }
      const found = exploreRandom(scenario, mutant, 1, MUTANT_SEEDS);
      assert.match(found.failure ?? "none", mutation.failure);
      const schedule = parseSchedule(found.schedule ?? "") ?? [];
      assert.equal(replay(scenario, mutant, schedule).failure, found.failure, "it replays");
    });
  }

  test(`interleave: ${scenarios[0]?.name}: the same seed gives the same run`, async () => {
    const mutant = await load(faults[0]);
    for (const scenario of scenarios.filter(({ name }) => name === faults[0]?.scenario)) {
      const first = exploreRandom(scenario, mutant, 1, CPU_SEEDS);
      assert.ok(first.failure, "a fault is found");
      const { failure, schedule } = exploreRandom(scenario, mutant, first.seed ?? 0);
      assert.deepEqual({ failure, schedule }, { failure: first.failure, schedule: first.schedule });
    }
  });
}
