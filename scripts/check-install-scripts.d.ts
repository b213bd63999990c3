export function installScriptProblems(
  lock: { packages: Record<string, { name?: string; hasInstallScript?: boolean }> },
  reasons: Record<string, string>,
  allowed: Record<string, boolean>,
): string[];
