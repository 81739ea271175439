import { startApp } from './app.ts';

const root = document.querySelector<HTMLElement>('#app');
if (root !== null) startApp(root);
