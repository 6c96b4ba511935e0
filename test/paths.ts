/* Where the tests and what they build are. */
import { repositoryRoot } from "../cli/paths.ts";

export { buildFolder, repositoryRoot } from "../cli/paths.ts";

export const guestFolder: string = `${repositoryRoot}/test/guest`;
