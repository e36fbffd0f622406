// The loaded rules as the page lists them: with the findings of each, filtered, counted.

import type { Finding } from '../api/lingshao';
import type { Rule, RuleGroup } from '../api/rules';

export type RuleState = 'firing' | 'pending' | 'inactive' | 'recording' | 'broken';

/** A rule that failed to be evaluated is broken, whatever it said before. */
export function stateOf(rule: Rule): RuleState {
  if (rule.health === 'err') return 'broken';
  if (rule.type === 'recording') return 'recording';
  return rule.state === 'firing' || rule.state === 'pending' ? rule.state : 'inactive';
}

/** `rules/alerts.yml` and `alerts.yml` are one file: the check and the loader may name it from different folders. */
function isSameFile(a: string, b: string): boolean {
  return a === b || a.endsWith(`/${b}`) || b.endsWith(`/${a}`);
}

const squeezed = (expr: string) => expr.replace(/\s+/g, '');

export interface Matched {
  byRule: Map<Rule, Finding[]>;
  /** Of files or rules that are not loaded, and of boards. */
  others: Finding[];
}

/** Gives each finding to its rule: the same file, the name, and among rules of one name the expression, else the order. */
export function matchFindings(groups: readonly RuleGroup[], findings: readonly Finding[]): Matched {
  const byRule = new Map<Rule, Finding[]>();
  const others: Finding[] = [];
  for (const finding of findings) {
    const rules = groups.filter((group) => isSameFile(group.file, finding.file)).flatMap((group) => group.rules);
    const named = rules.filter((rule) => rule.name === finding.subject);
    const rule = named.length > 1 ? oneOf(named, finding, findings) : named[0];
    if (rule === undefined) others.push(finding);
    else byRule.set(rule, [...(byRule.get(rule) ?? []), finding]);
  }
  return { byRule, others };
}

/** Which of several rules of one name in one file is meant. */
function oneOf(rules: readonly Rule[], finding: Finding, findings: readonly Finding[]): Rule | undefined {
  const expr = finding.expr === null ? null : squeezed(finding.expr);
  const holding = rules.filter((rule) => expr !== null && squeezed(rule.query).includes(expr));
  if (holding.length === 1) return holding[0];
  // Lines of one name, in the order of the file, are the rules of that name in the order of the file.
  const lines = findings.filter((one) => one.file === finding.file && one.subject === finding.subject).map((one) => one.line);
  const order = [...new Set(lines)].sort((a, b) => a - b);
  return rules[Math.min(order.indexOf(finding.line), rules.length - 1)];
}

/** What the page shows: `findings` are rules with something to put right. */
export type StateFilter = '' | RuleState | 'findings';

export function wanted(rule: Rule, words: readonly string[], state: StateFilter, hasFindings: boolean): boolean {
  if (state === 'findings' ? !hasFindings : state !== '' && stateOf(rule) !== state) {
    return false;
  }
  const labels = Object.entries(rule.labels ?? {}).map(([name, value]) => `${name}=${value}`);
  const text = `${rule.name} ${rule.query} ${labels.join(' ')}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

export interface FileOfRules {
  file: string;
  groups: RuleGroup[];
}

/** Groups by file, in the server's order; groups and files without a wanted rule are left out. */
export function filesOf(groups: readonly RuleGroup[], isWanted: (rule: Rule) => boolean): FileOfRules[] {
  const files = new Map<string, RuleGroup[]>();
  for (const group of groups) {
    const rules = group.rules.filter(isWanted);
    if (rules.length > 0) files.set(group.file, [...(files.get(group.file) ?? []), { ...group, rules }]);
  }
  return [...files].map(([file, inFile]) => ({ file, groups: inFile }));
}
