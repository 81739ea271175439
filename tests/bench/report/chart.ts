import { withUnit } from '../harness/statistics.ts';

const width = 640;
const rowHeight = 22;
const left = 170;
const right = 90;
const colors = { ours: '#0b6bcb', theirs: '#9aa5b1', text: '#57606a' };

function svg(height: number, title: string, parts: readonly string[]): string {
  const style = `text{font:12px system-ui,sans-serif;fill:${colors.text}}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img"><title>${title}</title><style>${style}</style>${parts.join('')}</svg>\n`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly isOurs: boolean;
}

/** Bars from zero, so that their lengths are in the ratio of the figures. */
export function barChart(title: string, bars: readonly Bar[], unit: string): string {
  const most = Math.max(...bars.map(({ value }) => value));
  const rows = bars.map(({ name, value, isOurs }, index) => {
    const y = index * rowHeight + 4;
    const length = Math.max(1, Math.round((value / most) * (width - left - right)));
    const label = `<text x="${left - 8}" y="${y + 12}" text-anchor="end">${escape(name)}</text>`;
    const bar = `<rect x="${left}" y="${y}" width="${length}" height="15" fill="${isOurs ? colors.ours : colors.theirs}"/>`;
    return `${label}${bar}<text x="${left + length + 6}" y="${y + 12}">${withUnit(value, unit)}</text>`;
  });
  return svg(bars.length * rowHeight + 8, title, rows);
}

export interface Curve {
  readonly name: string;
  readonly points: readonly { readonly n: number; readonly value: number }[];
}

const plotHeight = 200;
const palette = ['#0b6bcb', '#bf3989', '#1a7f37', '#9a6700', '#8250df', '#cf222e', '#57606a'];

/** Both axes logarithmic: what does not grow is level. */
export function growthChart(title: string, curves: readonly Curve[]): string {
  const points = curves.flatMap((curve) => curve.points);
  const [low, high] = [Math.min(...points.map(({ n }) => n)), Math.max(...points.map(({ n }) => n))];
  const [least, most] = [Math.min(...points.map(({ value }) => value)), Math.max(...points.map(({ value }) => value))];
  const place = (value: number, from: number, to: number): number =>
    from === to ? 0.5 : Math.log(value / from) / Math.log(to / from);
  const x = (n: number): number => Math.round(60 + place(n, low, high) * (width - 260));
  const y = (value: number): number => Math.round(10 + (1 - place(value, least, most)) * (plotHeight - 30));
  const lines = curves.map(({ name, points: list }, index) => {
    const color = palette[index % palette.length] ?? colors.theirs;
    const path = list.map(({ n, value }) => `${x(n)},${y(value)}`).join(' ');
    const key = `<text x="${width - 180}" y="${20 + index * 18}" style="fill:${color}">${escape(name)}</text>`;
    return `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>${key}`;
  });
  const sizes = [...new Set(points.map(({ n }) => n))].map(
    (n) => `<text x="${x(n)}" y="${plotHeight}" text-anchor="middle">${n.toLocaleString('en')}</text>`,
  );
  const marks = [least, most].map(
    (value) => `<text x="52" y="${y(value) + 4}" text-anchor="end">${withUnit(value, 's')}</text>`,
  );
  return svg(Math.max(plotHeight, curves.length * 18 + 20) + 8, title, [...lines, ...sizes, ...marks]);
}
