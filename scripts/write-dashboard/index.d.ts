/** @returns the text of deploy/observability/dashboard.json */
export function dashboard(): Promise<string>;
