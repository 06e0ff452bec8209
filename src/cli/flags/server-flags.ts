// How a gateway listens: flags of every command that runs one.
import { Flags } from '@oclif/core';

export const serverFlags = {
  host: Flags.string({ helpValue: 'ADDRESS', summary: 'Gateway: address to listen on (server.host).' }),
  port: Flags.integer({
    helpValue: 'PORT',
    min: 0,
    max: 65535,
    summary: 'Gateway: port (server.port; default: 8000).',
  }),
  workers: Flags.integer({
    helpValue: 'N',
    min: 1,
    max: 1000,
    summary: 'Gateway: processes that share the port (server.workers; default: 1).',
  }),
};

export const serverConfigFlags = { host: 'server.host', port: 'server.port', workers: 'server.workers' };
