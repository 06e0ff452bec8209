#!/usr/bin/env node
import { endProcess } from '../dist/cli/end-process.js';
import { guardOutput } from '../dist/cli/output.js';
import { refuseDebugger } from '../dist/cli/refuse-debugger.js';

refuseDebugger();
// Not above: loading it takes most of the time until a command begins.
const { runProgram } = await import('../dist/cli/run.js');
// oclif, which is loaded now, listens for errors of stdout too, and throws them.
guardOutput();
await runProgram(import.meta.url);
await endProcess();
