/* ELF files: what they are, and which others they need. */
export { type FoundFile, type ProgramFiles, type WalkOptions, walkLibraries } from "./libraries.ts";
export { type ElfFile, parseElf, readElf } from "./reader.ts";
export { defaultFolders, type FileSource, glibcConfigured, isMusl } from "./search-path.ts";
