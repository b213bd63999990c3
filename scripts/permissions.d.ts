export function writePermissions(page: string, description: unknown): { page: string; problems: string[] };
