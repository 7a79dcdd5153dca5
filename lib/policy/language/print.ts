// From model to text, so that reading the text gives the model again. Brackets only where the reading would otherwise
// differ; statements of one action stand together in the order that they have.

import { actionText } from '../action.ts';
import type { Call, Condition, Operand, Policy, Range, Statement, Target, Value } from '../model.ts';

/** Where lines are wrapped, in characters; a single long value can be longer. */
const WIDTH = 100;

/** A policy file. Includes have become part of it. */
export function printPolicy(policy: Policy): string {
  const blocks = [
    printHead(policy),
    ...printBlocks(policy.defaults, 'default '),
    ...printBlocks(policy.statements, ''),
  ];
  if (policy.main !== undefined) blocks.push(`phase main {\n${indented(printPolicy(policy.main))}}\n`);
  const closing = (policy.closing ?? []).map(commentLine).join('');
  return [...blocks, closing].filter((block) => block !== '').join('\n');
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}

/** One statement as lines, with its comments. */
export function printStatement(statement: Statement): string {
  return linesOf(statement, '');
}

export function printCall(call: Call): string {
  const target = printTarget(call.target);
  if (call.when !== undefined) return `${target}(${printCondition(call.when)})`;
  const [first, ...others] = call.except ?? [];
  if (first === undefined) return target;
  if (others.length === 0) return `${target} except ${printTarget(first)}`;
  return `${target} except {${[first, ...others].map(printTarget).join(', ')}}`;
}

/** Throws RangeError for an empty `and`, `or` or `in`, which the language has no way to write. */
export function printCondition(condition: Condition): string {
  const parts = 'ranges' in condition ? condition.ranges : 'of' in condition ? condition.of : undefined;
  if (Array.isArray(parts) && parts.length === 0)
    throw new RangeError(`an empty ${condition.kind} cannot be written`);
  switch (condition.kind) {
    case 'compare':
      return `${printOperand(condition.operand)} ${condition.op} ${printValue(condition.value)}`;
    case 'in':
      return `${printOperand(condition.operand)} in {${condition.ranges.map(printRange).join(', ')}}`;
    case 'any-bit':
      return `${printOperand(condition.operand)} & ${printValue(condition.mask)}`;
    case 'masked': {
      const { operand, mask, op, value } = condition;
      return `${printOperand(operand)} & ${printValue(mask)} ${op} ${printValue(value)}`;
    }
    case 'not':
      return condition.of.kind === 'not'
        ? `!${printCondition(condition.of)}`
        : `!(${printCondition(condition.of)})`;
    case 'and':
      return condition.of.map((one) => bracketed(printCondition(one), one.kind === 'or')).join(' && ');
    case 'or':
      return condition.of.map(printCondition).join(' || ');
  }
}

export function printValue(value: Value): string {
  switch (value.kind) {
    case 'number':
      return value.text ?? String(value.number);
    case 'name':
      return value.name;
    case 'or':
      return value.of.map(printValue).join('|');
    case 'not':
      return `~${bracketed(printValue(value.of), value.of.kind === 'or')}`;
  }
}

function printOperand(operand: Operand): string {
  return operand.bits === undefined ? operand.argument : `${operand.argument}:${operand.bits}`;
}

function printRange(range: Range): string {
  const low = printValue(range.low);
  const high = printValue(range.high);
  return low === high ? low : `${low}..${high}`;
}

function printTarget(target: Target): string {
  return target.kind === 'number' ? `#${target.number}` : target.name;
}

function bracketed(text: string, needed: boolean): string {
  return needed ? `(${text})` : text;
}

/** Comments of the head, and the directives that stand alone. */
function printHead(policy: Policy): string {
  const lines = (policy.comments ?? []).map(commentLine);
  if (policy.default !== undefined) lines.push(`default ${actionText(policy.default)}\n`);
  if (policy.unknown !== undefined) lines.push(`unknown ${actionText(policy.unknown)}\n`);
  if (policy.foreign !== undefined) lines.push(`foreign ${actionText(policy.foreign)}\n`);
  if (policy.kernel !== undefined) lines.push(`kernel ${policy.kernel}\n`);
  if (policy.abis !== undefined && policy.abis.length > 0) lines.push(`abi ${policy.abis.join(', ')}\n`);
  return lines.join('');
}

/** Statements in their order; a blank line stands before another action and before a comment. */
function printBlocks(statements: readonly Statement[], prefix: string): readonly string[] {
  const blocks: string[] = [];
  let action: string | undefined;
  for (const statement of statements) {
    const text = linesOf(statement, prefix);
    const own = actionText(statement.action);
    if (text === '') continue;
    if (own === action && (statement.comments ?? []).length === 0)
      blocks.push(`${blocks.pop() ?? ''}${text}`);
    else blocks.push(text);
    action = own;
  }
  return blocks;
}

/** A statement with its comments. A long list is wrapped between calls and goes on indented; a call that is longer than a
 * line is wrapped in its condition. */
function linesOf(statement: Statement, prefix: string): string {
  if (statement.calls.length === 0) return '';
  const start = `${prefix}${actionText(statement.action)} `;
  const lines: string[] = [];
  let line = start;
  statement.calls.forEach((call, index) => {
    const text = `${printCall(call)}${index < statement.calls.length - 1 ? ', ' : ''}`;
    if (index > 0 && line.length + text.trimEnd().length > WIDTH) {
      lines.push(`${line.trimEnd()}\n`);
      line = '  ';
    }
    for (const piece of text.length > WIDTH ? piecesOf(text) : [text]) {
      if (line.trim() !== '' && line !== start && line.length + piece.trimEnd().length > WIDTH) {
        lines.push(`${line.trimEnd()}\n`);
        line = '    ';
      }
      line += piece;
    }
  });
  const note = statement.note === undefined ? '' : `  ${comment(statement.note)}`;
  lines.push(`${line.trimEnd()}${note}\n`);
  return (statement.comments ?? []).map(commentLine).join('') + lines.join('');
}

/** Where a call with a long condition may go on on another line: all of these stand in its brackets. */
function piecesOf(call: string): readonly string[] {
  return call.split(/(?<=, )|(?=&& |\|\| )/);
}

function commentLine(text: string): string {
  return `${comment(text)}\n`;
}

/** A comment cannot hold a line end: what would follow it would be read as policy. */
function comment(text: string): string {
  const oneLine = text.replaceAll(/[\r\n\u2028\u2029]+/g, ' ').trimEnd();
  return oneLine === '' ? '#' : `# ${oneLine}`;
}
