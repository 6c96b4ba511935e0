/* The recipes that come with Virga. */
import type { Recipe } from "./recipe.ts";
import { redis } from "./redis.ts";

export type { Recipe } from "./recipe.ts";

export const recipes: readonly Recipe[] = [redis];

export function findRecipe(name: string): Recipe | undefined {
  return recipes.find((recipe) => recipe.name === name);
}
