// Rules about what is written, statement by statement.

import { conditionGraph } from '../../compiler/condition.ts';
import type { Node } from '../../compiler/graph.ts';
import { parametersOf } from '../../linux/arguments.ts';
import { groupMembers } from '../../linux/groups.ts';
import { syscallNames, syscallNumber } from '../../linux/syscalls.ts';
import { printCall } from '../../policy/language/print.ts';
import { meaningOf } from '../../policy/meaning.ts';
import type { Call, Condition, Operand, Policy, Statement, Target, Value } from '../../policy/model.ts';
import { feasible } from '../feasible.ts';
import type { Context, Found } from './context.ts';

/** Statements, or single calls of them, that decide nothing on this ABI. Calls that it does not have do not count. */
export function deadStatements(context: Context): readonly Found[] {
  const { policy, abi, graph } = context;
  const alive = new Set<Statement>();
  const spoken = new Set<Statement>();
  for (const nr of numbersIn(policy, context)) {
    const meaning = meaningOf(policy, abi, nr);
    let taken: Node = graph.no;
    for (const { statement, when } of meaning.rules) {
      spoken.add(statement);
      const own = when === undefined ? graph.yes : conditionGraph(graph, when, abi, meaning.name);
      const left = feasible(
        graph,
        graph.zip(own, taken, (one, before) => (one === 1 && before === 0 ? 1 : 0)),
      );
      if (left !== graph.no) alive.add(statement);
      taken = graph.or(taken, own);
      if (taken === graph.yes) {
        // What follows never gets its turn.
        for (const rest of meaning.rules) spoken.add(rest.statement);
        break;
      }
    }
  }
  return policy.statements
    .filter((statement) => spoken.has(statement) && !alive.has(statement))
    .map((statement) => ({
      calls: statement.calls.map(printCall),
      ...(statement.origin !== undefined && { origin: statement.origin }),
    }));
}

function numbersIn(policy: Policy, { abi }: Context): ReadonlySet<number> {
  const numbers = new Set(syscallNames(abi).map((name) => syscallNumber(abi, name)!));
  for (const { target } of policy.statements.flatMap((statement) => statement.calls)) {
    if (target.kind === 'number') numbers.add(target.number + abi.numberBase);
  }
  return numbers;
}

export function pointerComparisons({ policy, abi }: Context): readonly Found[] {
  return policy.statements.flatMap((statement) => {
    const calls = statement.calls.filter(
      (call) => call.when !== undefined && comparesPointer(call, call.when),
    );
    if (calls.length === 0) return [];
    const origin = statement.origin === undefined ? {} : { origin: statement.origin };
    return [{ calls: calls.map(printCall), ...origin }];
  });

  function comparesPointer({ target }: Call, condition: Condition): boolean {
    if (target.kind !== 'name') return false;
    const parameters = parametersOf(target.name, abi) ?? [];
    const isPointer = ({ argument }: Operand) => {
      const positional = /^arg([0-5])$/.exec(argument);
      const found =
        positional === null
          ? parameters.find(({ names }) => names.includes(argument))
          : parameters[Number(positional[1])];
      return found?.pointer === true;
    };
    const go = (one: Condition): boolean => {
      switch (one.kind) {
        case 'and':
        case 'or':
          return one.of.some(go);
        case 'not':
          return go(one.of);
        case 'compare':
          return isPointer(one.operand) && !(isZero(one.value) && (one.op === '==' || one.op === '!='));
        default:
          return isPointer(one.operand);
      }
    };
    return go(condition);
  }
}

/** What stands behind a group with one exception, and is in this group already: most often it was meant to be another exception. */
export function exceptionsOfOne({ policy }: Context): readonly Found[] {
  return policy.statements.flatMap((statement) => {
    const first = statement.calls.findIndex((call) => call.except?.length === 1);
    if (first < 0) return [];
    const had = membersOf(statement.calls[first]!.target);
    const calls = statement.calls
      .slice(first + 1)
      .filter(
        ({ target, when, except }) =>
          when === undefined && except === undefined && membersOf(target).every((name) => had.includes(name)),
      )
      .map(printCall);
    if (calls.length === 0) return [];
    return [{ calls, ...(statement.origin !== undefined && { origin: statement.origin }) }];
  });
}

function membersOf(target: Target): readonly string[] {
  if (target.kind === 'group') return groupMembers(target.name) ?? [];
  return target.kind === 'name' ? [target.name] : ['a number'];
}

function isZero(value: Value): boolean {
  return value.kind === 'number' && value.number === 0n;
}
