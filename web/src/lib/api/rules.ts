// The loaded rules and what they say at the moment (Prometheus' API).

import { request } from './http';
import type { Labels } from './prometheus';

export interface RuleAlert {
  labels: Labels;
  annotations: Labels;
  state: 'pending' | 'firing';
  activeAt: string;
  keepFiringSince?: string;
  value: string;
}

interface RuleHealth {
  name: string;
  query: string;
  labels?: Labels;
  health: 'ok' | 'err' | 'unknown';
  lastError?: string;
  evaluationTime: number;
  lastEvaluation: string;
}

export interface AlertingRule extends RuleHealth {
  type: 'alerting';
  state: 'inactive' | 'pending' | 'firing' | 'unknown';
  /** Seconds of `for`. */
  duration: number;
  keepFiringFor: number;
  annotations: Labels;
  alerts: RuleAlert[];
}

export interface RecordingRule extends RuleHealth {
  type: 'recording';
}

export type Rule = AlertingRule | RecordingRule;

export interface RuleGroup {
  name: string;
  file: string;
  interval: number;
  limit: number;
  rules: Rule[];
  evaluationTime: number;
  lastEvaluation: string;
}

export async function ruleGroups(signal?: AbortSignal): Promise<RuleGroup[]> {
  return (await request<{ data: { groups: RuleGroup[] } }>('api/v1/rules', { signal })).data.groups;
}
