// `npm run bench:server`: what the demo's server takes, alone. The harness is TypeScript, which Vite loads.
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const { module } = await runnerImport(main, { configFile: false, logLevel: 'error' });
await module.main(process.argv.slice(2));
