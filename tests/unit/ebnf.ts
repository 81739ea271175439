/** An expression of a grammar in EBNF. */
export type Expression =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'token'; readonly name: string }
  | { readonly type: 'rule'; readonly name: string }
  | { readonly type: 'sequence' | 'choice'; readonly parts: readonly Expression[] }
  | { readonly type: 'option' | 'repetition'; readonly part: Expression };

export type Grammar = ReadonlyMap<string, Expression>;

/** Reads rules of the form `name = expression ;`. */
export function parseGrammar(source: string): Grammar {
  const tokens = source.match(/"[^"]*"|\?[^?]*\?|\w+|[=|,;()[\]{}]/gu) ?? [];
  let at = 0;
  const take = (wanted: string): void => {
    if (tokens[at] !== wanted) throw new Error(`expected ${wanted}, found ${tokens[at] ?? 'the end'}`);
    at += 1;
  };
  const between = (open: string, close: string): Expression => {
    take(open);
    const part = choice();
    take(close);
    return part;
  };
  const factor = (): Expression => {
    const token = tokens[at] ?? '';
    switch (token) {
      case '(':
        return between('(', ')');
      case '[':
        return { type: 'option', part: between('[', ']') };
      case '{':
        return { type: 'repetition', part: between('{', '}') };
      default:
        at += 1;
        if (token.startsWith('"')) return { type: 'text', text: token.slice(1, -1) };
        if (token.startsWith('?')) return { type: 'token', name: token.slice(1, -1).trim() };
        return { type: 'rule', name: token };
    }
  };
  const list = (separator: string, part: () => Expression, type: 'sequence' | 'choice'): Expression => {
    const first = part();
    const parts = [first];
    while (tokens[at] === separator) {
      at += 1;
      parts.push(part());
    }
    return parts.length === 1 ? first : { type, parts };
  };
  const choice = (): Expression => list('|', () => list(',', factor, 'sequence'), 'choice');
  const rules = new Map<string, Expression>();
  while (at < tokens.length) {
    const name = tokens[at] ?? '';
    at += 1;
    take('=');
    rules.set(name, choice());
    take(';');
  }
  return rules;
}

/** Whether a rule takes all of the tokens; `fits` says whether a token is a text or of a class of the grammar. */
export function recognizes<Token>(
  grammar: Grammar,
  rule: string,
  tokens: readonly Token[],
  fits: (token: Token, expression: Expression) => boolean,
): boolean {
  const known = new Map<string, ReadonlySet<number>>();
  const all = (starts: Iterable<number>, next: (start: number) => Iterable<number>): ReadonlySet<number> => {
    const ends = new Set<number>();
    for (const start of starts) for (const end of next(start)) ends.add(end);
    return ends;
  };
  const endsOf = (expression: Expression, start: number): ReadonlySet<number> => {
    switch (expression.type) {
      case 'text':
      case 'token': {
        const token = tokens[start];
        return token !== undefined && fits(token, expression) ? new Set([start + 1]) : new Set();
      }
      case 'rule': {
        const id = `${expression.name} ${start}`;
        const inner = grammar.get(expression.name);
        if (inner === undefined) throw new Error(`There is no rule ${expression.name}.`);
        const ends = known.get(id) ?? endsOf(inner, start);
        known.set(id, ends);
        return ends;
      }
      case 'sequence':
        return expression.parts.reduce<ReadonlySet<number>>(
          (ends, part) => all(ends, (end) => endsOf(part, end)),
          new Set([start]),
        );
      case 'choice':
        return all([start], () => expression.parts.flatMap((part) => [...endsOf(part, start)]));
      case 'option':
        return new Set([start, ...endsOf(expression.part, start)]);
      case 'repetition': {
        let ends: ReadonlySet<number> = new Set([start]);
        for (;;) {
          const more = new Set([...ends, ...all(ends, (end) => endsOf(expression.part, end))]);
          if (more.size === ends.size) return ends;
          ends = more;
        }
      }
    }
  };
  return endsOf({ type: 'rule', name: rule }, 0).has(tokens.length);
}
