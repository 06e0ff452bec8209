// The stub alone:  npx jiti examples/appsflyer/stub/main.ts --seed 7 --accounts 5 --port 8099 --tokens-file tokens.json
// Prints one line of JSON with its address, then serves until SIGINT or SIGTERM.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Stub } from './server.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    accounts: { type: 'string', default: '5' },
    port: { type: 'string', default: '0' },
    'tokens-file': { type: 'string', default: 'appsflyer-tokens.json' },
    faults: { type: 'string', default: '0', short: 'f' },
  },
});
const rate = Number(values.faults);
const stub = await new Stub({
  seed: Number(values.seed),
  accounts: Number(values.accounts),
  port: Number(values.port),
  faults: { too_many: rate, server_error: rate, cut: rate, slow: rate, slow_ms: 3000 },
}).start();
writeFileSync(values['tokens-file'], `${JSON.stringify(stub.tokens(), null, 2)}\n`, { mode: 0o600 });
console.log(JSON.stringify({ url: stub.url, tokens_file: values['tokens-file'], apps: stub.world.apps.length }));
const stop = () => void stub.stop().then(() => process.exit(0));
process.once('SIGINT', stop);
process.once('SIGTERM', stop);
