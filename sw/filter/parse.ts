import {
  type FilterNode,
  type FilterOperand,
  type FilterOperator,
  type FilterTree,
  FILTER_LIMITS,
  isFilterOperator,
  isFilterTree,
} from '../protocol/filter-tree.ts';
import {
  advance,
  type Cursor,
  expectEnd,
  expectSymbol,
  expectWord,
  failureAt,
  isAtSymbol,
  isAtWord,
  openCursor,
  type ParseOptions,
  takeCharacter,
  takeOperand,
  takeSymbol,
  takeWord,
} from './cursor.ts';
import { filterFailure } from './failure.ts';
import { combine, isTrue, not } from './nodes.ts';
const TOO_DEEP = `at most ${FILTER_LIMITS.depth} levels of nesting`;

type Parsed = FilterNode | FilterOperand;

/**
 * Parses a filter text into its tree. Precedence is SQLite's: comparisons, then NOT, then AND, then OR. Column names
 * take their declared spelling from `types` and `known`.
 *
 * Throws `FilterError` (`filter`) with the position, what was expected there, and the line with a caret; also for text
 * longer or nested deeper than `FILTER_LIMITS`, which bounds the time of a hostile text.
 *
 * @example
 * parseFilter('FIELD(Products,Name) LIKE "%Cola" AND Stock < :n', { table: 'products' });
 */
export function parseFilter(text: string, options: ParseOptions = {}): FilterTree {
  const cursor = openCursor(text, options);
  const where = toCondition(parseOr(cursor, 0));
  expectEnd(cursor, 'AND, OR or the end', ['AND', 'OR']);
  const tree: FilterTree = { version: 1, where };
  // An OR of ANDs in each parenthesis makes two levels of the tree out of one of the text.
  if (!isFilterTree(tree)) throw filterFailure(text, 0, TOO_DEEP);
  return tree;
}

function parseOr(cursor: Cursor, depth: number): Parsed {
  return parseSequence(cursor, 'OR', () => parseSequence(cursor, 'AND', () => parseNot(cursor, depth)));
}

function parseSequence(cursor: Cursor, word: 'AND' | 'OR', parseNext: () => Parsed): Parsed {
  const first = parseNext();
  if (!isAtWord(cursor, word)) return first;
  const nodes = [toCondition(first)];
  while (takeWord(cursor, word)) nodes.push(toCondition(parseNext()));
  return combine(word === 'AND' ? 'and' : 'or', nodes);
}

function parseNot(cursor: Cursor, depth: number): Parsed {
  if (!takeWord(cursor, 'NOT')) return parsePredicate(cursor, depth);
  checkDepth(cursor, depth);
  return not(toCondition(parseNot(cursor, depth + 1)));
}

function parsePredicate(cursor: Cursor, depth: number): Parsed {
  const operand = parseOperandOrGroup(cursor, depth);
  if (!isOperand(operand)) return operand;
  const operator = takeOperator(cursor);
  if (operator) {
    return { type: 'compare', operator, left: operand, right: parseOperand(cursor, depth) };
  }
  if (takeWord(cursor, 'IS')) {
    const negated = takeWord(cursor, 'NOT');
    expectWord(cursor, 'NULL');
    return negate(negated, { type: 'isNull', operand });
  }
  const negated = takeWord(cursor, 'NOT');
  if (takeWord(cursor, 'LIKE')) return negate(negated, parseLike(cursor, operand, depth));
  if (takeWord(cursor, 'IN')) return negate(negated, { type: 'in', operand, list: parseList(cursor, depth) });
  if (takeWord(cursor, 'BETWEEN')) {
    const low = parseOperand(cursor, depth);
    expectWord(cursor, 'AND');
    return negate(negated, { type: 'between', operand, low, high: parseOperand(cursor, depth) });
  }
  if (negated) throw failureAt(cursor, 'LIKE, IN or BETWEEN', ['LIKE', 'IN', 'BETWEEN']);
  if (cursor.token.type !== 'end' && !isAtSymbol(cursor, ')') && !isAtWord(cursor, 'AND') && !isAtWord(cursor, 'OR')) {
    throw failureAt(cursor, 'an operator', ['LIKE', 'IN', 'BETWEEN', 'IS', 'NOT', 'AND', 'OR']);
  }
  return operand;
}

function parseLike(cursor: Cursor, operand: FilterOperand, depth: number): FilterNode {
  const pattern = parseOperand(cursor, depth);
  if (!takeWord(cursor, 'ESCAPE')) return { type: 'like', operand, pattern };
  return { type: 'like', operand, pattern, escape: takeCharacter(cursor) };
}

function parseList(cursor: Cursor, depth: number): FilterOperand[] {
  const list: FilterOperand[] = [];
  expectSymbol(cursor, '(');
  if (takeSymbol(cursor, ')')) return list;
  do list.push(parseOperand(cursor, depth));
  while (takeSymbol(cursor, ','));
  expectSymbol(cursor, ')');
  return list;
}

function takeOperator(cursor: Cursor): FilterOperator | undefined {
  const { type, text } = cursor.token;
  const operator = text === '==' ? '=' : text === '!=' ? '<>' : text;
  if (type !== 'symbol' || !isFilterOperator(operator)) return undefined;
  advance(cursor);
  return operator;
}

/** A parenthesis may hold a condition or an operand, and only what follows its content tells which. */
function parseOperandOrGroup(cursor: Cursor, depth: number): Parsed {
  return isAtSymbol(cursor, '(') ? parseGroup(cursor, depth, parseOr) : takeOperand(cursor);
}

function parseOperand(cursor: Cursor, depth: number): FilterOperand {
  return isAtSymbol(cursor, '(') ? parseGroup(cursor, depth, parseOperand) : takeOperand(cursor);
}

function parseGroup<Content>(
  cursor: Cursor,
  depth: number,
  parseContent: (cursor: Cursor, depth: number) => Content,
): Content {
  checkDepth(cursor, depth);
  advance(cursor);
  const content = parseContent(cursor, depth + 1);
  expectSymbol(cursor, ')');
  return content;
}

function checkDepth(cursor: Cursor, depth: number): void {
  if (depth >= FILTER_LIMITS.depth) throw failureAt(cursor, TOO_DEEP);
}

function isOperand(parsed: Parsed): parsed is FilterOperand {
  return parsed.type === 'column' || parsed.type === 'parameter' || parsed.type === 'value';
}

function toCondition(parsed: Parsed): FilterNode {
  return isOperand(parsed) ? isTrue(parsed) : parsed;
}

function negate(negated: boolean, node: FilterNode): FilterNode {
  return negated ? not(node) : node;
}
