import {
  type FilterNode,
  type FilterOperand,
  type FilterOperator,
  type FilterTree,
  FILTER_LIMITS,
  isFilterTree,
} from '../protocol/filter-tree.ts';
import { filterFailure } from './failure.ts';
import { combine, isTrue, not } from './nodes.ts';
import type { ParseOptions } from './parse-options.ts';
import { TokenReader } from './token-reader.ts';

const OPERATORS: Readonly<Record<string, FilterOperator>> = {
  '=': '=',
  '==': '=',
  '<>': '<>',
  '!=': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

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
  const tokens = new TokenReader(text, options);
  const where = toCondition(parseOr(tokens, 0));
  tokens.expectEnd('AND, OR or the end', ['AND', 'OR']);
  const tree: FilterTree = { version: 1, where };
  // An OR of ANDs in each parenthesis makes two levels of the tree out of one of the text.
  if (!isFilterTree(tree)) throw filterFailure(text, 0, TOO_DEEP);
  return tree;
}

function parseOr(tokens: TokenReader, depth: number): Parsed {
  return parseSequence(tokens, 'or', () => parseSequence(tokens, 'and', () => parseNot(tokens, depth)));
}

function parseSequence(tokens: TokenReader, type: 'and' | 'or', parseNext: () => Parsed): Parsed {
  const first = parseNext();
  if (!tokens.peekWord(type)) return first;
  const nodes = [toCondition(first)];
  while (tokens.takeWord(type)) nodes.push(toCondition(parseNext()));
  return combine(type, nodes);
}

function parseNot(tokens: TokenReader, depth: number): Parsed {
  if (!tokens.takeWord('not')) return parsePredicate(tokens, depth);
  checkDepth(tokens, depth);
  return not(toCondition(parseNot(tokens, depth + 1)));
}

function parsePredicate(tokens: TokenReader, depth: number): Parsed {
  const operand = parseOperandOrGroup(tokens, depth);
  if (!isOperand(operand)) return operand;
  const operator = OPERATORS[tokens.symbol];
  if (operator) {
    tokens.advance();
    return { type: 'compare', operator, left: operand, right: parseOperand(tokens, depth) };
  }
  if (tokens.takeWord('is')) {
    const negated = tokens.takeWord('not');
    tokens.expectWord('null');
    return negate(negated, { type: 'isNull', operand });
  }
  const negated = tokens.takeWord('not');
  if (tokens.takeWord('like')) return negate(negated, parseLike(tokens, operand, depth));
  if (tokens.takeWord('in')) return negate(negated, { type: 'in', operand, list: parseList(tokens, depth) });
  if (tokens.takeWord('between')) {
    const low = parseOperand(tokens, depth);
    tokens.expectWord('and');
    return negate(negated, { type: 'between', operand, low, high: parseOperand(tokens, depth) });
  }
  if (negated) throw tokens.failure('LIKE, IN or BETWEEN', ['LIKE', 'IN', 'BETWEEN']);
  if (!tokens.isAtEnd && tokens.symbol !== ')' && !tokens.peekWord('and') && !tokens.peekWord('or')) {
    throw tokens.failure('an operator', ['LIKE', 'IN', 'BETWEEN', 'IS', 'NOT', 'AND', 'OR']);
  }
  return operand;
}

function parseLike(tokens: TokenReader, operand: FilterOperand, depth: number): FilterNode {
  const pattern = parseOperand(tokens, depth);
  if (!tokens.takeWord('escape')) return { type: 'like', operand, pattern };
  return { type: 'like', operand, pattern, escape: tokens.takeCharacter() };
}

function parseList(tokens: TokenReader, depth: number): FilterOperand[] {
  const list: FilterOperand[] = [];
  tokens.expectSymbol('(');
  if (tokens.takeSymbol(')')) return list;
  do list.push(parseOperand(tokens, depth));
  while (tokens.takeSymbol(','));
  tokens.expectSymbol(')');
  return list;
}

/** A parenthesis may hold a condition or an operand, and only what follows its content tells which. */
function parseOperandOrGroup(tokens: TokenReader, depth: number): Parsed {
  if (tokens.symbol !== '(') return parseOperand(tokens, depth);
  checkDepth(tokens, depth);
  tokens.advance();
  const content = parseOr(tokens, depth + 1);
  tokens.expectSymbol(')');
  return content;
}

function parseOperand(tokens: TokenReader, depth: number): FilterOperand {
  if (tokens.symbol !== '(') return tokens.takeOperand();
  checkDepth(tokens, depth);
  tokens.advance();
  const operand = parseOperand(tokens, depth + 1);
  tokens.expectSymbol(')');
  return operand;
}

function checkDepth(tokens: TokenReader, depth: number): void {
  if (depth >= FILTER_LIMITS.depth) throw tokens.failure(TOO_DEEP);
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
