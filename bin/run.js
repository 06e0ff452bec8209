#!/usr/bin/env node
import { execute } from '@oclif/core';
import { endProcess } from '../dist/cli/end-process.js';
import { guardOutput } from '../dist/cli/output.js';

guardOutput();
await execute({ dir: import.meta.url });
await endProcess();
