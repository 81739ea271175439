export { playAgain } from './again.ts';
export { playMany } from './run.ts';
export { scenarioNames, sweep } from './sweep.ts';
