/** What the steps of the Dockerfile have made. */
export interface Image {
  /** Where the last stage is: its `/app` is `folder/app`. */
  folder: string;
  /** The command of its health check. */
  healthCheck: string[];
  /** The command line that runs a command in it, read-only, as its user; by default what the image runs. */
  command(env: Record<string, string>, command?: string[]): string[];
  /** How large it is, compressed: what the steps have added, and the base as it is documented. */
  megabytes(): { added: number; base: number };
  remove(): void;
}

/** @returns whether the steps can be run here, which takes bubblewrap, and root or sudo */
export function canRunSteps(): boolean;

/** Runs the steps, which takes minutes. */
export function makeImage(): Image;
