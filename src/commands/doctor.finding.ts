/** How something is. */
export type State = 'ok' | 'warning' | 'failure';

/** What `doctor` has found. */
export interface Finding {
  /** What was looked at. */
  check: string;
  state: State;
  /** How it is, in a sentence. */
  message: string;
  /** What to do about it, in a sentence; absent: nothing. */
  advice?: string;
}

export const ok = (check: string, message: string): Finding => ({ check, state: 'ok', message });
export const warning = (check: string, message: string, advice: string): Finding => ({
  ...{ check, state: 'warning', message },
  advice,
});
export const failure = (check: string, message: string, advice: string): Finding => ({
  ...{ check, state: 'failure', message },
  advice,
});

export const messageOf = (error: unknown) =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
