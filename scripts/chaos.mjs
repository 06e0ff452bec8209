// `npm run chaos -- --seed N --kills 1000 --tasks 20000 [--server mariadb|mysql]`: a storm over real processes, and what
// its history proves. What it does is written in test/chaos; jiti runs that TypeScript on every Node.
import { bootstrap, ROOT } from './bootstrap.mjs';

// What runs has servers and copies to remove, which it does as it exits.
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 143 })) {
  process.once(signal, () => process.exit(code));
}
await bootstrap();
const { createJiti } = await import('jiti');
const { main } = await createJiti(import.meta.url).import('../test/chaos/main.ts');
try {
  process.exitCode = await main(process.argv.slice(2), ROOT);
} catch (error) {
  console.error(error);
  process.exitCode = 2;
}
