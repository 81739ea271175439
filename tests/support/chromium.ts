import { chromium, type Browser, type BrowserContext } from 'playwright';

function options(): { readonly executablePath: string; readonly args: string[] } {
  const background = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return {
    executablePath: process.env['HOLDFAST_CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--no-first-run', ...background],
  };
}

export function launchChromium(): Promise<Browser> {
  return chromium.launch(options());
}

/** With a profile that stays when it is closed. */
export function launchProfile(folder: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, options());
}
