// Grafana's API of boards, as far as we keep boards.

import { ApiError, request } from './http';

/** A board as JSON: whatever its author wrote. */
export type BoardJson = Record<string, unknown>;

export interface BoardEntry {
  uid: string;
  title: string;
  tags: string[];
  folderTitle?: string;
}

export interface BoardMeta {
  version: number;
  created: string;
  updated: string;
  createdBy: string;
  updatedBy: string;
  /** Whether it comes from a file, which only its author changes. */
  provisioned: boolean;
  /** Which file. */
  provisionedExternalId?: string;
  canSave: boolean;
}

export interface BoardVersion {
  version: number;
  created: string;
  createdBy: string;
  message: string;
}

const board = (uid: string) => `api/dashboards/uid/${encodeURIComponent(uid)}`;

export const listBoards = (signal?: AbortSignal) => request<BoardEntry[]>('api/search?type=dash-db', { signal });

export const readBoard = (uid: string, signal?: AbortSignal) =>
  request<{ dashboard: BoardJson; meta: BoardMeta }>(board(uid), { signal });

/** Why a board was not saved: somebody else has, or another one has its name. */
export type Conflict = 'version-mismatch' | 'name-exists';

export type SaveOutcome =
  | { saved: { uid: string; version: number } }
  | { conflict: Conflict; message: string };

/** Saves a board; a conflict is an outcome, not an error. */
export async function saveBoard(dashboard: BoardJson, message: string, overwrite = false): Promise<SaveOutcome> {
  try {
    const json = { dashboard, message, overwrite };
    return { saved: await request<{ uid: string; version: number }>('api/dashboards/db', { json }) };
  } catch (error) {
    if (error instanceof ApiError && error.status === 412) {
      const conflict = error.reason === 'name-exists' ? 'name-exists' : 'version-mismatch';
      return { conflict, message: error.message };
    }
    throw error;
  }
}

export const deleteBoard = (uid: string) => request<unknown>(board(uid), { method: 'DELETE' });

export const boardVersions = async (uid: string) =>
  (await request<{ versions: BoardVersion[] }>(`${board(uid)}/versions`)).versions;

export const boardVersion = async (uid: string, version: number) =>
  (await request<{ data: BoardJson }>(`${board(uid)}/versions/${version}`)).data;

export const restoreBoard = (uid: string, version: number) =>
  request<{ version: number }>(`${board(uid)}/restore`, { json: { version } });
