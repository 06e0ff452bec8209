#!/usr/bin/env node
import { endProcess } from '../dist/cli/end-process.js';
import { guardOutput } from '../dist/cli/output.js';
import { runProgram } from '../dist/cli/run.js';

guardOutput();
await runProgram(import.meta.url);
await endProcess();
