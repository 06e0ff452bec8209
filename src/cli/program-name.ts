// The hook before each command. Registered in package.json as oclif.hooks.init.
import type { Hook } from '@oclif/core';

/** `afd --version` and `afd --help` name the program that was called, not the npm package that it comes from (afd-fleet). */
export const programName: Hook.Init = async ({ config }) => {
  // Read-only by its type, and nothing else sets it: both print this text as it is.
  Object.assign(config, { userAgent: config.userAgent.replace(config.name, config.bin) });
};
