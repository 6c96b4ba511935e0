/**
 * The kernel's calls under sleeps: by seeds; and that each fault that is put in is found, by a
 * schedule that replays it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { exploreRandom, parseSchedule, replay } from "../interleave/explore.ts";
import { again } from "../interleave/suite.ts";
import { SLEEP_SEEDS, SLEEP_SUITE } from "./suite.ts";

/** For a fault that is put in. */
const FAULT_SEEDS = 400;

const { scenarios, faults, load } = SLEEP_SUITE;
const make = await load();

for (const scenario of scenarios) {
  test(`sleep: ${scenario.name}, ${SLEEP_SEEDS} seeds`, () => {
    const { failure, schedule } = exploreRandom(scenario, make, 1, SLEEP_SEEDS);
    assert.equal(failure, undefined, `${failure}\n  again: ${again(scenario.name, schedule)}`);
  });
}

for (const fault of faults) {
  test(`sleep: it is found when ${fault.name}`, async () => {
    const faulty = await load(fault);
    const scenario = scenarios.find(({ name }) => name === fault.scenario);
    assert.ok(scenario, "the scenario is there");
    const found = exploreRandom(scenario, faulty, 1, FAULT_SEEDS);
    assert.match(found.failure ?? "none", fault.failure);
    const schedule = parseSchedule(found.schedule ?? "") ?? [];
    assert.equal(replay(scenario, faulty, schedule).failure, found.failure, "it replays");
  });
}
